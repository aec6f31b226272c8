"""The suites of training sets and evaluations find leaks, imbalance and chains that are none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakes import built_home, open_scripted
from planting import Rows, plant

from unicedit_assets.checks.runner import run_suite
from unicedit_assets.checks.suites import suites_of
from unicedit_assets.checks.verifier_frames import preference_set
from unicedit_assets.pipeline.project import MAIN, BlockedInputError, Project
from unicedit_assets.pipeline.stage import Ref

SETTINGS = {
    "verifier_sets": {"validation": 0.0, "test": 0.5, "min_confidence": 0.0},
    "verifier_tests": {"per_photograph": 3},
}
SFT, PREFERENCE = Ref("verify_sft_set", MAIN), Ref("verify_preference_set", MAIN)
EVAL = Ref("qwen_verify_eval", "scripted-1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.getbasetemp()
    home = Path(shutil.copytree(built_home(top / "scripted-home"), top / "checked-home"))
    project = open_scripted(home, SETTINGS)
    for ref in (SFT, PREFERENCE, Ref("verifier_tests", MAIN), EVAL):
        project.run(ref)
    return home


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Project:
    home = Path(shutil.copytree(trained, tmp_path / "home"))
    return open_scripted(home, SETTINGS)


def broken(project: Project, ref: Ref, kind: str = "sound") -> set[str]:
    (suite,) = [each for each in suites_of(ref.stage) if each.name == f"{ref.stage}_{kind}"]
    manifest = project.require(ref)
    return {each.column for each in run_suite(project, manifest, suite).findings if not each.passed}


def test_what_the_stages_make_passes(project: Project) -> None:
    for ref in (SFT, PREFERENCE, EVAL):
        assert {kind: broken(project, ref, kind) for kind in ("sound", "conserved")} == {
            "sound": set(),
            "conserved": set(),
        }


def put(**cells: Any) -> Callable[[Rows], object]:
    return lambda rows: rows[0].update(cells)


def leak(rows: Rows) -> None:
    """Put one row of a group that is trained on into the test split."""
    groups = [row["group"] for row in rows if row["split"] == "train"]
    twice = next(group for group in groups if groups.count(group) > 1)
    next(r for r in rows if r["group"] == twice).update(split="test", held_out="scenes")


def with_chain(**changes: Any) -> Callable[[Rows], object]:
    def change(rows: Rows) -> None:
        target = json.dumps({**json.loads(rows[0]["target"]), **changes}, ensure_ascii=False)
        rows[0].update(target=target, **({"chosen": target} if "chosen" in rows[0] else {}))

    return change


Planted = tuple[Callable[[Rows], object], str]

# Each fault is planted in a row of its own; all of a list are planted at once.
SETS: list[Planted] = [
    (leak, "in_one_split"),
    (put(prompt_en="涂成红色"), "is_english"),
    (put(prompt_cn="Paint it"), "is_chinese"),
    (put(target="{}"), "target_is_a_chain"),
    (put(kind="something"), "target_fits_kind"),
    (put(images=[]), "two_pictures"),
    (put(origin_fingerprint=None), "origin_fingerprint"),
    (put(subtask="nothing"), "subtask"),
    (put(split="training"), "split"),
    (lambda rows: rows.append(rows[0]), "key"),
]
OTHERS: list[Planted] = [
    (with_chain(rewritten_cn=""), "target_is_a_chain"),
    (put(kind="shifted"), "target_fits_kind"),
    (put(split=None), "split"),
    (put(held_out="scenes", split="train"), "held_out_only_in_test"),
]
PREFERRED: list[Planted] = [
    (leak, "in_one_split"),
    (put(rejected="no chain"), "rejected_is_another_chain"),
]
ANSWERS: list[Planted] = [
    (lambda rows: rows.pop(), "all_are_answered"),
    (put(key="f" * 32), "is_a_test_pair"),
    (put(confidence=1.5), "confidence"),
    (put(verdict=None), "verdict"),
    (lambda rows: rows.append(rows[0]), "key"),
]


@pytest.mark.parametrize(
    ("ref", "planted"),
    [(SFT, SETS), (SFT, OTHERS), (PREFERENCE, PREFERRED), (EVAL, ANSWERS)],
    ids=["set", "set again", "preference", "answers"],
)
def test_planted_rows_are_found(project: Project, ref: Ref, planted: list[Planted]) -> None:
    def change(rows: Rows) -> None:
        for fault, _ in planted:
            fault(rows)
            rows.append(rows.pop(0))

    manifest = plant(project, ref, change)
    assert {column for _, column in planted} <= broken(project, ref)
    assert project.ledger.blocked(manifest) == [f"{ref.stage}_sound"]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[0].update(rejected=rows[0]["chosen"]),
        put(rejected="no chain"),
        put(chosen="another"),
    ],
)
def test_a_preference_needs_something_to_prefer(
    project: Project, change: Callable[[Rows], object]
) -> None:
    manifest = plant(project, PREFERENCE, change)
    frame = preference_set(project, manifest)
    assert frame["rejected_is_another_chain"].tolist().count(False) == 1


def test_nothing_is_measured_on_a_leaking_set(trained: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(trained, tmp_path / "home"))
    project = open_scripted(home, SETTINGS, checked=True)
    plant(project, PREFERENCE, leak)
    shutil.rmtree(home / "lake" / "verifier_tests")
    with pytest.raises(BlockedInputError, match="blocked by failed checks: verify_preference_set"):
        project.run(Ref("verifier_tests", MAIN))


def test_a_lopsided_set_is_told_and_blocks_nothing(project: Project) -> None:
    def crowd(rows: Rows) -> None:
        for number in range(40):
            rows.append({**rows[0], "key": f"{number:032x}"})

    manifest = plant(project, SFT, crowd)
    assert broken(project, SFT, "balance") == {"spread"}
    assert project.ledger.blocked(manifest) == []
