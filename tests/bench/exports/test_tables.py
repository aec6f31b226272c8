"""Tables: the paper's form, honest titles, nothing that a name could break."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from bench.runs import coverage, records, tables
from unicedit_assets.bench.exports.paper import TABLE_4
from unicedit_assets.bench.exports.tables import (
    Result,
    csv_text,
    escaped,
    latex,
    markdown,
    title_of,
)
from unicedit_assets.bench.sheet import sheets
from unicedit_assets.bench.statistics import lines
from unicedit_assets.domain.unicbench import METRICS

CELLS = {("a", "en"): (2.0, 4.0, 8.0), ("r", "en"): (9.0, 9.0, 9.0, 9.0)}
HOSTILE = "=cmd|' /C calc'_|&%\\<b>"


def results(models: dict[str, dict], missing: int = 0) -> list[Result]:
    rows, listed = [], []
    for model, given in models.items():
        rows += records(given, model=model)
        listed += coverage([*given, *((f"x{n}", "en") for n in range(missing))], model=model)
    found = sheets(*tables(rows, listed))
    return [Result(sheet.run, tuple(lines(sheet, resamples=50))) for sheet in found]


def test_the_papers_rows_hold_the_papers_figures() -> None:
    """The geometric mean of a model's means cannot be far from the mean of geometric means."""
    for row in TABLE_4["en"].values():
        assert len(row) == len(METRICS)
        assert min(row[:3]) - 0.6 < row.overall < max(row[:3])


def test_a_table_below_full_coverage_says_so_in_its_title() -> None:
    whole, part = results({"m": CELLS}), results({"m": CELLS}, missing=2)
    assert title_of(whole, ["en"]) == "UnicBench"
    assert "m / strict EN: 2 of 4 scored" in title_of(part, ["en"])
    for text in (markdown(part), latex(part)):
        assert "INCOMPLETE" in text
    for text in (markdown(whole), latex(whole)):
        assert "INCOMPLETE" not in text


def test_markdown_has_the_papers_rows_ours_by_rank_and_intervals() -> None:
    text = markdown(results({"low": CELLS, "high": {c: (9.0,) * len(v) for c, v in CELLS.items()}}))
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {6}
    names = [row[0].removeprefix("| ") for row in rows]
    assert names[2:11] == [f"{name} (paper)" for name in TABLE_4["en"]]
    assert names[11:] == ["high / strict", "low / strict"]
    assert re.fullmatch(r"6\.50 \[4\.00, 9\.00\] \|", rows[-1][-1])


def test_latex_has_one_cell_a_column_in_every_row() -> None:
    found = results({HOSTILE: {**CELLS, ("a", "cn"): (5.0, 5.0, 5.0)}})
    text = latex(found)
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    bare = [re.sub(r"\\[&%$#_{}]|\\text\w+\{\}", "", line) for line in body]
    assert [line.count("&") for line in bare] == [2] + [10] * (len(body) - 1)
    assert text.count(r"\midrule") == 2
    assert "--" in bare[-1]  # no RA in Chinese: a dash


def test_hostile_names_are_escaped() -> None:
    assert escaped("a_b&c\\") == r"a\_b\&c\textbackslash{}"
    found = results({HOSTILE: CELLS})
    assert "<b>" not in markdown(found).replace(r"\<b\>", "")
    assert csv.DictReader(io.StringIO(csv_text(found))).__next__()["model"].startswith("'=")


def test_csv_has_every_group_and_leaves_what_is_unscored_empty(tmp_path: Path) -> None:
    found = list(csv.DictReader(io.StringIO(csv_text(results({"m": CELLS}, missing=1)))))
    by_cell = {(row["level"], row["name"], row["metric"]): row for row in found}
    whole = by_cell["overall", "all", "overall"]
    assert float(whole["mean"]) == pytest.approx(6.5)
    assert (whole["samples"], whole["expected"], whole["scored"]) == ("2", "3", "2")
    plain = by_cell["subtask", "Color Alteration", "reasoning_accuracy"]
    assert (plain["mean"], plain["samples"]) == ("", "0")
    assert float(plain["expected"]) == 2
