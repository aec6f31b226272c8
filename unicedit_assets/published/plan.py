"""Which verified edits a release takes, and into which file each of them goes.

The plan is made from metadata alone, before a picture is read, so the number of files is known in
advance. It depends on the set of candidates only, not on the order in which runs produced them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.published.schema import data_file

CANDIDATE_SCHEMA = pa.schema(
    {
        "edit_id": pa.string(),
        "image_id": pa.string(),
        "phash": pa.string(),
        "subtask": pa.string(),
        "shard": pa.string(),
        "row": pa.int64(),
    }
)
"""One row an accepted edit. ``shard`` is the partition it lies in, such as ``s00000/classical``."""

Matches: TypeAlias = Sequence[int | None]
KeepFirst: TypeAlias = Callable[[Sequence[str | None]], Matches]
"""Perceptual hashes in order -> for each the index of the kept earlier one it repeats, or None.

A featureless picture has no hash (None); it repeats nobody.
"""
FindNear: TypeAlias = Callable[[Sequence[str | None], Sequence[str]], Matches]
"""(hashes, references) -> for each hash the index of a reference it is a near-duplicate of."""

_NUMBER = re.compile(r"(\d+)")
_Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class PlannedRow:
    """Where one row of a data file comes from: its shard and its row there."""

    edit_id: str
    image_id: str
    subtask: str
    shard: str
    row: int


@dataclass(frozen=True)
class PlannedReject:
    """An accepted edit that the release leaves out, and why."""

    edit_id: str
    image_id: str
    subtask: str
    shard: str
    row: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class PlanSettings:
    """What bounds a release.

    Attributes:
        rows_per_file: rows a data file (the published files: 15,000); the last may have fewer.
        max_per_subtask: most rows a subtask; None for no limit.
    """

    rows_per_file: int = 15_000
    max_per_subtask: int | None = None

    def __post_init__(self) -> None:
        if self.rows_per_file < 1:
            raise ValueError("rows_per_file must be at least 1")
        if self.max_per_subtask is not None and self.max_per_subtask < 1:
            raise ValueError("max_per_subtask must be at least 1")


@dataclass(frozen=True)
class Plan:
    """A release before its pictures are read.

    Attributes:
        kept: candidates that go in, in the order of the files, rows in file order.
        left_out: the other candidates, in the same order, each with its reason.
        rows_per_file: rows a file.
    """

    kept: pa.Table
    left_out: tuple[PlannedReject, ...]
    rows_per_file: int

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the data files, relative to the release's root; none for an empty release."""
        total = -(-self.kept.num_rows // self.rows_per_file)
        return tuple(data_file(index, total) for index in range(total))

    def rows(self, index: int) -> Iterator[PlannedRow]:
        """Yield the rows of one data file, in order."""
        for row in self.kept.slice(index * self.rows_per_file, self.rows_per_file).to_pylist():
            yield PlannedRow(
                row["edit_id"], row["image_id"], row["subtask"], row["shard"], row["row"]
            )

    def reasons(self) -> dict[str, int]:
        """Return how many candidates were left out for each reason."""
        return dict(sorted(Counter(str(reject.reason) for reject in self.left_out).items()))


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in _NUMBER.split(text)
        if part
    )


