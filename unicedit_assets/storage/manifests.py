"""What the storage writes down about data: parts, counts, chunks, checks and the manifest.

A partition exists when its manifest exists. All models are frozen, refuse unknown fields and
serialise to canonical JSON, so that equal contents give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from unicedit_assets.domain.identity import canonical
from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.storage.blobs import StorageError
from unicedit_assets.storage.contents import joined

Natural = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CorruptRecord(StorageError):
    """A manifest, chunk marker or check record cannot be what was written."""


class Record(BaseModel):
    """A frozen JSON document."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def to_bytes(self) -> bytes:
        """Return canonical JSON: equal records give equal bytes."""
        return canonical(self.model_dump(mode="json")) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """Parse what ``to_bytes`` wrote; ``name`` is the key that an error will tell.

        Raises:
            CorruptRecord: the bytes are not such a record.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise CorruptRecord(f"{name} is corrupt: {first['msg']} at {first['loc']}") from error


class Part(Record):
    """One Parquet file of a table.

    Attributes:
        key: where it is in the store.
        rows: its row count.
        bytes: its size.
        sha256: the hash of the whole file.
        footer_sha256: the hash of its metadata, so that a reader of a few columns can trust where
            they are without reading the images between them.
        content_sha256: the digest of its rows, timings left out (see ``contents``); None in a lake
            of before it was always recorded.
    """

    key: str
    rows: Natural
    bytes: Natural
    sha256: Sha256
    footer_sha256: Sha256
    content_sha256: Sha256 | None = None


class Counts(Record):
    """What became of the inputs; the conservation law holds or the object cannot be made.

    inputs = accepted + rejected + failed, and every input that did not go on has one reason.
    """

    inputs: Natural = 0
    accepted: Natural = 0
    rejected: Natural = 0
    failed: Natural = 0
    reasons: dict[str, Natural] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _conserve(self) -> Self:
        if self.inputs != self.accepted + self.rejected + self.failed:
            raise ValueError(
                f"{self.inputs} inputs are not {self.accepted} accepted + {self.rejected} "
                f"rejected + {self.failed} failed"
            )
        for outcome, count in ((Outcome.REJECTED, self.rejected), (Outcome.FAILED, self.failed)):
            explained = sum(
                number
                for reason, number in self.reasons.items()
                if outcome_of(Reason(reason)) == outcome
            )
            if explained != count:
                raise ValueError(f"reasons explain {explained} of {count} {outcome} inputs")
        return self

    def __add__(self, other: Counts) -> Counts:
        reasons = {
            reason: self.reasons.get(reason, 0) + other.reasons.get(reason, 0)
            for reason in sorted({*self.reasons, *other.reasons})
        }
        return Counts(
            inputs=self.inputs + other.inputs,
            accepted=self.accepted + other.accepted,
            rejected=self.rejected + other.rejected,
            failed=self.failed + other.failed,
            reasons=reasons,
        )


class ChunkMarker(Record):
    """A finished chunk: its parts by table, the hash of each table's schema, and its counts."""

    parts: dict[str, Part]
    schemas: dict[str, str]
    counts: Counts
    extra: dict[str, JsonValue]


class Manifest(Record):
    """A committed partition of a stage.

    Attributes:
        stage: the asset's name.
        partition: such as ``s00000`` or ``s00000/classical``.
        fingerprint: the identity of the contents; the Dagster data version.
        code_version: the stage's code version.
        config: the identity fields of the stage's configuration.
        inputs: "stage/partition" -> fingerprint of everything that was read.
        tables: parts by table name, in chunk order.
        counts: what became of the inputs.
        extra: whatever else the stage counted.
    """

    stage: str
    partition: str
    fingerprint: str
    code_version: str
    config: dict[str, JsonValue]
    inputs: dict[str, str]
    tables: dict[str, tuple[Part, ...]]
    counts: Counts
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The key prefix of everything that belongs to this partition."""
        return folder_of(self.stage, self.partition, self.fingerprint)

    def says_the_same_as(self, other: Manifest) -> bool:
        """Tell whether both hold the same rows in the same order.

        Timings do not count, nor do files: their names, their bytes, and where chunks begin.
        """
        return self._says() == other._says()

    def _says(self) -> tuple[object, ...]:
        tables = {name: _content(parts) for name, parts in self.tables.items()}
        return tables, self.counts, self.extra

    def rows(self, table: str = "rows") -> int:
        """Return the row count of a table (0 when there is none)."""
        return sum(part.rows for part in self.tables.get(table, ()))


class CheckRecord(Record):
    """The newest result of one asset check on one committed partition."""

    name: str
    passed: bool
    blocking: bool
    summary: JsonValue = None


def _content(parts: Sequence[Part]) -> object:
    """Return what parts say one after the other; files without a content digest say their bytes."""
    digests = [(part.rows, part.content_sha256) for part in parts if part.content_sha256]
    if len(digests) < len(parts):
        return [part.sha256 for part in parts]
    return joined(digests)


def folder_of(stage: str, partition: str, fingerprint: str) -> str:
    """Return the key prefix of a committed partition."""
    return f"{stage}/{partition}/{fingerprint}"


def plain(value: object) -> JsonValue:
    """Return a JSON-like value (mappings, sequences, tuples) as plain JSON.

    Raises:
        ValueError: it holds NaN or an infinity.
        TypeError: it is not JSON.
    """
    loaded: JsonValue = json.loads(canonical(value))  # type: ignore[arg-type]
    return loaded


def merged_extra(extras: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Merge what the chunks of a partition recorded beside their counts.

    Numbers are summed, lists joined in chunk order, mappings merged by the same rules; anything
    else must agree.

    Raises:
        ValueError: chunks disagree about a value that cannot be added up.
    """
    return reduce(_merged, extras, {})


def _merged(one: Mapping[str, JsonValue], two: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    both = {name: _added(name, one[name], two[name]) for name in one.keys() & two.keys()}
    return {name: both.get(name, value) for name, value in {**one, **two}.items()}


def _added(name: str, one: JsonValue, two: JsonValue) -> JsonValue:
    if isinstance(one, dict) and isinstance(two, dict):
        return _merged(one, two)
    if isinstance(one, list) and isinstance(two, list):
        return [*one, *two]
    if _is_number(one) and _is_number(two):
        return one + two  # type: ignore[operator]
    if one == two:
        return one
    raise ValueError(f"chunks disagree about extra {name!r}: {one!r} and {two!r}")


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
