"""Training sets from a small lake: conserved, traceable, without leaks, loadable by `datasets`."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lakes import built_home, open_scripted, reopened

from unicedit_assets.domain import codec, schemas
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_figures import evaluated, marks_of, truths
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT, data_files
from unicedit_assets.qwen_verify.annotations import AnnotationError
from unicedit_assets.qwen_verify.candidates import HELD_OUT
from unicedit_assets.qwen_verify.claims import read
from unicedit_assets.qwen_verify.splitting import leaks

SPREAD = {"verifier_sets": {"validation": 0.3, "test": 0.3, "chunk": 2, "min_confidence": 0.0}}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    built = built_home(tmp_path_factory.getbasetemp() / "scripted-home")
    return Path(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture
def project(home: Path) -> Project:
    return open_scripted(home, SPREAD)


def rows_of(project: Project, name: str) -> list[dict[str, Any]]:
    manifest = project.run(Ref(name, MAIN)).manifest
    return project.ledger.read(manifest, schemas.ROWS).to_pylist()


def test_every_verdict_is_a_row_or_a_reject_with_a_reason(project: Project) -> None:
    verified = [project.require(ref) for ref in project.refs("verified_edits")]
    manifest = project.run(Ref(PREFERENCE, MAIN)).manifest
    assert manifest.counts.inputs == sum(each.counts.inputs for each in verified)
    assert manifest.counts.accepted == manifest.rows(schemas.ROWS) > 5
    assert {row["kind"] for row in rows_of(project, SFT)} == {"normal", "no_edit"}
    fewer = reopened(project, {"verifier_sets": {"sft_kinds": ["no_edit"]}})
    assert {row["kind"] for row in rows_of(fewer, SFT)} == {"no_edit"}
    assert fewer.require(Ref(SFT, MAIN)).counts.inputs < manifest.counts.inputs


def test_rows_are_chats_about_two_pictures_and_can_be_traced(project: Project) -> None:
    for name in (SFT, PREFERENCE):
        for row in rows_of(project, name):
            made = project.require(Ref(*row["origin_partition"].split("/", 1)))
            assert row["origin_fingerprint"] == made.fingerprint
            ids = project.ledger.read(made, schemas.ROWS, ["edit_id"])["edit_id"].to_pylist()
            ids += project.ledger.read(made, schemas.REJECTS, ["unit_id"])["unit_id"].to_pylist()
            assert row["origin_id"] == row["key"] in ids
            source, edited = (codec.decode(picture["bytes"]) for picture in row["images"])
            assert source.shape == edited.shape
            said = json.loads(row["target"])
            assert said["is_changed"] == (row["kind"] != "no_edit")
            roles = [message["role"] for message in row["messages"]]
            parts = [part["type"] for part in row["messages"][1]["content"]]
            assert parts == ["image", "image", "text"]
            assert row["prompt_en"] in row["messages"][1]["content"][2]["text"]
            if name == SFT:
                assert roles == ["system", "user", "assistant"]
                assert row["messages"][2]["content"][0]["text"] == row["target"]
            else:
                assert roles == ["system", "user"]
                assert row["chosen"] == row["target"] != row["rejected"]


def test_a_rejected_chain_is_one_word_off_or_believes_the_instruction(project: Project) -> None:
    seen = set()
    for row in rows_of(project, PREFERENCE):
        chosen, rejected = json.loads(row["chosen"]), json.loads(row["rejected"])
        seen.add(row["kind"])
        if row["kind"] == "no_edit":
            assert rejected["is_changed"]
            assert rejected["rewritten_en"] == row["prompt_en"]
        else:
            one, two = chosen["rewritten_en"].split(), rejected["rewritten_en"].split()
            assert sum(a != b for a, b in zip(one, two, strict=True)) == 1
            assert chosen["rewritten_cn"] != rejected["rewritten_cn"]
    assert {"normal", "no_edit"} <= seen


def test_no_photograph_is_in_two_splits_of_either_set(project: Project) -> None:
    rows = rows_of(project, SFT) + rows_of(project, PREFERENCE)
    assert leaks((row["group"], row["split"]) for row in rows) == {}
    assert len({row["split"] for row in rows}) > 1


def test_caps_cut_and_are_counted(project: Project) -> None:
    changes = {"most_per_cell": 1, "test": 0.0, "validation": 0.0}
    capped = reopened(project, {"verifier_sets": changes})
    rows = rows_of(capped, PREFERENCE)
    cells = Counter((row["split"], row["kind"], row["subtask"]) for row in rows)
    assert set(cells.values()) == {1}
    manifest = capped.require(Ref(PREFERENCE, MAIN))
    assert manifest.counts.reasons["over_cap"] == manifest.counts.inputs - len(rows) - sum(
        number for reason, number in manifest.counts.reasons.items() if reason != "over_cap"
    )


def annotate(home: Path, *rows: dict[str, str]) -> dict[str, Any]:
    folder = home / "people"
    folder.mkdir(exist_ok=True)
    (folder / "one.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"verifier_sets": {"annotations": str(folder)}}


def test_a_person_overrules_the_verifier_and_a_dispute_counts_for_nobody(
    project: Project, home: Path
) -> None:
    before = {row["key"]: row for row in rows_of(project, PREFERENCE)}
    normal = [key for key, row in before.items() if row["kind"] == "normal"]
    true = {"rewritten_en": "Paint the top blue.", "rewritten_cn": "把上边涂成蓝色。"}
    asked = [
        {"key": normal[0], "verdict": "misaligned", **true},
        {"key": normal[1].upper(), "verdict": "no_edit"},
        {"key": normal[2], "verdict": "valid"},
        {"key": normal[2], "verdict": "degraded"},
        {"key": normal[3], "verdict": "hallucination"},
        {"key": normal[4], "verdict": "valid", "rewritten_en": true["rewritten_en"]},
        {"key": "f" * 32, "verdict": "valid"},
    ]
    judged = reopened(project, annotate(home, *asked))
    after = {row["key"]: row for row in rows_of(judged, PREFERENCE)}
    wrong = after[normal[0]]
    assert (wrong["origin"], wrong["kind"]) == ("human", "misaligned")
    assert json.loads(wrong["target"])["rewritten_en"] == "Paint the top blue."
    assert json.loads(after[normal[1]]["target"])["is_changed"] is False
    assert not {normal[2], normal[3], normal[4]} & set(after)
    made = judged.require(Ref(PREFERENCE, MAIN))
    assert made.extra == {"unmatched_annotations": 1}
    rejects = judged.ledger.read(made, schemas.REJECTS)
    details = {row["unit_id"]: row["detail"] for row in rejects.to_pylist()}
    assert details[normal[2]] == "people disagree about it"
    assert "does not tell the right one" in details[normal[3]]
    assert details[normal[4]] == "a person rewrote the text in one language only"
    assert {key: row["split"] for key, row in after.items()} == {
        key: before[key]["split"] for key in after
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "row 1 is not JSON"),
        ("[1]", "row 1 is no object with key"),
        (f'{{"key": "{"a" * 32}", "verdict": "fine"}}', "verdict 'fine' is none of valid"),
        ('{"verdict": "valid"}', "row 1 has no key"),
        ('{"key": "k", "verdict": "valid"}', "row 1: key 'k' is no edit's id, 32 hex digits"),
        ('{"key": "a", "key": "b"}', "row 1 is not JSON: it names 'key' twice"),
        ('{"key": ' + "[" * 200_000, "row 1 nests too deep"),
        ('{"key": 7, "verdict": "valid"}', "something else than text"),
        ('{"key": "k", "verdict": "valid", "rewritten_en": "\\ud800"}', "something else than text"),
    ],
)
def test_a_bad_annotation_is_told_with_its_row(
    project: Project, home: Path, text: str, told: str
) -> None:
    changes = annotate(home)
    (home / "people" / "one.jsonl").write_text(text)
    with pytest.raises(AnnotationError, match=r"one\.jsonl") as caught:
        reopened(project, changes).run(Ref(PREFERENCE, MAIN))
    assert told in str(caught.value)


def test_annotations_count_by_what_they_say(project: Project, home: Path) -> None:
    def fingerprint(changes: dict[str, Any]) -> str:
        return reopened(project, changes).spec(Ref(SFT, MAIN)).fingerprint

    first = fingerprint(annotate(home, {"key": "a" * 32, "verdict": "valid"}))
    assert fingerprint(annotate(home, {"key": "a" * 32, "verdict": "no_edit"})) != first
    changes = annotate(home, {"key": "a" * 32, "verdict": "valid"})
    moved = home / "moved"
    (home / "people").rename(moved)
    assert fingerprint({"verifier_sets": {"annotations": str(moved)}}) == first != fingerprint({})
    with pytest.raises(AnnotationError, match="is not a folder of annotations"):
        fingerprint(changes)


def test_a_near_duplicate_of_the_benchmark_is_not_trained_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(project, PREFERENCE)
    (held,) = {row["group"] for row in rows if row["split"] == rows[0]["split"]} & {
        rows[0]["group"]
    }
    raw = [
        row
        for ref in project.refs("raw_images")
        for row in project.ledger.read(
            project.require(ref), schemas.ROWS, ["image_id", "phash"]
        ).to_pylist()
    ]
    (phash,) = [row["phash"] for row in raw if row["image_id"] == held]
    from unicedit_assets.pipeline import photograph_groups, verifier_sets
    from unicedit_assets.published.plan import HeldOut

    near = f"{int(phash, 16) ^ 5:016x}"
    monkeypatch.setattr(photograph_groups, "benchmark_images", lambda _: HeldOut(phashes=(near,)))
    plan = verifier_sets.plan_set(project, PREFERENCE)
    assert held not in {row.candidate.group for row in plan.rows}
    assert {left.reason.value for left in plan.dropped if left.candidate.group == held} == {
        "contaminated"
    }


def test_near_duplicates_across_shards_share_a_split(project: Project) -> None:
    from unicedit_assets.pipeline import photograph_groups

    ref = Ref("raw_images", "s00000")
    known = {"a": 0b1111, "c": 0xFFFFF << 40, "b": 0b1011, "d": None}
    hashed = {name: photograph_groups.Known(ref, phash, name) for name, phash in known.items()}
    groups = photograph_groups.image_groups(project, hashed)
    assert groups["a"] == groups["b"]
    assert len(set(groups.values())) == 3


def test_a_killed_set_resumes_and_comes_out_the_same(project: Project, home: Path) -> None:
    whole = project.run(Ref(PREFERENCE, MAIN)).manifest
    shutil.rmtree(home / "lake" / whole.folder)

    def kill(finished: int, chunks: int) -> None:
        if finished == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.run(Ref(PREFERENCE, MAIN), kill)
    again = project.run(Ref(PREFERENCE, MAIN))
    assert again.resumed == 2
    assert again.manifest.says_the_same_as(whole)


def test_datasets_loads_the_files_of_each_split(project: Project, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for name in (SFT, PREFERENCE):
        manifest = project.run(Ref(name, MAIN)).manifest
        files = data_files(project, manifest)
        loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
        assert set(loaded) == set(files)
        assert sum(part.num_rows for part in loaded.values()) == manifest.counts.accepted
        for wanted, part in loaded.items():
            assert set(part["split"]) == {wanted}
            row = part[0]
            assert [picture.mode for picture in row["images"]] == ["RGB", "RGB"]
            assert row["messages"][1]["content"][0]["type"] == "image"


@pytest.fixture
def synthetic(tmp_path: Path) -> Project:
    """A project without photographs: synthetic pairs alone."""
    settings = {"shards": 1, "rows": 80, "side": 64, "style": "plain", "held_out": 0.1}
    changes = {"synthetic_pairs": settings, "verifier_sets": {"most_over_median": 50.0}}
    project = open_scripted(tmp_path / "home", changes)
    project.run(Ref("synthetic_pairs", "y00000"))
    return project


def test_synthetic_pairs_alone_make_a_set_and_its_makers_splits_hold(synthetic: Project) -> None:
    made = synthetic.require(Ref("synthetic_pairs", "y00000"))
    pairs = {r["key"]: r for r in synthetic.ledger.read(made, schemas.ROWS).to_pylist()}
    rows = {row["key"]: row for row in rows_of(synthetic, PREFERENCE)}
    assert set(rows) == set(pairs)
    for key, row in rows.items():
        pair, chosen = pairs[key], json.loads(row["chosen"])
        assert chosen["rewritten_en"] == (pair["true_en"] or "")
        assert (row["prompt_en"], row["group"]) == (pair["said_en"], pair["scene_id"])
        held = HELD_OUT.get(pair["split"])
        if held is not None:
            assert (row["split"], row["held_out"]) == ("test", held.value)
        rejected = json.loads(row["rejected"])
        if row["kind"] == "normal":
            assert rejected["rewritten_en"] == pair["rejected_en"]
        else:
            assert rejected["rewritten_en"] == pair["said_en"]
            assert rejected["class"] == "valid"
    assert {"scenes", "wording", "classes"} <= {row["held_out"] for row in rows.values()}
    supervised = rows_of(synthetic, SFT)
    assert {row["kind"] for row in supervised} == {"normal", "no_edit"}
    assert all(row["split"] == rows[row["key"]]["split"] for row in supervised)


def test_synthetic_test_pairs_have_exact_truth(synthetic: Project) -> None:
    synthetic.run(Ref(PREFERENCE, MAIN))
    synthetic.run(Ref("unicbench", MAIN))
    synthetic.run(Ref("verifier_tests", MAIN))
    for truth in truths(synthetic).values():
        if truth.is_changed:
            assert truth.language == "scene"
            assert read(truth.cn, truth.language) is not None
    synthetic.run(Ref("qwen_verify_eval", "pixels"))
    found = evaluated(synthetic, "pixels")
    assert found is not None
    assert set(found.figures) == {"all", "scenes", "wording", "classes"}
    # A baseline passes the instruction on: right where that is right, whatever its wording.
    marks = marks_of(synthetic, synthetic.require(Ref("qwen_verify_eval", "pixels")))
    seen = [one for one in marks if one.truth.kind == "normal" and one.said.is_changed]
    assert {one.score for one in seen} == {10.0}


def test_what_stands_before_a_photograph_goes_where_its_edits_go(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unicedit_assets.pipeline import backdrops

    every = [row["group"] for row in rows_of(project, PREFERENCE)]
    held = sorted(set(every))[0]
    monkeypatch.setattr(backdrops, "is_held_out", lambda group: group == held)
    pairs = {"shards": 1, "rows": 40, "side": 64, "held_out": 0.2, "backgrounds": 10}
    both = reopened(project, {"synthetic_pairs": pairs})
    both.run(Ref("synthetic_pairs", "y00000"))
    rows = rows_of(both, SFT) + rows_of(both, PREFERENCE)
    assert leaks((row["group"], row["split"]) for row in rows) == {}
    before = {row["group"] for row in rows if row["origin"] == "synthetic"}
    edited = {row["group"] for row in rows if row["origin"] == "pipeline"}
    assert before & edited - {held}
    # With a held-out pair before it, all that shows that photograph is measured on.
    assert {row["split"] for row in rows if row["group"] == held} == {"test"}
