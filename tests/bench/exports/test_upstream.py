"""Upstream's files: a reader written like theirs finds the same means, and no zero."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.runs import coverage, records, tables
from unicedit_assets.bench.exports.upstream import Texts, folder_name, folder_of, write_upstream
from unicedit_assets.bench.sheet import RecordsError, Run, sheets

GIVEN = {
    ("a", "en"): (2.0, 4.0, 8.0),
    ("a", "cn"): (8.0, 8.0, 8.0),
    ("b", "en"): (None, 6.0, 6.0),
    ("r", "en"): (1.0, 2.0, 4.0, 8.0),
}
TEXTS = Texts({("a", "en"): "Paint it 红."}, {("a", "en"): "painter/Color_Alteration/en/a.png"})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    kept, covered = tables(records(GIVEN), coverage([*GIVEN, ("c", "en")]))
    (sheet,) = sheets(kept, covered)
    write_upstream(tmp_path, sheet, kept, TEXTS)
    return tmp_path / "painter" / "eval_output" / "strict"


def upstream_reader(folder: Path, language: str) -> dict[str, float]:
    """Average like ``calculate_scores.py``: every line of every file that ends like a result."""
    rows = [
        json.loads(line)
        for path in folder.iterdir()
        if path.name.endswith(f"{language}_results.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    reasoned = [row["ra_score"] for row in rows if row["ra_score"] is not None]
    return {
        "count": len(rows),
        **{
            f"{name}_mean": float(np.mean([row[f"{name}_score"] for row in rows]))
            for name in ("if", "nc", "vq", "overall")
        },
        **({"ra_mean": float(np.mean(reasoned)), "ra_count": len(reasoned)} if reasoned else {}),
    }


@pytest.mark.parametrize("language", ["en", "cn"])
def test_the_statistics_are_what_upstreams_reader_computes(written: Path, language: str) -> None:
    stated = json.loads((written / "statistics" / f"{language}_statistics.json").read_text())
    assert set(stated) == {"overall", "by_task", "by_subtask"}
    assert stated["overall"] == pytest.approx(upstream_reader(written, language))


def test_a_row_has_upstreams_fields_in_their_order(written: Path) -> None:
    (line,) = (written / "Color_Alteration_en_results.jsonl").read_text("utf-8").splitlines()
    row = json.loads(line)
    assert list(row) == [
        *("key", "task", "subtask", "instruction", "instruction_language", "edited_image_path"),
        *("if_score", "if_reason", "nc_score", "nc_reason", "vq_score", "vq_reason"),
        *("ra_score", "ra_reason", "overall_score"),
    ]
    assert row["instruction"] == "Paint it 红."
    assert "红" in line
    assert (row["if_reason"], row["ra_score"]) == ("instruction_following of a", None)
    assert row["overall_score"] == pytest.approx(4.0)


def test_what_is_unscored_is_told_apart_and_counted(written: Path) -> None:
    unscored = [json.loads(x) for x in (written / "unscored.jsonl").read_text().splitlines()]
    assert [(row["key"], row["if_score"], row["nc_score"]) for row in unscored] == [
        ("b", None, 6.0),
        ("c", None, None),
    ]
    assert json.loads((written / "coverage.json").read_text()) == {
        "expected": 5,
        "scored": 3,
        "unscored": 2,
        "states": {"present": 5},
        "share": 0.6,
    }


def test_repeats_are_averaged_and_the_first_reason_is_kept(tmp_path: Path) -> None:
    rows = [
        *records({("a", "en"): (2.0, 4.0, 8.0)}, repeat=1),
        *records({("a", "en"): (4.0, 4.0, 8.0)}, repeat=0),
    ]
    kept, covered = tables(rows)
    (sheet,) = sheets(kept, covered)
    first = write_upstream(tmp_path, sheet, kept, TEXTS)[0]
    assert json.loads(first.read_text("utf-8"))["if_score"] == 3.0


def test_variants_and_hostile_names_stay_below_the_folder() -> None:
    top = Path("top")
    assert folder_of(top, Run("m", "rewritten", "j")) == top / "m-rewritten/eval_output/j"
    for name in ("../../etc", "/etc/passwd", "a/b", "..", "a\0b"):
        try:
            made = folder_name(name)
        except RecordsError:
            continue
        assert (top / made).resolve().parent == top.resolve()
