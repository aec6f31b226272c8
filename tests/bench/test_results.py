"""Folders read back, and the pages and commands made from them: complete, escaped, honest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.runs import Given, coverage, records, subtask_of, tables
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.results import read_results
from unicedit_assets.bench.samples import load_samples
from unicedit_assets.bench.store import write_json, write_parquet
from unicedit_assets.cli.app import app
from unicedit_assets.domain.taxonomy import task_of
from unicedit_assets.report.bench_cases import collect_cases
from unicedit_assets.report.bench_page import render_bench, write_leaderboard

HOSTILE = '<script>alert(1)</script>"\u202e'
CELLS: Given = {
    ("a", "en"): (2.0, 4.0, 8.0),
    ("b", "en"): (9.0, 9.0, 9.0),
    ("r", "en"): (None, 2.0, 4.0, 8.0),
}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list with pictures for the keys a, b, c and r."""
    (tmp_path / "images").mkdir()
    rows = []
    for number, key in enumerate("abcr"):
        pixels = np.full((40, 60, 3), 40 * number + 60, np.uint8)
        pixels[:, :30] //= 2
        Image.fromarray(pixels).save(tmp_path / "images" / f"{key}.png")
        subtask = subtask_of(key)
        row: dict[str, Any] = {
            "key": key,
            "task": task_of(subtask),
            "subtask": subtask,
            "en": f"Do {key} {HOSTILE}",
            "cn": f"做 {key}",
            "image_path": f"images/{key}.png",
        }
        if key == "r":
            row["reasoning_points"] = ["it holds"]
        rows.append(row)
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_run(top: Path, listed: Path, model: str, given: Given, judge: str = "strict") -> Path:
    """Write a folder as ``bench score`` leaves it; c is missing, the others have pictures."""
    out = top / model / "unicbench"
    out.mkdir(parents=True)
    cells = [*given, ("c", "en")]
    for key, language in given:
        place = top / model / subtask_of(key).replace(" ", "_") / language / f"{key}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), (200, 30, 30)).save(place)
    covered = coverage(cells, model=model, states={("c", "en"): "missing"})
    rows = records(given, model=model, judge=judge)
    rows[0]["reason"] = HOSTILE
    kept, found = tables(rows, covered)
    write_parquet(kept, out / "records.parquet")
    write_parquet(found, out / "coverage.parquet")
    run = {"data": str(listed), "data_sha256": load_samples(listed).sha256, "images": str(top)}
    write_json({**run, "model": model, "rule": "none", "judges": []}, out / "run.json")
    return out


@pytest.fixture
def folders(tmp_path: Path, listed: Path) -> list[Path]:
    better = {cell: tuple(min(10.0, (s or 0) + 1) for s in v) for cell, v in CELLS.items()}
    top = tmp_path / "outputs"
    return [
        write_run(top, listed, "painter", CELLS),
        write_run(top, listed, "sketcher", better),
    ]


def test_runs_are_found_by_the_names_that_people_use(folders: list[Path]) -> None:
    results = read_results(folders)
    assert results.sheet("painter").run.model == "painter"
    assert results.sheet("painter@str").run.judge == "strict"
    with pytest.raises(BenchError, match=r"no run is called 'nobody'.*painter@strict"):
        results.sheet("nobody")


def test_folders_of_different_lists_do_not_stand_in_one_table(folders: list[Path]) -> None:
    path = folders[0] / "run.json"
    path.write_text(path.read_text().replace('"data_sha256": "', '"data_sha256": "0'))
    with pytest.raises(BenchError, match="different benchmark lists"):
        read_results(folders)


def test_the_page_tells_everything_and_trusts_no_text(folders: list[Path], listed: Path) -> None:
    results = read_results(folders)
    page = render_bench(results, load_samples(listed), 2)
    for said in (
        "INCOMPLETE: painter / strict EN: 2 of 4 scored",
        "painter@strict",
        "2/4",
        "Not everything was scored",
        "instruction_following of b",
        "&#34;score&#34;: 9.0",
        "it holds",
    ):
        assert said in page, said
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "⟨U+202E⟩" in page
    assert page.count("<script>") == 1
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page == render_bench(read_results(folders), load_samples(listed), 2)


def test_samples_come_worst_first_with_both_pictures(folders: list[Path], listed: Path) -> None:
    cases = collect_cases(read_results(folders[:1]), load_samples(listed), 9)
    assert [(case.key, case.state) for case in cases.shown] == [
        ("a", ""),
        ("b", ""),
        ("c", "missing"),
        ("r", "not scored"),
    ]
    assert cases.total == 4
    assert all(case.source.startswith("data:image/") for case in cases.shown)
    assert [bool(case.edited) for case in cases.shown] == [True, True, False, True]
    only = collect_cases(read_results(folders[:1]), load_samples(listed), 1)
    assert [case.key for case in only.shown] == ["a", "r"]


def test_without_the_list_the_page_says_what_it_lacks(folders: list[Path]) -> None:
    page = render_bench(read_results(folders), None, 1)
    assert "there are neither sources nor instructions" in page


def told(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_report_compare_and_export_by_the_command_line(folders: list[Path], tmp_path: Path) -> None:
    names = [str(folder) for folder in folders]
    page = tmp_path / "page.html"
    told("bench", "report", *names, "--out", str(page))
    assert "Benchmark report" in page.read_text("utf-8")
    shown = told("bench", "compare", "painter", "sketcher", "--in", names[0], "--in", names[1])
    assert "only the second has" in shown
    assert "pairs" in shown
    out = tmp_path / "exports"
    assert "INCOMPLETE" in told("bench", "export", *names, "--out", str(out))
    board = (out / "leaderboard.html").read_text("utf-8").partition("<tbody>")[2]
    assert board.index("painter") < board.index("sketcher") < board.index("GPT-Image-1")
    assert "Judge: <bdi>strict</bdi>" in board
    results = out / "painter" / "eval_output" / "strict" / "Color_Alteration_en_results.jsonl"
    rows = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    assert [row["key"] for row in rows] == ["a", "b"]
    assert rows[0]["instruction"] == f"Do a {HOSTILE}"
    assert (out / "unicbench.csv").read_text().count("\n") > 10
    assert r"\begin{table}" in (out / "unicbench.tex").read_text()


def test_the_leaderboard_ranks_each_judge_by_itself(
    folders: list[Path], listed: Path, tmp_path: Path
) -> None:
    worse = {cell: tuple(s and s / 2 for s in values) for cell, values in CELLS.items()}
    other = write_run(tmp_path / "others", listed, "painter", worse, "harsh")
    page = write_leaderboard(read_results([*folders, other]), tmp_path / "board.html")
    board = page.read_text("utf-8").partition("<tbody>")[2].partition("paper")[0]
    told = re.findall(r"Judge: <bdi>(\w+)|<td class=\"n\">(\d)</td>|row\"><bdi>(\w+)", board)
    assert ["".join(one) for one in told] == [
        *("harsh", "1", "painter"),
        *("strict", "1", "painter", "2", "sketcher"),
    ]


def test_an_unfinished_folder_is_an_answer(folders: list[Path]) -> None:
    (folders[0] / "coverage.parquet").unlink()
    with pytest.raises(BenchError, match="finish"):
        read_results(folders)


def test_tables_stay_in_the_contracts_form() -> None:
    kept, covered = tables(records(CELLS), coverage(CELLS))
    assert isinstance(kept, pa.Table)
    assert covered.num_rows == 3
