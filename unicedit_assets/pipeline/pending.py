"""What is stale and what can be made now: the one answer that status, runs and sensors share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref

PIPELINE = (
    "raw_images",
    "instructions",
    "edits",
    "verified_edits",
    "unicedit_10m",
    "unicbench_scores",
)


class State(StrEnum):
    """How one partition stands under the present settings."""

    CURRENT = "current"
    BLOCKED = "blocked"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class Standing:
    """One partition's state; ``ready`` tells whether everything it is made from is there."""

    ref: Ref
    state: State
    ready: bool


def standing(project: Project, ref: Ref) -> Standing:
    """Tell how one partition stands.

    Stale means that an older version exists, made under other settings; missing, that none does.
    """
    manifest = project.find(ref)
    if manifest:
        blocked = bool(project.ledger.blocked(manifest))
        return Standing(ref, State.BLOCKED if blocked else State.CURRENT, True)
    inputs = project.stages[ref.stage].inputs(project, ref.partition)
    ready = all(project.usable(up) for up in inputs)
    older = project.ledger.history(ref.stage, ref.partition)
    return Standing(ref, State.STALE if older else State.MISSING, ready)


def standings(project: Project) -> Iterator[Standing]:
    """Yield the standing of every partition, in pipeline order."""
    for stage in PIPELINE:
        for ref in project.refs(stage):
            yield standing(project, ref)
