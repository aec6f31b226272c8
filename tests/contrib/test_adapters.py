"""The adapters for other harnesses: our scores through theirs; real harnesses where installed."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from photographs import photograph
from PIL import Image

from resources.bench_scorer import Scorer
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent

ROOT = Path(__file__).parents[2]
TONE = language.phrase(Intent("tone", {"tone": "black_and_white"}))


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Three samples: one edited rightly, one not edited, one that is missing."""
    pixels = photograph(3, (640, 416))
    rows = []
    gray = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    place = tmp_path / "out" / "mine" / "Tone_Transformation" / "en"
    place.mkdir(parents=True)
    for key, edited in {"right": gray, "same": pixels, "gone": None}.items():
        Image.fromarray(pixels).save(tmp_path / f"{key}.png")
        if edited is not None:
            Image.fromarray(np.asarray(edited)).save(place / f"{key}.png")
        rows.append(
            {
                "key": key,
                "task": "Scene Editing",
                "subtask": "Tone Transformation",
                "en": TONE.en,
                "cn": TONE.cn,
                "image_path": f"{key}.png",
            }
        )
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.setenv("UNICBENCH_DATA", str(path))
    monkeypatch.setenv("UNICBENCH_JUDGE", "embedded")
    yield path


def test_the_scorer_scores_what_is_there_and_leaves_out_what_is_not(listed: Path) -> None:
    scorer = Scorer.from_environment()
    found = {
        key: scorer.score(key, scorer.output(listed.parent / "out", "mine", key))
        for key in ("right", "same", "gone")
    }
    assert found["right"].values["overall"] > 8
    assert set(found["right"].values) == {"if", "nc", "vq", "overall"}
    assert found["same"].values["if"] == 0.0
    assert found["gone"].values == {}
    assert found["gone"].trouble.startswith("missing")


def test_without_a_list_the_scorer_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNICBENCH_DATA", raising=False)
    with pytest.raises(BenchError, match="UNICBENCH_DATA"):
        Scorer.from_environment()


def functions() -> object:
    path = ROOT / "contrib" / "lmms_eval" / "unicbench" / "utils.py"
    spec = importlib.util.spec_from_file_location("unicbench_lmms", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lmms_evals_functions_never_make_a_zero_of_what_is_missing(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = functions()
    monkeypatch.setenv("UNICBENCH_IMAGES", str(listed.parent / "out"))
    monkeypatch.setenv("UNICBENCH_IMAGES_MODEL", "mine")
    rows = [module.process_results({"key": key}, []) for key in ("right", "gone")]  # type: ignore[attr-defined]
    assert math.isnan(rows[1]["unicbench_overall"])
    assert module.mean([row["unicbench_overall"] for row in rows]) > 8  # type: ignore[attr-defined]
    assert module.share([row["unicbench_coverage"] for row in rows]) == 0.5  # type: ignore[attr-defined]
    monkeypatch.delenv("UNICBENCH_IMAGES")
    said = json.dumps({"text": "", "images": [str(listed.parent / "right.png")]})
    assert module.process_results({"key": "right"}, [said])["unicbench_if"] == 0.0  # type: ignore[attr-defined]
    assert math.isnan(module.process_results({"key": "right"}, ["no JSON"])["unicbench_if"])  # type: ignore[attr-defined]


@pytest.mark.slow
def test_both_harnesses_run_it_for_real(listed: Path) -> None:
    """Needs EVALSCOPE_PYTHON and LMMS_PYTHON, or both harnesses in this interpreter."""
    named = {"EVALSCOPE_PYTHON": "evalscope", "LMMS_PYTHON": "lmms_eval"}
    for variable, module in named.items():
        if variable not in os.environ and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed and {variable} is not set")
    given = {variable: os.environ.get(variable, sys.executable) for variable in named}
    done = subprocess.run(
        [ROOT / "contrib" / "try.sh", listed.parent / "out", "mine"],
        env={**os.environ, **given, "UNICBENCH_DATA": str(listed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "overall_score" in done.stdout
    assert "|unicbench_coverage" in done.stdout
    assert "0.6667" in done.stdout
