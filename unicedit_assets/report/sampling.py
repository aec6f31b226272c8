"""Choosing a few rows out of many: the same ones each time, in bounded memory.

Per group, the rows whose keys have the smallest hash: a sample that does not depend on the order
of shards and favours nothing.
"""

from __future__ import annotations

import zlib
from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Manifest

Row: TypeAlias = Mapping[str, Any]

_BATCH = 4096


@dataclass(frozen=True, order=True)
class Pick:
    """One chosen row: its hash and key, which manifest it lies in, and its place there."""

    hash: int
    key: str
    manifest: int
    place: int


@dataclass
class Sample:
    """The chosen rows of each group, and how many there are in all."""

    picks: dict[str, list[Pick]] = field(default_factory=lambda: defaultdict(list))
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, group: str, pick: Pick, most: int) -> None:
        """Consider one row."""
        self.totals[group] += 1
        chosen = self.picks[group]
        if len(chosen) < most or pick < chosen[-1]:
            insort(chosen, pick)
            del chosen[most:]

    def by_manifest(self) -> dict[int, dict[int, str]]:
        """Return manifest -> place -> group of everything chosen."""
        found: dict[int, dict[int, str]] = defaultdict(dict)
        for group, picks in self.picks.items():
            for pick in picks:
                found[pick.manifest][pick.place] = group
        return found


@dataclass(frozen=True)
class Columns:
    """Where to look: a table, the column that groups its rows and the one that names a row."""

    table: str
    group: str
    key: str


def draw(ledger: Ledger, manifests: Sequence[Manifest], columns: Columns, most: int) -> Sample:
    """Choose at most ``most`` rows of each group over all manifests."""
    sample = Sample()
    for number, manifest in enumerate(manifests):
        place = 0
        for batch in _batches(ledger, manifest, columns.table, [columns.group, columns.key]):
            groups, keys = (batch[name].to_pylist() for name in (columns.group, columns.key))
            for group, key in zip(groups, keys, strict=True):
                pick = Pick(zlib.crc32(str(key).encode()), str(key), number, place)
                sample.add(str(group), pick, most)
                place += 1
    return sample


def rows_at(
    ledger: Ledger, manifest: Manifest, table: str, places: Iterable[int]
) -> dict[int, Row]:
    """Return place -> row, without pictures, for some rows of a table."""
    found: dict[int, Row] = {}
    wanted, start = sorted(places), 0
    columns = ledger.metadata_columns(manifest, table)
    for batch in _batches(ledger, manifest, table, columns):
        here = [place for place in wanted if start <= place < start + batch.num_rows]
        if here:
            rows = batch.take([place - start for place in here]).to_pylist()
            found.update(zip(here, rows, strict=True))
        start += batch.num_rows
    return found


def rows_named(
    ledger: Ledger, manifest: Manifest, key: str, names: Iterable[str], table: str = "rows"
) -> dict[str, Row]:
    """Return name -> row, without pictures, for the rows whose ``key`` is one of the names."""
    if not manifest.rows(table):
        return {}
    found: dict[str, Row] = {}
    wanted = sorted(set(names))
    columns = ledger.metadata_columns(manifest, table)
    for batch in _batches(ledger, manifest, table, columns):
        here = pc.is_in(batch[key], value_set=pa.array(wanted, pa.string()))
        found.update({row[key]: row for row in batch.filter(here).to_pylist()})
    return found


def _batches(
    ledger: Ledger, manifest: Manifest, table: str, columns: Sequence[str]
) -> Iterator[Any]:
    if manifest.rows(table):
        yield from ledger.iter_batches(manifest, table, columns, rows=_BATCH)
