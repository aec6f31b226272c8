"""Collecting a chunk's rows, nothing is lost: every unit is accepted, rejected or failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json, canonical
from unicedit_assets.domain.machine import is_of_the_machine
from unicedit_assets.domain.reasons import STAGE_REASONS, Outcome, Reason, outcome_of
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.domain.texts import storable
from unicedit_assets.storage.manifests import Counts
from unicedit_assets.storage.terms import ChunkOutput

_DETAIL_LENGTH = 1000
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def json_text(value: Json) -> str:
    """Return canonical JSON text for a cell.

    Raises:
        ValueError: the value holds NaN or an infinity.
    """
    return canonical(value).decode()


def detail_of(error: object) -> str:
    """Return an error or a remark as bounded text that is the same in every run."""
    return storable(_ADDRESS.sub("0x...", str(error)))[:_DETAIL_LENGTH]


def named(error: Exception) -> str:
    """Return an exception as one text: its kind and what it says.

    Raises:
        Exception: the same one, when it speaks of the machine (disk, handles, mounts, memory) or
            of a backend that is down rather than of the row: a row must not be condemned for it,
            the run must fail and be tried again.
    """
    if isinstance(error, OSError) and is_of_the_machine(error):
        raise error
    if isinstance(error, BackendDownError | MemoryError):
        raise error
    return detail_of(f"{type(error).__name__}: {error}")


class Collector:
    """The rows of one chunk of one stage, on their way into tables.

    Args:
        stage: decides which reasons are possible.
        schema: of the accepted rows.
        hides: whether the stage keeps hidden truth. Every chunk of a partition has the same tables,
            so a chunk without any truth still gets an empty one.
    """

    def __init__(self, stage: str, schema: pa.Schema, hides: bool = False):
        self._reasons = STAGE_REASONS[stage]
        self._stage = stage
        self._schema = schema
        self._rows: list[Mapping[str, Any]] = []
        self._rejects: list[Mapping[str, Any]] = []
        self._truths: list[Mapping[str, Any]] | None = [] if hides else None

    def accept(self, row: Mapping[str, Any]) -> None:
        """Add an accepted row; its columns are exactly those of the schema."""
        self._rows.append(row)

    def reject(
        self,
        unit_id: str,
        reason: Reason,
        detail: str,
        about: Mapping[str, Any] | None = None,
        extra: Json = None,
    ) -> None:
        """Add a rejected or failed row; ``about`` fills the columns it shares with accepted rows.

        Raises:
            ValueError: this stage cannot give that reason.
        """
        if reason not in self._reasons:
            raise ValueError(f"{self._stage} cannot reject for {reason.value!r}")
        columns = ("image_id", "task", "subtask", "en", "cn")
        shared = {
            name: storable(value) if isinstance(value, str) else None
            for name in columns
            for value in [(about or {}).get(name)]
        }
        self._rejects.append(
            {
                **shared,
                "unit_id": unit_id,
                "outcome": outcome_of(reason).value,
                "reason": reason.value,
                "detail": detail_of(detail),
                "extra": json_text(extra),
            }
        )

    def reveal(self, row: Mapping[str, Any]) -> None:
        """Add a row of hidden truth.

        Raises:
            ValueError: the stage hides nothing.
        """
        if self._truths is None:
            raise ValueError(f"{self._stage} keeps no hidden truth")
        self._truths.append(row)

    def output(self) -> ChunkOutput:
        """Return the chunk's tables and counts."""
        outcomes = Counter(reject["outcome"] for reject in self._rejects)
        tables = {
            schemas.ROWS: pa.Table.from_pylist(self._rows, schema=self._schema),
            schemas.REJECTS: pa.Table.from_pylist(self._rejects, schema=schemas.REJECTED),
        }
        if self._truths is not None:
            tables[schemas.TRUTH] = pa.Table.from_pylist(self._truths, schema=schemas.TRUTHS)
        counts = Counts(
            inputs=len(self._rows) + len(self._rejects),
            accepted=len(self._rows),
            rejected=outcomes[Outcome.REJECTED.value],
            failed=outcomes[Outcome.FAILED.value],
            reasons=dict(Counter(reject["reason"] for reject in self._rejects)),
        )
        return ChunkOutput(tables=tables, counts=counts, extra={})
