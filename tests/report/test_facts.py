"""The facts of a project whose every row is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from report.lake import (
    MISALIGNED,
    PARTITION,
    SHARD,
    SUBTASKS,
    WRITTEN,
    backends,
    edit_id,
)
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.schemas import TRUTH
from unicedit_assets.domain.taxonomy import SUBTASKS as TAXONOMY
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report.examples import Limits
from unicedit_assets.report.facts import Facts, collect_facts
from unicedit_assets.report.wording import MEANINGS, STAGES
from unicedit_assets.storage.ledger import Ledger

TOTAL = sum(WRITTEN.values())
ACCEPTED = TOTAL - 1 - MISALIGNED


@pytest.fixture(scope="module")
def facts(project: Project) -> Facts:
    return collect_facts(project)


def test_the_funnel_tells_each_stage_and_reason(facts: Facts) -> None:
    steps = {step.stage: step for step in facts.funnel}
    assert list(steps) == list(STAGES)
    assert steps["raw_images"].accepted == 3
    assert [one.reason for one in steps["raw_images"].reasons] == ["undecodable"]
    assert steps["edits"].failed == 1
    assert steps["edits"].reasons[0].failed
    assert steps["verified_edits"].inputs == TOTAL - 1
    assert (steps["verified_edits"].accepted, steps["verified_edits"].rejected) == (
        ACCEPTED,
        MISALIGNED,
    )
    assert steps["unicedit_10m"].inputs == ACCEPTED


def test_all_subtasks_stand_against_their_quota(facts: Facts) -> None:
    lines = {line.subtask: line for line in facts.distribution.lines}
    assert tuple(lines) == TAXONOMY
    assert {name for name, line in lines.items() if line.done} == set(SUBTASKS)
    assert lines["Color Alteration"].written == WRITTEN["Color Alteration"]
    assert lines["Color Alteration"].accepted == WRITTEN["Color Alteration"] - MISALIGNED
    assert lines["Color Alteration"].target == pytest.approx(TOTAL / 3)
    assert lines["Motion Change"].target is None
    assert facts.distribution.factor == pytest.approx(9 / 3)


def test_quotas_as_configured_move_the_targets(project: Project) -> None:
    # Other quotas are another identity, so nothing is up to date: the share is what is looked at.
    quotas = {"Color Alteration": 3.0, "Tone Transformation": 1.0}
    instructions = project.settings.instructions.model_copy(update={"quotas": quotas})
    settings = project.settings.model_copy(update={"instructions": instructions})
    facts = collect_facts(replace(project, settings=settings, _specs={}))
    assert facts.standing["stale"] > 0
    lines = {line.subtask: line for line in facts.distribution.lines}
    assert lines["Spatial Reasoning Edits"].target is None
    assert lines["Color Alteration"].target == 0.0


def test_the_gallery_is_bounded_and_says_of_how_many(facts: Facts) -> None:
    gallery = facts.gallery
    assert gallery.totals["Color Alteration"] == 7
    assert gallery.shown("Color Alteration") == 6
    assert gallery.shown("Tone Transformation") == 3
    assert not gallery.cut
    assert [pair.subtask for pair in gallery.pairs[:3]] == [
        "Color Alteration",
        "Tone Transformation",
        "Spatial Reasoning Edits",
    ]


def test_a_tight_budget_thins_all_subtasks_alike(project: Project) -> None:
    whole = collect_facts(project).gallery
    budget = sum(pair.size for pair in whole.pairs[:4])
    gallery = collect_facts(project, Limits(gallery_chars=budget)).gallery
    assert gallery.pairs == whole.pairs[:4]
    assert gallery.cut
    assert {pair.subtask for pair in gallery.pairs} == set(SUBTASKS)


def test_a_pair_carries_both_texts_and_its_provenance(project: Project, facts: Facts) -> None:
    pair = next(pair for pair in facts.gallery.pairs if pair.key == edit_id(10))
    assert (pair.en, pair.rewritten_en) == ("Make the sky red.", "Rewritten: Make the sky red.")
    assert pair.rewritten
    assert pair.source.startswith("data:image/webp;base64,")
    assert pair.source != pair.edited
    known = pair.provenance
    assert known["Source"] == "/photographs/1-lake.jpg"
    assert (known["Licence"], known["Seed"]) == ("CC0-1.0", "4010")
    assert known["Settings"] == "strength: 2"
    assert known["Verifier"] == "evidence, version evidence-1"
    assert known["Release"] == "first: data/train-00000-of-00001.parquet, row 10"
    assert {name.split("/")[0] for name in pair.manifests} == {
        "raw_images",
        "instructions",
        "edits",
        "verified_edits",
    }
    for name, fingerprint in pair.manifests.items():
        stage, _, partition = name.partition("/")
        assert project.ledger.find(stage, partition, fingerprint)


def test_a_pair_that_a_release_left_out_says_why(project: Project) -> None:
    facts = collect_facts(project, Limits(pairs=50))
    pair = next(pair for pair in facts.gallery.pairs if pair.key == edit_id(MISALIGNED))
    assert pair.provenance["Release"] == "first: left out, duplicate"


def test_an_exact_instruction_counts_as_not_rewritten(project: Project) -> None:
    pairs = collect_facts(project, Limits(pairs=50)).gallery.pairs
    assert [pair.key for pair in pairs if not pair.rewritten] == [edit_id(TOTAL - 2)]


def test_rejects_come_with_their_evidence(facts: Facts) -> None:
    groups = {(group.stage, group.reason): group for group in facts.rejects}
    group = groups["verified_edits", "misaligned"]
    assert (group.count, len(group.examples)) == (MISALIGNED, MISALIGNED)
    assert group.share == pytest.approx(MISALIGNED / (TOTAL - 1))
    example = group.examples[0]
    assert example.boxes == ((0.25, 0.5, 0.75, 1.0), (0.0, 0.0, 1.0, 0.125))
    assert example.evidence["changed_share"] == 0.123456
    assert example.detail == "the sky is blue"
    assert example.source
    assert example.edited
    failed = groups["edits", "editor_failed"]
    assert failed.failed
    assert failed.examples[0].source
    assert not failed.examples[0].edited
    assert not groups["raw_images", "undecodable"].examples[0].source


def test_rejects_keep_their_counts_when_pictures_do_not_fit(project: Project) -> None:
    groups = collect_facts(project, Limits(rejects_chars=1)).rejects
    misaligned = next(group for group in groups if group.reason == "misaligned")
    assert misaligned.count == MISALIGNED
    assert misaligned.examples == ()


def test_unscored_is_no_zero_and_a_missing_model_no_line(facts: Facts) -> None:
    lines = facts.benchmark.lines
    assert [(line.model, line.language) for line in lines] == [("painter", "en"), ("painter", "cn")]
    assert lines[0].means["overall"] == 7.96
    assert lines[0].means["reasoning_accuracy"] is None
    assert (lines[0].scored, lines[0].samples) == (1, 2)
    assert facts.standing["missing"] == 7


def test_checks_and_releases_are_told(facts: Facts) -> None:
    checks = {line.name: line for line in facts.checks}
    assert (checks["verified_edits_sound"].passed, checks["verified_edits_sound"].blocking) == (
        1,
        True,
    )
    (failure,) = checks["verified_edits_rates"].failures
    assert failure.partition == PARTITION
    assert failure.found == "column: confidence; examples: ['the sky is blue']"
    (release,) = facts.releases
    assert release.pairs == ACCEPTED - 1
    assert release.url.endswith(f"releases/first/{release.fingerprint}")


def test_inputs_say_which_sources_and_versions(project: Project, facts: Facts) -> None:
    (shard,) = facts.inputs.shards
    assert (shard.name, shard.files) == (SHARD, 3)
    assert shard.fingerprint == project.registry.shard(SHARD).fingerprint
    assert facts.inputs.benchmark is not None
    assert facts.inputs.benchmark.files == 1
    assert facts.inputs.code["edits"] == project.stages["edits"].code_version


def test_an_empty_project_has_facts_too(empty: Project) -> None:
    facts = collect_facts(empty)
    assert all(step.inputs == 0 for step in facts.funnel)
    assert facts.gallery.pairs == ()
    assert facts.rejects == ()
    assert facts.distribution.factor is None


def test_the_hidden_truth_is_not_read(project: Project) -> None:
    read: list[str] = []

    class Watched(Ledger):
        def iter_batches(self, manifest, table="rows", columns=None, rows=64):
            read.append(table)
            return super().iter_batches(manifest, table, columns, rows)

        def read(self, manifest, table="rows", columns=None):
            read.append(table)
            return super().read(manifest, table, columns)

        def read_part(self, manifest, number, columns, table="rows"):
            read.append(table)
            return super().read_part(manifest, number, columns, table)

    collect_facts(replace(project, ledger=Watched(project.ledger.store)))
    assert read
    assert TRUTH not in read


def test_state_changes_with_what_is_up_to_date(project: Project, facts: Facts) -> None:
    fewer = replace(project, backends=backends(models=("idle",)), _specs={})
    assert collect_facts(fewer).inputs.state != facts.inputs.state


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(text.endswith(".") for text in MEANINGS.values())
