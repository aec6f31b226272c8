"""``unicedit bench``, as a newcomer types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench_world import MODEL, World, make_world, save, write_list
from click.testing import Result
from photographs import photograph
from typer.testing import CliRunner
from vlm_server import VlmServer, says

from unicedit_assets.bench.store import read_records
from unicedit_assets.cli.app import app, main
from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent

TONES = ("warm", "cool")


def call(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", *map(str, arguments)])


def told(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return " ".join(result.output.split())


def refused(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code == 1
    assert result.exception
    return str(result.exception)


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    """A list whose instructions the embedded editor and judge can read."""
    lines = []
    for number, tone in enumerate(TONES):
        text = language.phrase(Intent("tone", {"tone": tone}))
        key = f"k{number}"
        save(tmp_path / "images" / f"{key}.png", photograph(number, (320, 256)))
        lines.append(
            {
                **{"key": key, "task": "Scene Editing", "subtask": "Tone Transformation"},
                **{"en": text.en, "cn": text.cn, "image_path": f"images/{key}.png"},
            }
        )
    return write_list(tmp_path / "list.jsonl", lines)


def test_generate_then_score_with_the_embedded_players(readable: Path, tmp_path: Path) -> None:
    both = ("--data", readable, "--languages", "en", "cn")
    for editor in ("classical", "identity"):
        made = told("generate", "--editor", editor, "--out", tmp_path / "outs", *both)
        assert "4 edits made, 0 were there, 0 failed" in made
        judged = told(
            *("score", "--images", tmp_path / "outs", "--model", editor, "--judge", "embedded"),
            *both,
        )
        assert "expected 4 outputs = 4 present + 0 missing + 0 unreadable + 0 wrong_size" in judged
        assert "asked 12 questions = 12 scored + 0 unscored" in judged
        assert "INCOMPLETE" not in judged
    means = {}
    for editor in ("classical", "identity"):
        rows = read_records(tmp_path / "outs" / editor / "unicbench").to_pylist()
        scores = [r["score"] for r in rows if r["metric"] == "instruction_following"]
        means[editor] = np.mean(scores)
    assert means["identity"] == 0
    assert means["classical"] > 7
    again = told("generate", "--editor", "classical", "--out", tmp_path / "outs", *both)
    assert "0 edits made, 4 were there" in again
    assert "another editor" in refused(
        *("generate", "--editor", "identity", "--name", "classical", "--out", tmp_path / "outs"),
        *both,
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "world", 22)


def arguments(world: World, server: VlmServer, *more: str | Path) -> list[str | Path]:
    return [
        *("score", "--images", world.images, "--model", MODEL, "--data", world.list),
        *("--judge", server.url, "--judge-model", "m", "--languages", "en", *more),
    ]


def test_two_judges_at_once_and_what_is_incomplete_says_so(world: World) -> None:
    world.output(world.samples.samples[0]).unlink()
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        more = ("--judge", server.url, "--judge-model", "n", "--repeats", "2")
        text = told(*arguments(world, server, *more))
        assert text.count("INCOMPLETE: 21 of 22 samples scored (95.5%)") == 2
        assert text.count("asked 136 questions = 136 scored + 0 unscored") == 2
        assert "note: 1 missing, such as" in text
        assert {asked.body["model"] for asked in server.asked} == {"m", "n"}
        types = [part["type"] for part in server.asked[0].parts]
        assert types == ["image_url", "image_url", "text"]
        wanted = refused(*arguments(world, server, "--require-coverage"))
        assert "21 of 22 outputs are there" in wanted
    out = world.images / MODEL / "unicbench"
    described = json.loads((out / "run.json").read_text())
    assert described["finished"] is True
    assert described["counts"]["missing"] == 1
    assert [judge["model"] for judge in described["judges"]] == ["m", "n"]
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        told(*arguments(world, server, "--judge-revision", "later"))
    judges = json.loads((out / "run.json").read_text())["judges"]
    assert [(judge["model"], judge["revision"]) for judge in judges] == [
        ("m", "later"),
        ("m", ""),
        ("n", ""),
    ]
    assert told("rescore", out) == "340 records, 0 of them read differently now"


def test_other_prompts_are_asked_and_make_another_judge(world: World, tmp_path: Path) -> None:
    for metric in ("instruction_following", "non_edit_consistency", "visual_quality"):
        (tmp_path / f"{metric}.txt").write_text(f"Mine: $prompt ({metric})")
    (tmp_path / "reasoning_accuracy.txt").write_text("Mine: $prompt $points")
    (tmp_path / "reply.yaml").write_text("score: mark\nreason: why\n")
    with VlmServer(lambda _: says({"why": "seen", "mark": 6})) as server:
        told(*arguments(world, server, "--prompts", tmp_path, "--limit", "1"))
        assert all(asked.text.startswith("Mine: ") for asked in server.asked)
        assert set(server.asked[0].schema["properties"]) == {"why", "mark"}
        server.reply = lambda _: says({"reasoning": "seen", "score": 6})
        told(*arguments(world, server))
    names = set(read_records(world.images / MODEL / "unicbench")["judge"].to_pylist())
    assert len(names) == 2


def test_a_judge_of_the_project_is_known_by_its_name(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        (home / "unicedit.toml").write_text(
            f'[vlms.grader]\nkind = "openai"\nmodel = "m"\nbase_url = "{server.url}"\n'
            "max_pixels = 2000\n"
        )
        command = arguments(world, server, "--home", home, "--limit", "1")
        command[command.index("--judge") + 1] = "grader"
        del command[command.index("--judge-model") : command.index("--judge-model") + 2]
        told(*command)
        heights = {image.shape[0] for asked in server.asked for image in asked.images}
    assert heights == {38}
    names = set(read_records(world.images / MODEL / "unicbench")["judge"].to_pylist())
    assert [name.rpartition("-")[0] for name in names] == ["grader"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--judge", "http://127.0.0.1:1/v1"), "needs the name of its model: --judge-model"),
        (("--judge", "nobody"), "no judge 'nobody': give a URL"),
        (("--judge", "vllm:/nowhere"), "/nowhere"),
        (("--judge-revision", "1", "--judge-revision", "2"), "more --judge-model or"),
        (("--judge-model", "extra"), "more --judge-model or --judge-revision than"),
        (("--subtasks", "Zooming"), "not a subtask: 'Zooming'"),
        (("de",), "not a language: 'de'"),
        (("--structured", "xml"), "structured"),
        (("--prompts", "nowhere"), "nowhere has no judge_instruction_following.yaml"),
        (("--model", "other"), "outputs are expected at"),
        (("--data", "nowhere.jsonl"), "nowhere.jsonl does not exist"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    world: World, more: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with VlmServer(lambda _: says({"reasoning": "", "score": 1})) as server:
        command = arguments(world, server, *more)
        if more[0] in ("--model", "--data"):
            at = command.index(more[0])
            del command[at : at + 2]
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr("sys.argv", ["unicedit", "bench", *map(str, command)])
            main()
        assert server.asked == []
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert why in error


def test_records_of_another_list_are_not_mixed(world: World, tmp_path: Path) -> None:
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        told(*arguments(world, server, "--out", tmp_path / "out"))
        other = make_world(tmp_path / "other", 44)
        assert "another benchmark list" in refused(
            *arguments(other, server, "--out", tmp_path / "out")
        )
