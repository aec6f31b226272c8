"""Planting bad partitions: what the stages never make, committed under the expected fingerprint."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicedit_assets.domain import schemas
from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.manifests import Counts, Manifest
from unicedit_assets.storage.terms import ChunkOutput

Rows = list[dict[str, Any]]


def plant(
    project: Project,
    ref: Ref,
    change: Callable[[Rows], object] = lambda rows: None,
    rejects: Rows | None = None,
) -> Manifest:
    """Replace a partition by one with changed rows and rejects; its fingerprint stays."""
    manifest = project.find(ref)
    assert manifest is not None
    tables = {name: project.ledger.read(manifest, name) for name in manifest.tables}
    rows = tables[schemas.ROWS].to_pylist()
    change(rows)
    tables[schemas.ROWS] = pa.Table.from_pylist(rows, schema=tables[schemas.ROWS].schema)
    if rejects is not None:
        tables[schemas.REJECTS] = pa.Table.from_pylist(rejects, schema=schemas.REJECTED)
    shutil.rmtree(Path(project.ledger.store.url) / manifest.folder)
    output = ChunkOutput(tables, counts_of(tables))
    return project.ledger.commit(project.spec(ref), 1, lambda _: output).manifest


def counts_of(tables: dict[str, pa.Table]) -> Counts:
    reasons = Counter(tables[schemas.REJECTS]["reason"].to_pylist())
    failed = sum(n for r, n in reasons.items() if outcome_of(Reason(r)) is Outcome.FAILED)
    accepted, dropped = tables[schemas.ROWS].num_rows, reasons.total()
    return Counts(
        inputs=accepted + dropped,
        accepted=accepted,
        rejected=dropped - failed,
        failed=failed,
        reasons=dict(reasons),
    )


def reject(reason: Reason, unit: str) -> dict[str, Any]:
    """Return a reject as a row."""
    return {"unit_id": unit, "outcome": outcome_of(reason).value, "reason": reason.value}


def forge(project: Project, ref: Ref, change: Callable[[dict[str, Any]], None]) -> Manifest:
    """Change a manifest itself, which no writer would do."""
    manifest = project.find(ref)
    assert manifest is not None
    value = json.loads(manifest.to_bytes())
    change(value)
    forged = Manifest.from_bytes(json.dumps(value).encode(), "forged")
    project.ledger.store.put(f"{manifest.folder}/manifest.json", forged.to_bytes())
    return forged
