"""Collecting a chunk's rows, nothing is lost: every unit is accepted, rejected or failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json, canonical
from unicedit_assets.domain.reasons import STAGE_REASONS, Outcome, Reason, outcome_of
from unicedit_assets.storage.ledger import ChunkOutput
from unicedit_assets.storage.manifests import Counts


def json_text(value: Json) -> str:
    """Return canonical JSON text for a cell."""
    return canonical(value).decode()


class Collector:
    """The rows of one chunk of one stage, on their way into tables."""

    def __init__(self, stage: str, schema: pa.Schema):
        self._reasons = STAGE_REASONS[stage]
        self._stage = stage
        self._schema = schema
        self._rows: list[Mapping[str, Any]] = []
        self._rejects: list[Mapping[str, Any]] = []
        self._truths: list[Mapping[str, Any]] | None = None

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
        shared = {name: (about or {}).get(name) for name in columns}
        self._rejects.append(
            {
                **shared,
                "unit_id": unit_id,
                "outcome": outcome_of(reason).value,
                "reason": reason.value,
                "detail": detail,
                "extra": json_text(extra),
            }
        )

    def reveal(self, row: Mapping[str, Any]) -> None:
        """Add a row of hidden truth."""
        self._truths = [*(self._truths or []), row]

    def accepted_rows(self) -> list[Mapping[str, Any]]:
        """Return the rows accepted so far."""
        return list(self._rows)

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
