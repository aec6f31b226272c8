"""The terms of the ledger: what is to be committed, what a chunk makes, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from unicedit_assets.domain.identity import Json
from unicedit_assets.storage.manifests import Counts, Manifest


@dataclass(frozen=True)
class PartitionSpec:
    """What is to be committed: where it belongs and the identity of what makes it.

    Attributes:
        stage: the asset's name.
        partition: one or more key segments, such as ``s00000/classical``.
        fingerprint: hash of everything that determines the contents; one key segment.
        code_version: the stage's code version.
        config: the identity fields of the stage's configuration.
        inputs: "stage/partition" -> fingerprint of everything that is read.
    """

    stage: str
    partition: str
    fingerprint: str
    code_version: str
    config: Mapping[str, Json] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ChunkOutput:
    """What one chunk of work made.

    Attributes:
        tables: every chunk of a partition must give the same tables with the same schemas (an
            empty table where it has no rows). ``rows`` holds what was accepted, ``rejects`` what
            was rejected or failed.
        counts: what became of the chunk's inputs.
        extra: other figures; see ``merged_extra`` for how chunks add up.
    """

    tables: Mapping[str, pa.Table]
    counts: Counts
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Committed:
    """The outcome of a commit.

    Attributes:
        manifest: the one everybody sees.
        fresh: whether this very call published it.
        resumed: how many chunks were found finished, so that their work was not done here.
        figures: what was measured while it was made here, by name; never stored.
    """

    manifest: Manifest
    fresh: bool
    resumed: int
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """How a partition stands at a glance.

    Attributes:
        present: whether it is committed.
        blocked: the blocking checks that it failed.
        older: whether any version of it is committed.
    """

    present: bool
    blocked: tuple[str, ...]
    older: bool


def split(total: int, chunks: int, index: int) -> range:
    """Return the positions of chunk ``index`` when ``total`` items are split evenly.

    Finished chunks are only reused by a run with the same number of chunks, so a split that
    depends on nothing else, like this one, stays right when somebody changes the chunk size.
    """
    return range(total * index // chunks, total * (index + 1) // chunks)
