"""The stage that draws synthetic pairs: rows as the schema has them, reproducible, resumable."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from backends import write_photographs
from cutout_files import write_cutouts
from lakes import open_scripted, prepared, reopened
from PIL import Image

from unicedit_assets.domain import codec, schemas
from unicedit_assets.pipeline import backdrops, photograph_groups
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.photograph_groups import (
    contaminated_groups,
    image_groups,
    photographs,
)
from unicedit_assets.pipeline.project import MissingInputError, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.synthetic_pairs import remade, spec_of, split_of
from unicedit_assets.published.plan import HeldOut
from unicedit_assets.settings import Settings
from unicedit_assets.synthetic.cutouts import load_cutouts
from unicedit_assets.synthetic.generator import SPLITS, make_pair
from unicedit_assets.synthetic.pair import Kind

SMALL = {"synthetic_pairs": {"shards": 2, "rows": 10, "chunk": 4, "side": 64, "held_out": 0.1}}
FIRST = Ref("synthetic_pairs", "y00000")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    opened = open_scripted(tmp_path_factory.mktemp("synthetic"), SMALL)
    for ref in opened.refs("synthetic_pairs"):
        opened.run(ref)
    return opened


def rows_of(project: Project, ref: Ref = FIRST) -> list[dict]:
    return project.ledger.read(project.require(ref), schemas.ROWS, None).to_pylist()


def test_no_shard_is_made_unless_asked_for(tmp_path: Path) -> None:
    plain = open_scripted(tmp_path)
    assert plain.refs("synthetic_pairs") == []
    assert not [each for each in standings(plain) if each.ref.stage == "synthetic_pairs"]


def test_a_row_is_the_pair_of_its_seed(project: Project) -> None:
    rows = rows_of(project)
    assert len(rows) == 10
    assert remade(project, "y00000", rows) == {row["key"]: row["key"] for row in rows}
    for row in rows:
        pair = make_pair(row["seed"], spec_of(project.settings, row["split"]))
        assert row["key"] == pair.key
        assert (row["photograph"], row["cutouts"]) == (None, [])
        assert (row["subtask"], row["kind"]) == (pair.subtask, pair.kind.value)
        np.testing.assert_array_equal(codec.decode(row["source_image"]), pair.source)
        np.testing.assert_array_equal(codec.decode(row["edit_image"]), pair.edited)
        with Image.open(io.BytesIO(row["mask_image"])) as mask:
            np.testing.assert_array_equal(np.asarray(mask) > 0, pair.mask)
        assert (row["said_en"], json.loads(row["said_slots"])) == (pair.said.en, pair.said.slots)
        assert (row["true_en"] is None) == (pair.kind is Kind.NO_EDIT)
        assert row["differences"] == list(pair.differences)


def test_shards_share_no_pair_and_other_seeds_give_others(project: Project) -> None:
    keys = [row["key"] for ref in project.refs("synthetic_pairs") for row in rows_of(project, ref)]
    assert len(set(keys)) == len(keys) == 20
    other = reopened(project, {"synthetic_pairs": {"seed": 1}})
    states = {each.ref: each.state for each in standings(other, ["synthetic_pairs"])}
    assert set(states.values()) == {State.STALE}
    other.run(FIRST)
    assert not {row["key"] for row in rows_of(other)} & set(keys)


def test_another_chunk_size_changes_no_row(project: Project, tmp_path: Path) -> None:
    whole = open_scripted(tmp_path, {"synthetic_pairs": {**SMALL["synthetic_pairs"], "chunk": 99}})
    whole.run(FIRST)
    assert rows_of(whole) == rows_of(project)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_splits_have_their_shares_in_every_stretch_of_1000(share: float) -> None:
    for first in (0, 7000):
        drawn = Counter(split_of(number, share) for number in range(first, first + 1000))
        assert [drawn[name] for name in SPLITS[1:]] == [round(1000 * share)] * 3
    few = {split_of(number, 0.1) for number in range(40)}
    assert few == set(SPLITS)


def before_photographs(home: Path, **changes: object) -> Project:
    """Register seven photographs, one of them held out, and ask for some behind the pairs."""
    asked = {**SMALL["synthetic_pairs"], "rows": 30, "backgrounds": 5, **changes}
    opened = open_scripted(home, {"synthetic_pairs": asked})
    prepared(opened, write_photographs(home / "photographs", range(7)))
    for ref in opened.refs("raw_images"):
        opened.run(ref)
    return opened


def test_photographs_of_the_project_stand_behind_pairs_of_their_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = before_photographs(tmp_path)
    known = photographs(opened)
    groups = image_groups(opened, known)
    held = sorted(groups.values())[:2]
    monkeypatch.setattr(backdrops, "is_held_out", lambda group: group in held)
    opened.run(FIRST)
    rows = rows_of(opened)
    behind = {
        side: {row["photograph"] for row in rows if (row["split"] != "train") is side}
        for side in (True, False)
    }
    for side, names in behind.items():
        assert None in names and len(names) > 1
        assert all((groups[name] in held) is side for name in names - {None})
    for row in rows:
        assert (row["photograph"] is None) == (" photograph" not in row["source_caption"])
    assert set(remade(opened, "y00000", rows)) == {row["key"] for row in rows}
    assert all(key == again for key, again in remade(opened, "y00000", rows).items())
    chosen = backdrops.chosen(opened, "y00000", known)
    assert (len(chosen[True]), len(chosen[False])) == (1, 4)
    assert backdrops.chosen(opened, "y00001", known) != chosen


def test_a_photograph_is_shown_as_it_is(tmp_path: Path) -> None:
    opened = before_photographs(tmp_path, side=96)
    opened.run(Ref("unicbench", "main"))
    shown = backdrops.Backdrops(opened, "y00000").of(3, "train")
    assert shown and shown.pixels.shape == (96, 96, 3)
    assert len(np.unique(shown.pixels.reshape(-1, 3), axis=0)) > 9


@pytest.mark.parametrize("same", ["nearly", "pixels"])
def test_what_is_like_the_benchmark_is_never_a_backdrop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: str
) -> None:
    opened = before_photographs(tmp_path, backgrounds=100)
    opened.run(Ref("unicbench", "main"))
    known = photographs(opened)
    group_of = image_groups(opened, known)
    assert contaminated_groups(opened, known, group_of) == frozenset()
    gone = min(known)
    near, pixels = f"{(known[gone].phash or 0) ^ 1:016x}", known[gone].pixel_sha256
    if same == "pixels":  # of a featureless photograph, which is known by nothing else
        known[gone] = known[gone]._replace(phash=None)
    held = (
        HeldOut(phashes=(near,)) if same == "nearly" else HeldOut(pixel_hashes=frozenset({pixels}))
    )
    monkeypatch.setattr(photograph_groups, "benchmark_images", lambda _: held)
    sides = backdrops.chosen(opened, "y00000", known)
    shown = {name for side in sides.values() for name in side}
    assert shown == {name for name in known if group_of[name] != group_of[gone]} and shown


def test_photographs_and_cutouts_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    opened = before_photographs(tmp_path)
    inputs = opened.spec(FIRST).inputs
    assert set(inputs) == {*map(str, opened.refs("raw_images")), "unicbench/main"}
    drawn = reopened(opened, {"synthetic_pairs": {"backgrounds": 0}})
    assert drawn.spec(FIRST).inputs == {}
    made = set()
    for name in ("one", "two", "other"):
        folder = write_cutouts(tmp_path / name, shift=name == "other")
        changed = reopened(drawn, {"synthetic_pairs": {"cutouts": str(folder)}})
        made.add(changed.spec(FIRST).fingerprint)
    assert len(made | {drawn.spec(FIRST).fingerprint}) == 3


def test_without_photographs_the_reader_is_told_what_to_do(tmp_path: Path) -> None:
    empty = open_scripted(
        tmp_path, {"synthetic_pairs": {**SMALL["synthetic_pairs"], "backgrounds": 2}}
    )
    with pytest.raises(MissingInputError, match="unicedit register"):
        empty.run(FIRST)
    with pytest.raises(ValueError, match="need style 'rich'"):
        Settings.model_validate({"synthetic_pairs": {"style": "plain", "backgrounds": 2}})


def test_rows_name_their_cutouts(tmp_path: Path) -> None:
    folder = write_cutouts(tmp_path / "things")
    asked = {**SMALL["synthetic_pairs"], "rows": 20, "cutouts": str(folder)}
    opened = open_scripted(tmp_path, {"synthetic_pairs": asked})
    opened.run(FIRST)
    names = {one.name for some in load_cutouts(folder).of_class.values() for one in some}
    told = [set(row["cutouts"]) for row in rows_of(opened)]
    assert set.union(*told) and set.union(*told) <= names
