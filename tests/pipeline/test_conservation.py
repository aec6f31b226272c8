"""Whatever the backends do: inputs = accepted + rejected + failed, and one row is one row."""

from __future__ import annotations

import json
import math
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import ScriptedEditor, ScriptedInstructor, ScriptedVerifier, write_photographs
from lakes import RELEASE, SMALL, open_scripted, prepared, run_all
from misbehaviour import (
    DRAFTS,
    EDITS,
    SCORES,
    VERDICTS,
    OddInstructor,
    misdeed,
    odd_backends,
)

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.reasons import STAGE_REASONS, Reason
from unicedit_assets.domain.roles import Draft, Edited, Scores, Survey, Verdict
from unicedit_assets.pipeline.editing import EditRequest, make_edit
from unicedit_assets.pipeline.instructions import (
    Answer,
    Dropped,
    Kept,
    Photograph,
    Request,
    enough,
    look,
    sorted_answer,
)
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.unicbench_scores import ScoreRequest, collect_scores, score_sample
from unicedit_assets.pipeline.verified_edits import Triplet, collect_verdict, judge_triplet
from unicedit_assets.storage.manifests import Manifest

PICTURE = codec.encode_lake(np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.uint8))
REASONING = "Spatial Reasoning Edits"


class Doing:
    """Plays any role by answering what it was told to."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.identity = {"name": "doing", "version": 1}
        self.survey = self.write = self.edit = self.verify = self.score = answer


@pytest.mark.parametrize("kind", EDITS)
def test_a_bad_edit_is_one_row(kind: str) -> None:
    editor = Doing(lambda image, prompt, seed: EDITS[kind](image))
    answer = make_edit(editor, EditRequest(PICTURE, "x", 1))
    good = kind == "view of the source"
    assert (answer.reason is None) == good
    assert bool(answer.image) == good
    assert answer.reason in (None, Reason.EDITOR_FAILED, Reason.BLANK, Reason.WRONG_SIZE)
    expected = {"blank": Reason.BLANK, "black": Reason.BLANK, "wrong size": Reason.WRONG_SIZE}
    assert answer.reason == expected.get(kind, answer.reason)
    collector = Collector("edits", schemas.EDITS, hides=True)
    if answer.reason:
        collector.reject("a" * 32, answer.reason, answer.detail)
    assert "7f1234" not in answer.detail
    assert collector.output().counts.inputs == (not good)


@pytest.mark.parametrize("error", [MemoryError(), TimeoutError("slow"), ConnectionError("gone")])
def test_what_the_machine_lacks_is_no_rows_fault(error: Exception) -> None:
    def fail(*_: object) -> Edited:
        raise error

    with pytest.raises(type(error)):
        make_edit(Doing(fail), EditRequest(PICTURE, "x", 1))
    with pytest.raises(type(error)):
        score_sample(Doing(fail), ScoreRequest(PICTURE, PICTURE, "x", ()))


def test_the_source_that_an_editor_spoils_is_not_the_one_that_is_judged() -> None:
    def spoil(image: np.ndarray, prompt: str, seed: int) -> Edited:
        image[:16] = 0
        return Edited(image)

    def judge(source: np.ndarray, edited: np.ndarray, *_: object) -> Scores:
        return Scores(float((source != edited).any()), 9.0, 9.0, None)

    made = make_edit(Doing(spoil), EditRequest(PICTURE, "x", 1))
    request = ScoreRequest(PICTURE, made.image, "x", ())
    assert score_sample(Doing(judge), request).scores == Scores(1.0, 9.0, 9.0, None)


VERDICT = Verdict(None, True, 0.5, "a", "b", ("all",), "Paint it.", "涂上颜色。", {"share": 1.0})


def sorted_verdict(answer: Callable[..., Any]) -> tuple[str, str]:
    """Return the outcome and reason of one verdict."""
    row = dict.fromkeys(("edit_id", "instruction_id", "image_id", "en", "cn"), "x")
    row |= {"task": "Object Editing", "subtask": "Counting Change"}
    collector = Collector("verified_edits", schemas.VERIFIED_EDITS)
    verifier = Doing(answer)
    collect_verdict(
        collector, "v-1", row, judge_triplet(verifier, Triplet(PICTURE, PICTURE, "x", "x"))
    )
    output = collector.output()
    assert output.counts.inputs == 1
    rejects = output.tables["rejects"].to_pylist()
    return (rejects[0]["outcome"], rejects[0]["reason"]) if rejects else ("accepted", "")


@pytest.mark.parametrize("kind", VERDICTS)
def test_what_is_no_verdict_is_the_verifiers_failure(kind: str) -> None:
    found = sorted_verdict(lambda *_: VERDICTS[kind](VERDICT))
    assert found == ("failed", "verifier_failed")


def test_a_sound_verdict_passes_whatever_its_number_types() -> None:
    odd = replace(VERDICT, confidence=np.float32(0.5), evidence={"a": np.float32(1), "b": 2})
    assert sorted_verdict(lambda *_: VERDICT) == ("accepted", "")
    assert sorted_verdict(lambda *_: odd) == ("accepted", "")


@pytest.mark.parametrize("texts", [{"rewritten_en": "涂上颜色。"}, {"rewritten_cn": "Paint it."}])
def test_a_rewritten_text_in_the_wrong_language_is_unparseable(texts: dict[str, str]) -> None:
    found = sorted_verdict(lambda *_: replace(VERDICT, **texts))
    assert found == ("rejected", "unparseable")


@pytest.mark.parametrize("kind", SCORES)
def test_what_cannot_be_scored_is_unscored_and_never_zero(kind: str) -> None:
    sample = dict.fromkeys(("key", "image_id", "task", "en", "cn"), "x") | {"subtask": REASONING}
    judge = Doing(lambda *_: SCORES[kind](Scores(5.0, 5.0, 5.0, 5.0, {"if": "x"})))
    edit = make_edit(ScriptedEditor(), EditRequest(PICTURE, "left red", 1))
    answer = score_sample(judge, ScoreRequest(PICTURE, edit.image, "left red", ("p",)))
    collector = Collector("unicbench_scores", schemas.UNICBENCH_SCORES)
    collect_scores(collector, ("m", "en", "{}"), sample, answer)
    counts = collector.output().counts
    assert (counts.inputs, counts.failed, counts.reasons) == (1, 1, {"unscored": 1})


def unscored(scores: Scores) -> Any:
    sample = dict.fromkeys(("key", "image_id", "task", "en", "cn"), "x") | {"subtask": REASONING}
    edit = make_edit(ScriptedEditor(), EditRequest(PICTURE, "left red", 1))
    request = ScoreRequest(PICTURE, edit.image, "left red", ("p",))
    collector = Collector("unicbench_scores", schemas.UNICBENCH_SCORES)
    answer = score_sample(Doing(lambda *_: scores), request)
    collect_scores(collector, ("m", "en", "{}"), sample, answer)
    (reject,) = collector.output().tables["rejects"].to_pylist()
    return reject["detail"], json.loads(reject["extra"])


def test_an_unscored_sample_keeps_its_other_scores_and_what_was_said() -> None:
    said = {"visual_quality": "unscored (8/10)", "instruction_following": "well done"}
    detail, extra = unscored(Scores(5.0, 6.0, None, None, said))
    assert extra["scores"] == {"instruction_following": 5.0, "non_edit_consistency": 6.0}
    assert extra["replies"] == said
    assert extra["model"] == "m"
    assert "visual_quality: unscored (8/10)" in detail
    assert "reasoning_accuracy: the judge left it out" in detail
    assert "instruction_following" not in detail


@pytest.mark.parametrize("odd", [math.nan, 11.0, "8"])
def test_of_an_unscored_sample_only_valid_scores_and_texts_are_kept(odd: Any) -> None:
    replies: Any = {"visual_quality": "a \ud800", "reasoning_accuracy": 3}
    _, extra = unscored(Scores(5.0, 0.0, odd, None, replies))
    assert extra["scores"] == {"instruction_following": 5.0, "non_edit_consistency": 0.0}
    assert extra["replies"] == {"visual_quality": "a \\ud800"}


def draft(subtask: str) -> Draft:
    points = ((f"Point of {subtask}.",), ("要点。",)) if subtask == REASONING else ((), ())
    return Draft(subtask, f"Paint {subtask} red.", "涂成红色。" + "很" * len(subtask), *points)


ASKED = ("Color Alteration", "Tone Transformation", REASONING)
REQUEST = Request(Photograph("i" * 32, PICTURE), Survey(ASKED), ASKED, 1)


def outcomes_of(answers: list[Any]) -> list[Kept | Dropped]:
    return list(sorted_answer(REQUEST, Answer(tuple(answers))))


def reasons_of(outcomes: list[Kept | Dropped]) -> Counter[str]:
    return Counter(each.reason.value for each in outcomes if isinstance(each, Dropped))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("kind", DRAFTS)
def test_a_bad_draft_leaves_the_others_alone(kind: str, place: int) -> None:
    answers = [draft(subtask) for subtask in ASKED]
    outcomes = outcomes_of([*answers[:place], DRAFTS[kind](answers[place]), *answers[place + 1 :]])
    assert len(outcomes) == 3
    dropped = [each for each in outcomes if isinstance(each, Dropped)]
    assert len(dropped) == 1
    assert dropped[0].about["subtask"] == ASKED[place]
    assert dropped[0].reason in STAGE_REASONS["instructions"]
    collector = Collector("instructions", schemas.INSTRUCTIONS)
    collector.reject(*dropped[0])
    assert collector.output().counts.inputs == 1


def test_answers_in_another_order_or_number_are_all_accounted_for() -> None:
    whole = [draft(subtask) for subtask in ASKED]
    assert all(isinstance(each, Kept) for each in outcomes_of(whole[::-1]))
    assert reasons_of(outcomes_of(whole[1:])) == {"unparseable": 1}
    assert reasons_of(outcomes_of([])) == {"unparseable": 3}
    again = outcomes_of([*whole, whole[0]])
    assert (len(again), reasons_of(again)) == (4, {"off_taxonomy": 1})
    same = replace(whole[1], en=whole[0].en, cn=whole[0].cn)
    assert reasons_of(outcomes_of([whole[0], same, whole[2]])) == {"duplicate": 1}


def test_a_photograph_left_with_too_few_instructions_gets_none() -> None:
    outcomes = enough(outcomes_of([draft(subtask) for subtask in ASKED[:2]]), 3)
    assert reasons_of(outcomes) == {"infeasible": 2, "unparseable": 1}
    assert len(enough(outcomes_of([draft(subtask) for subtask in ASKED]), 3)) == 3


@pytest.mark.parametrize("survey", [None, "x", 7])
def test_what_is_no_survey_is_the_instructors_failure(survey: object) -> None:
    found = look(Doing(lambda image: survey), Photograph("i", PICTURE))
    assert isinstance(found, str)
    assert found.startswith("not a survey")


def expected_inputs(project: Project, ref: Ref) -> int | None:
    """Return how many units a partition has by the outputs of what it is made from."""
    shard = ref.partition.split("/")[0]
    if ref.stage == "raw_images":
        return len(project.registry.shard(shard).entries)
    if ref.stage == "edits":
        return project.require(Ref("instructions", shard)).counts.accepted
    if ref.stage == "verified_edits":
        return project.require(Ref("edits", ref.partition)).counts.accepted
    if ref.stage == "unicedit_10m":
        verified = [project.require(each) for each in project.refs("verified_edits")]
        return sum(manifest.counts.accepted for manifest in verified)
    if ref.stage in ("unicbench_edits", "unicbench_scores"):
        return project.require(Ref("unicbench", "main")).counts.accepted
    return None


def assert_conserved(project: Project, ref: Ref, manifest: Manifest) -> None:
    counts = manifest.counts
    assert counts.inputs == counts.accepted + counts.rejected + counts.failed
    assert manifest.rows("rows") == counts.accepted
    assert manifest.rows("rejects") == counts.rejected + counts.failed
    rejects = project.ledger.read(manifest, "rejects").to_pylist()
    assert Counter(row["reason"] for row in rejects) == counts.reasons
    assert all(Reason(row["reason"]) in STAGE_REASONS[ref.stage] for row in rejects)
    expected = expected_inputs(project, ref)
    assert expected is None or counts.inputs == expected


def assert_every_photograph_has_instructions_or_a_reason(project: Project, shard: str) -> None:
    ledger = project.ledger
    photographs = ledger.read(project.require(Ref("raw_images", shard)), "rows", ["image_id"])
    manifest = project.require(Ref("instructions", shard))
    told = ledger.read(manifest, "rows", ["image_id"])["image_id"].to_pylist()
    told += ledger.read(manifest, "rejects", ["image_id"])["image_id"].to_pylist()
    assert set(told) == set(photographs["image_id"].to_pylist())


def odd_run(home: Path, seed: int, checked: bool) -> Project:
    """Run everything with odd backends; the photographs include some that are none."""
    source = write_photographs(home / "photographs", range(seed * 10, seed * 10 + 7))
    (source / "broken.png").write_bytes(b"not a picture")
    (source / "copy.png").write_bytes((source / f"photo-{seed * 10:03d}.png").read_bytes())
    project = open_scripted(home, {"shard_size": 5}, backends=odd_backends(seed), checked=checked)
    for ref, done in run_all(prepared(project, source)).items():
        assert_conserved(project, ref, done.manifest)
    for shard in project.registry.shards():
        assert_every_photograph_has_instructions_or_a_reason(project, shard)
    return project


def test_odd_backends_lose_no_row(tmp_path: Path) -> None:
    project = odd_run(tmp_path, 1, checked=False)
    release = project.require(Ref("unicedit_10m", RELEASE))
    assert release.counts.accepted > 0
    for stage in ("raw_images", "instructions", "edits", "verified_edits", "unicbench_scores"):
        found = [project.require(ref).counts for ref in project.refs(stage)]
        assert sum(counts.accepted for counts in found), stage
        assert sum(counts.rejected + counts.failed for counts in found), stage


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_odd_backends_make_no_shard_unusable(tmp_path: Path, seed: int) -> None:
    """What one bad answer leaves behind passes every blocking check."""
    project = odd_run(tmp_path, seed, checked=True)
    for stage in PIPELINE:
        for ref in project.refs(stage):
            project.require(ref)


@pytest.mark.parametrize("size", [1, 2])
def test_chunk_sizes_change_no_instruction(tmp_path: Path, size: int) -> None:
    """The choice by quota counts what was asked for, whatever came of it in which chunk."""
    rows = []
    source = write_photographs(tmp_path / "photographs", range(6))
    for chunk in (size, 50):
        changes = {"shard_size": 9, "holdout": 0, "instructions": {"chunk": chunk}}
        backends = replace(odd_backends(3), instructor=OddInstructor(seed=3, share=1))
        project = open_scripted(tmp_path / str(chunk), changes, backends=backends)
        run_all(prepared(project, source), ["raw_images", "instructions"])
        manifest = project.require(Ref("instructions", "s00000"))
        tables = [project.ledger.read(manifest, name).to_pylist() for name in ("rows", "rejects")]
        rows.append([sorted(table, key=str) for table in tables])
    assert rows[0][1], "nothing was refused, so nothing was tested"
    assert rows[0] == rows[1]


def test_a_chunk_in_which_every_edit_failed_still_has_its_tables(
    tmp_path: Path, source: Path
) -> None:
    """The hidden truth is a table of every chunk, or the chunks could not be joined."""
    project = open_scripted(tmp_path / "home", {"edits": {"chunk": 1}, "shard_size": 9})
    run_all(prepared(project, source), ["raw_images", "instructions", "edits"])
    manifest = project.require(Ref("edits", "s00000/classical"))
    sizes = [part.rows for part in manifest.tables["truth"]]
    assert manifest.counts.failed > 0
    assert 0 in sizes
    assert sum(sizes) == manifest.counts.accepted


def test_the_scripted_backends_travel_to_worker_processes() -> None:
    for backend in (ScriptedInstructor(), ScriptedEditor(), ScriptedVerifier(), misdeed):
        pickle.loads(pickle.dumps(backend))
    assert SMALL["workers"] == 1
