"""Each suite passes on what the stages make, and finds what was planted, with examples."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from backends import CALLS, photograph
from lakes import RELEASE, open_scripted, refs_of
from planting import Rows, forge, plant, reject

from unicedit_assets.checks.gx import BrokenRuleError, evaluate, rule
from unicedit_assets.checks.runner import Report, run_suite
from unicedit_assets.checks.suites import SUITES, suites_of
from unicedit_assets.domain.codec import encode_release
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.pipeline.pending import EVERYTHING, State, standings
from unicedit_assets.pipeline.project import BlockedInputError, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.manifests import Manifest

REFS = {
    "raw_images": Ref("raw_images", "s00000"),
    "instructions": Ref("instructions", "s00000"),
    "edits": Ref("edits", "s00000/classical"),
    "verified_edits": Ref("verified_edits", "s00000/classical"),
    "unicedit_10m": Ref("unicedit_10m", RELEASE),
    "unicbench": Ref("unicbench", "main"),
    "unicbench_edits": Ref("unicbench_edits", "classical/en"),
    "unicbench_scores": Ref("unicbench_scores", "classical/en"),
}


def report_of(project: Project, manifest: Manifest, name: str) -> Report:
    (suite,) = [suite for suite in suites_of(manifest.stage) if suite.name == name]
    return run_suite(project, manifest, suite)


def broken(report: Report) -> set[str]:
    """Return the columns whose rules were broken; each has a finding with an example."""
    findings = [finding for finding in report.findings if not finding.passed]
    assert all(finding.examples or finding.observed for finding in findings)
    return {finding.column for finding in findings}


def put(**cells: Any) -> Callable[[Rows], object]:
    """Change cells of the first row."""
    return lambda rows: rows[0].update(cells)


def repeat(rows: Rows) -> None:
    rows.append(rows[0])


def only_two(rows: Rows) -> None:
    del rows[2:]


def test_what_the_stages_make_passes(home: Path) -> None:
    project = open_scripted(home)
    failed = [
        (ref, suite.name, broken(found))
        for ref in refs_of(project)
        if ref in REFS.values()
        for suite in suites_of(ref.stage)
        if suite.blocking
        for found in [run_suite(project, project.require(ref), suite)]
        if not found.passed
    ]
    assert failed == []


@dataclass(frozen=True)
class Planted:
    """One bad row and the column of the rule that must break."""

    stage: str
    change: Callable[[Rows], object]
    column: str

    def __str__(self) -> str:
        return f"{self.stage}-{self.column}"


NAN = float("nan")
PLANTED = [
    Planted("raw_images", repeat, "image_id"),
    Planted("raw_images", put(source=None), "source"),
    Planted("raw_images", put(width=1000, height=1000), "preferred_size"),
    Planted("raw_images", put(width=1001), "multiple_of_16"),
    Planted("raw_images", put(image=b"RIFF"), "decodes"),
    Planted("raw_images", put(crop_share=0.21), "crop_share"),
    Planted("raw_images", put(crop_share=NAN), "crop_share"),
    Planted("raw_images", put(entropy=8.5), "entropy"),
    Planted("instructions", repeat, "instruction_id"),
    Planted("instructions", put(subtask="Colour Change"), "subtask"),
    Planted("instructions", put(subtask=None), "subtask"),
    Planted("instructions", put(task="Scene Editing", subtask="Color Alteration"), "task_matches"),
    Planted("instructions", put(en="涂成红色"), "is_english"),
    Planted("instructions", put(cn="Paint it red"), "is_chinese"),
    Planted("instructions", put(subtask="Relation Change", reasoning_points=[]), "points_match"),
    Planted("instructions", only_two, "per_image"),
    Planted("edits", repeat, "edit_id"),
    Planted("edits", put(width=1024, height=1024), "same_size"),
    Planted("edits", put(edit_image=b"RIFF"), "decodes"),
    Planted("edits", put(seed=None), "seed"),
    Planted("edits", put(subtask="nothing"), "subtask"),
    Planted("verified_edits", repeat, "edit_id"),
    Planted("verified_edits", put(confidence=1.5), "confidence"),
    Planted("verified_edits", put(confidence=NAN), "confidence"),
    Planted("verified_edits", put(is_changed=False), "consistent"),
    Planted("verified_edits", put(differences=[]), "consistent"),
    Planted("verified_edits", put(rewritten_en="涂成红色"), "is_english"),
    Planted("verified_edits", put(rewritten_cn="Paint it red"), "is_chinese"),
    Planted("verified_edits", put(evidence='{"a":NaN}'), "finite_evidence"),
    Planted("verified_edits", put(verifier_version=None), "verifier_version"),
    Planted("unicedit_10m", repeat, "repeated_keys"),
    Planted("unicedit_10m", put(edit_id="not-hex"), "malformed_keys"),
    Planted("unicedit_10m", put(subtask="nothing"), "dirty_subtasks"),
    Planted("unicedit_10m", put(cn="Paint it red"), "wrong_language"),
    Planted("unicedit_10m", put(file="data/train-00009-of-00010.parquet"), "missing_files"),
    Planted("unicbench", repeat, "key"),
    Planted("unicbench", put(subtask="Relation Change", reasoning_points=[]), "points_match"),
    Planted("unicbench", put(task="Scene Editing", subtask="Color Alteration"), "task_matches"),
    Planted("unicbench", put(image=b"RIFF"), "decodes"),
    Planted("unicbench", put(en=None), "en"),
    Planted("unicbench_edits", repeat, "key"),
    Planted("unicbench_edits", put(width=1024, height=1024), "same_size"),
    Planted("unicbench_edits", put(edit_image=b"RIFF"), "decodes"),
    Planted("unicbench_edits", put(seed=None), "seed"),
    Planted("unicbench_scores", repeat, "key"),
    Planted("unicbench_scores", put(visual_quality=10.5, overall=9.0), "visual_quality"),
    Planted("unicbench_scores", put(visual_quality=NAN), "visual_quality"),
    Planted("unicbench_scores", put(overall=3.0), "overall_is_geometric_mean"),
    Planted("unicbench_scores", put(subtask="Relation Change"), "reasoning_scored"),
]


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_row_is_found(home: Path, planted: Planted) -> None:
    project = open_scripted(home)
    manifest = plant(project, REFS[planted.stage], planted.change)
    report = report_of(project, manifest, f"{planted.stage}_sound")
    assert planted.column in broken(report)
    assert project.ledger.blocked(manifest) == [f"{planted.stage}_sound"]


def rewritten(home: Path, change: Callable[[Rows], object]) -> tuple[Project, Manifest]:
    """Rewrite the first data file of the release with changed rows."""
    project = open_scripted(home)
    manifest = project.require(REFS["unicedit_10m"])
    (path,) = home.glob(f"lake/releases/*/{manifest.fingerprint}/data/train-00000-*.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), path)
    return project, manifest


def spoil(rows: Rows) -> None:
    rows[0]["edit_image"] = {"bytes": b"\x89PNG", "path": "x.png"}


def shrink(rows: Rows) -> None:
    rows[0]["edit_image"] = {"bytes": encode_release(photograph(1)[::2]), "path": "x.png"}


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (spoil, "undecodable"),
        (shrink, "unequal_sizes"),
        (lambda rows: rows.pop(), "miscounted_files"),
        (lambda rows: rows.clear(), "miscounted_files"),
    ],
)
def test_a_bad_data_file_is_found(
    home: Path, change: Callable[[Rows], object], column: str
) -> None:
    project, manifest = rewritten(home, change)
    assert broken(report_of(project, manifest, "unicedit_10m_sound")) == {column}


def test_missing_damaged_and_foreign_data_files_are_found(home: Path) -> None:
    project = open_scripted(home)
    manifest = project.require(REFS["unicedit_10m"])
    first, second, third = sorted(
        home.glob(f"lake/releases/*/{manifest.fingerprint}/data/train-*.parquet")
    )
    first.unlink()
    pq.write_table(pq.read_table(second).drop_columns(["prompt_cn"]), second)
    third.write_bytes(third.read_bytes()[:-100])
    found = broken(report_of(project, manifest, "unicedit_10m_sound"))
    assert found == {"missing_files", "wrong_schema", "unreadable_files"}


def test_counts_that_do_not_fit_the_tables_are_found(home: Path) -> None:
    project = open_scripted(home)

    def one_more(value: dict[str, Any]) -> None:
        value["tables"]["rows"][0]["rows"] += 1
        value["tables"]["rejects"][0]["rows"] += 2

    forged = forge(project, REFS["edits"], one_more)
    report = report_of(project, forged, "edits_conserved")
    assert broken(report) == {"rows_off", "rejects_off"}


@pytest.mark.parametrize(
    ("reason", "column"),
    [(Reason.NO_EDIT, "reject_share"), (Reason.VERIFIER_FAILED, "failure_share")],
)
def test_rates_out_of_bounds_warn_and_block_nothing(
    home: Path, reason: Reason, column: str
) -> None:
    project = open_scripted(home)
    rejects = [reject(reason, f"unit-{number}") for number in range(30)]
    manifest = plant(project, REFS["verified_edits"], rejects=rejects)
    assert broken(report_of(project, manifest, "verified_edits_rates")) == {column}
    assert project.ledger.blocked(manifest) == []


def test_a_lopsided_shard_is_told(home: Path) -> None:
    def all_alike(rows: Rows) -> None:
        for row in rows:
            row["subtask"] = "Lens Zooming"

    project = open_scripted(home)
    manifest = plant(project, REFS["instructions"], all_alike)
    assert broken(report_of(project, manifest, "instructions_balance")) == {"factor"}


@pytest.mark.parametrize(
    ("stage", "below"),
    [
        ("raw_images", "instructions"),
        ("instructions", "edits"),
        ("edits", "verified_edits"),
        ("verified_edits", "unicedit_10m"),
    ],
)
def test_nothing_is_made_from_a_bad_partition(home: Path, stage: str, below: str) -> None:
    """Even when nobody evaluated the checks before: asking for the partition does."""
    project = open_scripted(home, checked=True)
    manifest = plant(project, REFS[stage], repeat)
    made = project.find(REFS[below])
    assert made is not None
    shutil.rmtree(home / "lake" / made.folder)
    CALLS.clear()
    with pytest.raises(BlockedInputError, match=f"{REFS[stage]} is blocked by failed checks"):
        project.run(REFS[below])
    assert CALLS.total() == 0
    assert project.find(REFS[below]) is None
    found = {each.ref: each for each in standings(project)}
    assert found[REFS[stage]].state is State.BLOCKED
    assert not found[REFS[below]].ready
    (found,) = [each for each in project.ledger.checks(manifest) if not each.passed]
    assert isinstance(found.summary, list)
    assert found.summary[0]["examples"]


def test_a_rule_that_cannot_be_evaluated_is_our_fault_and_not_bad_data() -> None:
    rules = [rule("ExpectColumnValuesToNotBeNull", column="missing")]
    with pytest.raises(BrokenRuleError, match="missing"):
        evaluate("x", pd.DataFrame({"a": [1]}), rules)


def test_every_suite_is_named_once_and_belongs_to_a_stage() -> None:
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    # Those of training are tested in test_verifier_suites.py.
    assert {suite.stage for suite in SUITES} == set(EVERYTHING)
