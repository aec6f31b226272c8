"""The benchmark as assets: edits of their own, scores that tell how much they cover."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backends import CALLS, ScriptedJudge
from lakes import made, open_scripted, run_all

from unicedit_assets.bench.samples import load_samples
from unicedit_assets.bench.sheet import sheets
from unicedit_assets.bench.statistics import Group, line
from unicedit_assets.checks.frames import score_coverage
from unicedit_assets.domain.roles import Scores
from unicedit_assets.pipeline.preview import preview
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.summary import benchmark_lines
from unicedit_assets.pipeline.unicbench_figures import stage_figures
from unicedit_assets.pipeline.unicbench_records import lake_pictures, list_rows, records_of

SCORES = Ref("unicbench_scores", "classical/en")


class Stern(ScriptedJudge):
    """Another judge: it halves the marks, and gives none for one subtask."""

    @property
    def identity(self) -> Any:
        return {**super().identity, "name": "stern"}

    def score(self, *given: Any) -> Scores:
        marks = super().score(*given)
        assert marks.visual_quality is not None
        return replace(marks, visual_quality=marks.visual_quality / 2)


class Silent(Stern):
    """A judge that leaves a metric out."""

    def score(self, *given: Any) -> Scores:
        return replace(super().score(*given), visual_quality=None)


def judged_by(home: Path, judge: ScriptedJudge) -> Project:
    project = open_scripted(home)
    return replace(project, backends=replace(project.backends, judge=judge), _specs={})


def test_another_judge_scores_the_same_edits_and_none_is_made_again(home: Path) -> None:
    project = judged_by(home, Stern())
    before = open_scripted(home).require(SCORES)
    CALLS.clear()
    assert made(run_all(project)) == {"unicbench_scores"}
    assert CALLS["edit"] == 0
    after = project.require(SCORES)
    edits = "unicbench_edits/classical/en"
    assert after.inputs[edits] == before.inputs[edits]
    quality = [
        project.ledger.read(manifest, "rows", ["visual_quality"])["visual_quality"].to_pylist()
        for manifest in (before, after)
    ]
    assert quality[1] == [mark / 2 for mark in quality[0]]


def test_a_scored_partition_shows_its_means_its_coverage_and_its_worst(home: Path) -> None:
    project = open_scripted(home)
    manifest = project.require(SCORES)
    figures = stage_figures(project, manifest)
    rows = project.ledger.read(manifest, "rows").to_pylist()
    assert figures["coverage"] == 1.0
    overall = [row["overall"] for row in rows]
    assert figures["score/overall"] == pytest.approx(sum(overall) / len(overall))
    assert f"score/{rows[0]['task']}" in figures
    shown = preview(project, manifest)
    assert shown.count("data:image/webp;base64,") == 2 * min(4, len(rows))
    worst = min(rows, key=lambda row: (row["overall"], row["key"]))
    assert shown.splitlines()[2].count(worst["subtask"]) == 1
    assert "overall / IF / NC / VQ / RA" in shown.splitlines()[0]
    assert stage_figures(project, project.require(Ref("unicbench", "main"))) == {}


def test_what_nobody_scored_has_no_mean_and_no_coverage(home: Path) -> None:
    project = judged_by(home, Silent())
    manifest = project.run(SCORES).manifest
    assert manifest.counts.accepted == 0
    assert stage_figures(project, manifest) == {"coverage": 0.0}
    frame = score_coverage(project, manifest)
    assert len(frame)
    assert set(frame["scored_share"]) == {0.0}
    assert set(frame["unaccounted"]) == {0}


def test_a_sample_whose_edit_failed_is_unscored_and_says_why(home: Path) -> None:
    project = open_scripted(home)
    for ref in project.refs("unicbench_edits"):
        failed = project.ledger.read(project.require(ref), "rejects").to_pylist()
        scores = project.require(Ref("unicbench_scores", ref.partition))
        unscored = project.ledger.read(scores, "rejects").to_pylist()
        told = {row["unit_id"]: row["detail"] for row in unscored}
        for row in failed:
            assert row["reason"] in told[row["unit_id"]]
        samples = project.require(Ref("unicbench", "main"))
        assert scores.counts.inputs == samples.counts.accepted


def test_asset_runs_give_the_benchmarks_own_records(home: Path) -> None:
    project = open_scripted(home)
    found = sheets(*records_of(project))
    assert {sheet.run.model for sheet in found} == set(project.backends.models)
    lines = {line.group: line for line in benchmark_lines(project)}
    for sheet in found:
        for language in ("en", "cn"):
            known = line(sheet, Group(language, "overall", "all"))
            table = lines[f"{sheet.run.model}/{language}"]
            assert known.covered.scored == table.scored
            assert known.covered.expected == table.samples
            total = known.estimates["overall"]
            assert (total.mean if total else None) == pytest.approx(table.means["overall"])


def test_what_a_judge_left_out_is_unscored_in_the_records_too(home: Path) -> None:
    project = judged_by(home, Silent())
    run_all(project)
    (records, coverage) = records_of(project)
    kept = [row for row in records.to_pylist() if row["metric"] == "visual_quality"]
    assert kept
    assert {row["status"] for row in kept} == {"unscored"}
    for sheet in sheets(records, coverage):
        assert line(sheet, Group("en", "overall", "all")).estimates["overall"] is None
        assert line(sheet, Group("en", "overall", "all")).estimates["instruction_following"]


def test_the_lakes_benchmark_can_be_written_out_as_a_list_with_its_pictures(
    home: Path, tmp_path: Path
) -> None:
    project = open_scripted(home)
    for name, data in lake_pictures(project):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in list_rows(project)), "utf-8")
    samples = load_samples(path).samples
    expected = project.require(Ref("unicbench", "main")).counts.accepted
    assert len(samples) == expected
    assert all(sample.source.read() for sample in samples)
    edits = sum(project.require(ref).counts.accepted for ref in project.refs("unicbench_edits"))
    assert len(list(tmp_path.glob("*/*/*/*.webp"))) == edits
