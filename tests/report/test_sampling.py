"""The chosen rows are few, always the same, and do not depend on the order of shards."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from unicedit_assets.report.sampling import Columns, draw, rows_at, rows_named
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest
from unicedit_assets.storage.terms import ChunkOutput, PartitionSpec

COLUMNS = Columns("rows", "kind", "id")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(open_store(str(tmp_path / "lake")))


def commit(ledger: Ledger, name: str, ids: list[str]) -> Manifest:
    table = pa.table({"id": ids, "kind": ["even" if int(i) % 2 == 0 else "odd" for i in ids]})

    def work(index: int) -> ChunkOutput:
        part = table.slice(index * len(ids) // 2, len(ids) // 2)
        counts = Counts(inputs=part.num_rows, accepted=part.num_rows)
        return ChunkOutput({"rows": part}, counts)

    return ledger.commit(PartitionSpec("stage", name, "f0", "1"), 2, work).manifest


def chosen(ledger: Ledger, manifests: list[Manifest], most: int) -> dict[str, list[str]]:
    sample = draw(ledger, manifests, COLUMNS, most)
    return {group: [pick.key for pick in picks] for group, picks in sample.picks.items()}


def test_at_most_so_many_of_each_group_and_all_are_counted(ledger: Ledger) -> None:
    manifests = [commit(ledger, "a", [str(i) for i in range(40)])]
    sample = draw(ledger, manifests, COLUMNS, 3)
    assert {group: len(picks) for group, picks in sample.picks.items()} == {"even": 3, "odd": 3}
    assert sample.totals == {"even": 20, "odd": 20}


def test_the_choice_does_not_depend_on_shards_or_their_order(ledger: Ledger) -> None:
    whole = commit(ledger, "whole", [str(i) for i in range(40)])
    one = commit(ledger, "one", [str(i) for i in range(20)])
    two = commit(ledger, "two", [str(i) for i in range(20, 40)])
    expected = chosen(ledger, [whole], 4)
    assert chosen(ledger, [one, two], 4) == expected
    assert chosen(ledger, [two, one], 4) == expected
    assert expected["even"] != ["0", "2", "4", "6"]


def test_chosen_rows_are_found_again(ledger: Ledger) -> None:
    manifests = [commit(ledger, "a", [str(i) for i in range(30)])]
    sample = draw(ledger, manifests, COLUMNS, 2)
    rows = rows_at(ledger, manifests[0], "rows", sample.by_manifest()[0])
    keys = {pick.key for picks in sample.picks.values() for pick in picks}
    assert {row["id"] for row in rows.values()} == keys
    named = rows_named(ledger, manifests[0], "id", [*keys, "absent"])
    assert set(named) == keys
