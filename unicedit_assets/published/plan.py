"""Which verified edits a release takes, and into which file each of them goes.

The plan is made from metadata alone, before a picture is read, so the number of files is known in
advance. It depends on the set of candidates only, not on the order in which runs produced them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

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
        "pixel_sha256": pa.string(),
        "subtask": pa.string(),
        "shard": pa.string(),
        "row": pa.int64(),
    }
)
"""One row an accepted edit. ``shard`` is the partition it lies in, such as ``s00000/classical``.

``phash`` and ``pixel_sha256`` are those of the photograph; null where there is none.
"""

# What finds repeated photographs is of no use to whoever writes the files, and a third of the rows.
_COMPARED = ("phash", "pixel_sha256")

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
class HeldOut:
    """Images that must not be in the release: the benchmark's.

    Attributes:
        image_ids: their identities.
        phashes: their perceptual hashes.
        pixel_hashes: hashes of their pixels; needed of those without a perceptual hash.
    """

    image_ids: frozenset[str] = frozenset()
    phashes: tuple[str, ...] = ()
    pixel_hashes: frozenset[str] = frozenset()


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
        kept: candidates that go in, in the order of the files, rows in file order; without the
            hashes.
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


def _base(shard: str) -> str:
    """Return the shard of photographs that a partition's edits are of, whoever edited them."""
    return shard.partition("/")[0]


class _Photograph(NamedTuple):
    """A photograph as one shard has it."""

    image_id: str
    phash: str | None
    pixel_sha256: str | None
    shard: str


@dataclass(frozen=True)
class _Photographs:
    """The photographs of a sorted table by first appearance; ``codes`` numbers that of each row.

    One image in two shards is two photographs; in one shard with two editors it is one.
    """

    listed: tuple[_Photograph, ...]
    codes: _Indices

    @classmethod
    def of(cls, table: pa.Table) -> _Photographs:
        shards = table["shard"].combine_chunks().dictionary_encode()
        number: dict[str, int] = {}
        bases = [
            number.setdefault(_base(name), len(number)) for name in shards.dictionary.to_pylist()
        ]
        places = shards.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        base_of = np.array(bases, np.int64)[places]
        pairs = _codes(table["image_id"]) * max(1, len(number)) + base_of
        _, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        columns = ["image_id", *_COMPARED, "shard"]
        rows = table.select(columns).take(pa.array(first[order])).to_pylist()
        listed = tuple(_Photograph(**row | {"shard": _base(row["shard"])}) for row in rows)
        return cls(listed, rank[inverse])


def _earliest(photographs: Sequence[_Photograph]) -> Matches:
    """Return for each photograph the index of an earlier one that is the same, or None.

    The same is one identity or the same pixels; perceptual hashes are compared elsewhere.
    """
    ids: dict[str, int] = {}
    pixels: dict[str, int] = {}
    found: list[int | None] = []
    for index, photograph in enumerate(photographs):
        same = [ids.setdefault(photograph.image_id, index)]
        if photograph.pixel_sha256:
            same.append(pixels.setdefault(photograph.pixel_sha256, index))
        found.append(min(same) if min(same) < index else None)
    return found


def _contaminated(
    photographs: Sequence[_Photograph], held_out: HeldOut, find_near: FindNear
) -> Iterator[tuple[int, tuple[Reason, str]]]:
    """Yield index and verdict of each photograph that is, or nearly is, a benchmark image."""
    references = held_out.phashes
    hashes = [photograph.phash for photograph in photographs]
    near = find_near(hashes, references) if references else [None] * len(hashes)
    for index, (photograph, match) in enumerate(zip(photographs, near, strict=True)):
        same_pixels = photograph.pixel_sha256 in held_out.pixel_hashes
        if photograph.image_id in held_out.image_ids or same_pixels:
            yield index, (Reason.CONTAMINATED, "a benchmark image")
        elif match is not None:
            detail = f"near-duplicate of a benchmark image (hash {references[match]})"
            yield index, (Reason.CONTAMINATED, detail)


def _repeated(
    photographs: Sequence[_Photograph], keep_first: KeepFirst
) -> Iterator[tuple[int, _Photograph]]:
    """Yield index and original of each photograph that repeats an earlier one, in any way."""
    same = _earliest(photographs)
    fresh = [index for index, match in enumerate(same) if match is None]
    repeats = keep_first([photographs[index].phash for index in fresh])
    near = {
        index: fresh[match]
        for index, match in zip(fresh, repeats, strict=True)
        if match is not None
    }
    for index, match in enumerate(same):
        first = index if match is None else match
        original = near.get(first, first)
        if original != index:
            yield index, photographs[original]


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

    def images(self, held_out: HeldOut, find_near: FindNear, keep_first: KeepFirst) -> None:
        photographs = _Photographs.of(self.table)
        listed = photographs.listed
        verdicts = dict(_contaminated(listed, held_out, find_near))
        clean = [index for index in range(len(listed)) if index not in verdicts]
        for index, original in _repeated([listed[index] for index in clean], keep_first):
            detail = f"repeats image {original.image_id} of {original.shard}"
            verdicts[clean[index]] = (Reason.DUPLICATE, detail)
        for row in np.flatnonzero(np.isin(photographs.codes, list(verdicts))):
            self.close(int(row), *verdicts[int(photographs.codes[row])])

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
        closed = self.table.drop_columns(list(_COMPARED)).take(pa.array(rows)).to_pylist()
        for place, row in zip(rows, closed, strict=True):
            reason, detail = self.why[int(place)]
            yield PlannedReject(**row, reason=reason, detail=detail)


def make_plan(
    candidates: pa.Table,
    settings: PlanSettings,
    keep_first: KeepFirst,
    find_near: FindNear,
    held_out: HeldOut = HeldOut(),
) -> Plan:
    """Decide what a release takes: every candidate ends up either kept or left out with a reason.

    In this order: repeated keys; images that are a benchmark image or its near-duplicate
    (contaminated); images that repeat an earlier one, shard by shard, by identity, pixels or
    perceptual hash (duplicate); rows above a subtask's quota. An image's verdict holds for all its
    edits of that shard. The quota keeps the rows with the smallest keys: keys are hashes, so this
    is an even draw over shards that anyone can recompute.

    Args:
        candidates: a table with the columns of ``CANDIDATE_SCHEMA``, in any order of rows.
        settings: bounds of the release.
        keep_first: finds near-duplicates among perceptual hashes.
        find_near: finds near-duplicates of given references.
        held_out: images that must not be in the release.

    Raises:
        ValueError: two candidates claim the same row of the same shard.
        KeyError: a column is missing.
        pyarrow.ArrowInvalid: a column has the wrong type.
    """
    gates = _Gates(
        _in_shard_order(candidates.select(CANDIDATE_SCHEMA.names).cast(CANDIDATE_SCHEMA))
    )
    gates.repeated_keys()
    gates.images(held_out, find_near, keep_first)
    if settings.max_per_subtask is not None:
        gates.quota(settings.max_per_subtask)
    kept = gates.table.drop_columns(list(_COMPARED)).filter(pa.array(gates.open))
    return Plan(kept, tuple(gates.left_out()), settings.rows_per_file)