def _in_shard_order(candidates: pa.Table) -> pa.Table:
    """Sort by shard, then row; shards by their numbers, so that s100000 comes after s99999."""
    shards = candidates["shard"].combine_chunks().dictionary_encode()
    names = shards.dictionary.to_pylist()
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=lambda i: (_natural(names[i]), names[i]))] = range(
        len(names)
    )
    places = rank[shards.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
    rows = candidates["row"].to_numpy()
    order = np.lexsort((rows, places))
    same = (np.diff(places[order]) == 0) & (np.diff(rows[order]) == 0)
    if same.any():
        raise ValueError("two candidates claim the same row of the same shard")
    return candidates.take(pa.array(order))


def _codes(column: pa.ChunkedArray) -> _Indices:
    """Number the values of a column by first appearance."""
    encoded = column.combine_chunks().dictionary_encode()
    codes: _Indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _first_rows(codes: _Indices) -> _Indices:
    return np.unique(codes, return_index=True)[1].astype(np.int64)


class _Gates:
    """Takes candidates out, gate by gate; the first gate that objects gives the reason."""

    def __init__(self, ordered: pa.Table) -> None:
        self.table = ordered
        self.open = np.ones(ordered.num_rows, bool)
        self.why: dict[int, tuple[Reason, str]] = {}

    def close(self, row: int, reason: Reason, detail: str) -> None:
        if self.open[row]:
            self.open[row] = False
            self.why[row] = (reason, detail)

    def repeated_keys(self) -> None:
        codes = _codes(self.table["edit_id"])
        first = _first_rows(codes)
        for row in np.flatnonzero(first[codes] != np.arange(len(codes))):
            origin = first[codes[row]]
            place = f"{self.table['shard'][origin]} row {self.table['row'][origin]}"
            self.close(int(row), Reason.DUPLICATE, f"the same key as {place}")

    def images(self, benchmark: Sequence[str], find_near: FindNear, keep_first: KeepFirst) -> None:
        codes = _codes(self.table["image_id"])
        first = _first_rows(codes)
        hashes = self.table["phash"].take(pa.array(first)).to_pylist()
        ids = self.table["image_id"].take(pa.array(first)).to_pylist()
        near = find_near(hashes, benchmark) if benchmark else [None] * len(hashes)
        clean = [index for index, match in enumerate(near) if match is None]
        repeats = keep_first([hashes[index] for index in clean])
        verdicts: dict[int, tuple[Reason, str]] = {
            index: (Reason.CONTAMINATED, f"near-duplicate of benchmark image {match}")
            for index, match in enumerate(near)
            if match is not None
        }
        for index, match in zip(clean, repeats, strict=True):
            if match is not None:
                detail = f"near-duplicate of image {ids[clean[match]]}"
                verdicts[index] = (Reason.DUPLICATE, detail)
        for row in np.flatnonzero(np.isin(codes, list(verdicts))):
            self.close(int(row), *verdicts[int(codes[row])])

    def quota(self, most: int) -> None:
        rows = np.flatnonzero(self.open)
        kept = self.table.take(pa.array(rows))
        keys, subtasks = kept["edit_id"].to_pylist(), kept["subtask"].to_pylist()
        seen: Counter[str] = Counter()
        for index in sorted(range(len(rows)), key=keys.__getitem__):
            seen[subtasks[index]] += 1
            if seen[subtasks[index]] > most:
                self.close(int(rows[index]), Reason.OVER_QUOTA, f"more than {most} a subtask")

    def left_out(self) -> Iterator[PlannedReject]:
        rows = np.flatnonzero(~self.open)
        for place, row in zip(rows, self.table.take(pa.array(rows)).to_pylist(), strict=True):
            del row["phash"]
            reason, detail = self.why[int(place)]
            yield PlannedReject(**row, reason=reason, detail=detail)


def make_plan(
    candidates: pa.Table,
    settings: PlanSettings,
    keep_first: KeepFirst,
    find_near: FindNear,
    benchmark_hashes: Sequence[str] = (),
) -> Plan:
    """Decide what a release takes: every candidate ends up either kept or left out with a reason.

    In this order: repeated keys; images that are near-duplicates of a benchmark image
    (contaminated); images that repeat an earlier kept image, shard by shard (duplicate); rows above
    a subtask's quota. An image's verdict holds for all its edits. The quota keeps the rows with the
    smallest keys: keys are hashes, so this is an even draw over shards that anyone can recompute.

    Args:
        candidates: a table with the columns of ``CANDIDATE_SCHEMA``, in any order of rows.
        settings: bounds of the release.
        keep_first: finds near-duplicates among perceptual hashes.
        find_near: finds near-duplicates of given references.
        benchmark_hashes: perceptual hashes of images that must not be in the release.

    Raises:
        ValueError: two candidates claim the same row of the same shard.
        KeyError: a column is missing.
        pyarrow.ArrowInvalid: a column has the wrong type.
    """
    gates = _Gates(
        _in_shard_order(candidates.select(CANDIDATE_SCHEMA.names).cast(CANDIDATE_SCHEMA))
    )
    gates.repeated_keys()
    gates.images(benchmark_hashes, find_near, keep_first)
    if settings.max_per_subtask is not None:
        gates.quota(settings.max_per_subtask)
    kept = gates.table.filter(pa.array(gates.open))
    return Plan(kept, tuple(gates.left_out()), settings.rows_per_file)
