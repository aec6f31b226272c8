"""The table of verifiers: every figure with its interval, nothing that was not measured."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from measured import evaluate, measured_home, open_measured

from report.test_page import parse
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report.facts import collect_facts
from unicedit_assets.report.page import render, write_report
from unicedit_assets.report.verifiers import collect_verifiers


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Project:
    built = measured_home(tmp_path_factory.getbasetemp())
    return open_measured(Path(shutil.copytree(built, tmp_path / "home")))


def test_before_any_evaluation_the_report_says_how_to_get_one(project: Project) -> None:
    assert (
        "No verifier has been measured yet: unicedit verify eval"
        in parse(render(collect_facts(project), project.home)).text
    )


def test_the_table_has_every_measured_verifier_and_the_same_bytes_again(project: Project) -> None:
    evaluate(project, "pixels", "scripted-1", "broken-1")
    found = collect_verifiers(project)
    assert [line.name for line in found.lines] == ["pixels", "broken-1", "scripted-1"]
    assert [line.promoted for line in found.lines] == [False, False, True]
    assert "threshold" in found.lines[0].note
    assert found.lines[1].reliability == ""
    out = project.home / "report.html"
    first = write_report(project, out).read_bytes()
    assert write_report(project, out).read_bytes() == first
    page = parse(first.decode())
    (normal,) = [found.lines[0].whole.kinds["normal"].score]
    assert f"{normal.value:.2f} ({normal.low:.2f}–{normal.high:.2f})" in page.text
    assert "The paper's Table 5 has the same columns" in page.text
    images = [value for value in page.values("img", "src") if value.startswith("data:image/png")]
    assert len(images) == 1


def test_a_hostile_name_is_text(project: Project) -> None:
    evaluate(project, "scripted-1")
    facts = collect_facts(project)
    (line,) = facts.verifiers.lines
    bad = replace(line, name='"><script>window.hacked=1</script>')
    page = render(replace(facts, verifiers=replace(facts.verifiers, lines=(bad,))), project.home)
    assert "<script>window.hacked" not in page
    assert "window.hacked=1" in parse(page).text
