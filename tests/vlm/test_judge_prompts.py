"""A folder of other prompts: what it may hold, and what is refused with the file's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.judge_prompts import JUDGED, PromptsError, prompts_in, shipped_prompts
from vlm.scripted import ScriptedVlm, picture

IMAGES = (np.zeros((8, 8, 3), np.uint8),) * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for metric in JUDGED:
        points = " $points" if metric == "reasoning_accuracy" else ""
        (tmp_path / f"{metric}.txt").write_text(f"{metric} of $prompt for 5 $$:{points}")
    return tmp_path


def test_plain_texts_are_filled_and_hashed_one_by_one(folder: Path) -> None:
    first = prompts_in(folder)
    asked = first.question("reasoning_accuracy", IMAGES, 'Paint "it" <red>', ("a", "b"))
    assert asked.text == (
        'reasoning_accuracy of "Paint \\"it\\" \\u003cred>" for 5 $: - "a"\n- "b"'
    )
    assert asked.system == ""
    (folder / "visual_quality.txt").write_text("other $prompt")
    second = prompts_in(folder)
    differing = [m for m in JUDGED if first.prompts[m].sha256 != second.prompts[m].sha256]
    assert differing == ["visual_quality"]
    assert first.sha256 != second.sha256


def test_a_copy_of_ours_is_ours(tmp_path: Path) -> None:
    from importlib import resources

    for metric in JUDGED:
        name = f"judge_{metric}.yaml"
        data = resources.files("unicedit_assets.prompts").joinpath(name).read_bytes()
        (tmp_path / name).write_bytes(data)
    assert prompts_in(tmp_path) == shipped_prompts()
    assert prompts_in(tmp_path).sha256 == shipped_prompts().sha256


def test_other_reply_keys_are_asked_for_and_read(folder: Path) -> None:
    plain = prompts_in(folder).sha256
    (folder / "reply.yaml").write_text("score: mark\nreason: why\n")
    prompts = prompts_in(folder)
    assert prompts.sha256 != plain
    vlm = ScriptedVlm({"why": "seen", "mark": 4.5})
    scores = VlmJudge(vlm, prompts=prompts).score(picture(), picture(), "x", ())
    assert scores.visual_quality == 4.5
    assert list(vlm.asked[0].schema["properties"]) == ["why", "mark"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("visual_quality.txt", "no slot", r"visual_quality\.txt: the text lacks \$prompt"),
        ("visual_quality.txt", "$prompt $image", r"\$image is no slot"),
        ("visual_quality.txt", "$prompt costs 5 $", r"a lone \$ is no slot"),
        ("reasoning_accuracy.txt", "$prompt", r"the text lacks \$points"),
        ("visual_quality.yaml", "text: [1]", "must be texts"),
        ("visual_quality.yaml", "- a", "not a table of fields"),
        ("visual_quality.yaml", "a: [", "not YAML"),
        ("reply.yaml", "score: reasoning", "which differ"),
        ("reply.yaml", "grade: x", "names the two keys"),
        ("reply.yaml", "score: 5", "names the two keys"),
    ],
)
def test_what_cannot_be_used_is_refused(folder: Path, name: str, text: str, why: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(PromptsError, match=why):
        prompts_in(folder)


def test_a_missing_metric_and_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "visual_quality.txt").write_bytes(b"\xff $prompt")
    with pytest.raises(PromptsError, match="not UTF-8"):
        prompts_in(folder)
    (folder / "visual_quality.txt").unlink()
    with pytest.raises(PromptsError, match=r"has no judge_visual_quality\.yaml or"):
        prompts_in(folder)
