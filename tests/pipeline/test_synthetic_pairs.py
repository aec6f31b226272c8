"""The stage that draws synthetic pairs: rows as the schema has them, reproducible, resumable."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from lakes import open_scripted, reopened
from PIL import Image

from unicedit_assets.domain import codec, schemas
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.synthetic_pairs import remade, spec_of, split_of
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
    for row in rows:
        pair = make_pair(row["seed"], spec_of(project.settings, row["split"]))
        assert remade(project, row) == row["key"] == pair.key
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
