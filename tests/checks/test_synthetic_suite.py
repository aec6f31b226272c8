"""The suite of the synthetic pairs passes on what is drawn, and finds what was planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lakes import open_scripted
from planting import Rows, plant

from unicedit_assets.checks.runner import run_suite
from unicedit_assets.checks.suites import suites_of
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref

REF = Ref("synthetic_pairs", "y00000")


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    rows = {"shards": 1, "rows": 4, "chunk": 4, "side": 64}
    opened = open_scripted(tmp_path_factory.mktemp("drawn"), {"synthetic_pairs": rows})
    opened.run(REF)
    return opened


def broken(project: Project) -> set[str]:
    manifest = project.find(REF)
    assert manifest is not None
    reports = [run_suite(project, manifest, suite) for suite in suites_of(REF.stage)]
    assert [report.suite.blocking for report in reports] == [True, True, False]
    return {one.column for report in reports for one in report.findings if not one.passed}


def put(**cells: Any) -> Callable[[Rows], object]:
    return lambda rows: rows[0].update(cells)


def test_what_is_drawn_passes(project: Project) -> None:
    assert broken(project) == set()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda rows: rows.append(rows[0]), "key"),
        (put(subtask="Colour Change"), "subtask"),
        (put(strength=1.5), "strength"),
        (put(said_en="涂成红色"), "is_english"),
        (put(said_cn="Paint it red"), "is_chinese"),
        (put(edit_image=b"RIFF"), "decodes"),
        (put(kind="no_edit", is_changed=True), "truth_matches"),
        (put(kind="normal", is_changed=True, true_en=None), "truth_matches"),
        (put(seed=77), "is_repeated"),
        (put(photograph="0" * 32), "photograph_is_of_its_split"),
    ],
)
def test_a_planted_row_is_found(
    project: Project, change: Callable[[Rows], object], column: str
) -> None:
    manifest = plant(project, REF, change)
    assert column in broken(project)
    assert project.ledger.blocked(manifest) == ["synthetic_pairs_sound"]
