"""Finding damaged partitions and setting them aside, so that the next run makes them again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from unicedit_assets.pipeline.pending import REPAIRABLE
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.release import Release, release_folder
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.storage.concurrent import in_parallel
from unicedit_assets.storage.manifests import folder_of
from unicedit_assets.storage.repair import Damage, examine, set_aside

READERS: Final = 4
"""Partitions hashed at once: enough to hide a store's latency, few enough for a disk."""


class Examined(NamedTuple):
    """One partition and what is wrong with it; ``damage.blobs`` is empty when it is sound."""

    ref: Ref
    damage: Damage


def partitions(project: Project) -> list[Ref]:
    """Return every partition that may be there under the present settings."""
    refs = [ref for stage in REPAIRABLE for ref in project.refs(stage)]
    return [*refs, Ref(VerifierTests.name, MAIN)]


def examine_all(project: Project, refs: Iterable[Ref]) -> Iterator[Examined]:
    """Read every byte of the current partitions, unfinished ones too, and yield each in order.

    Raises:
        StorageError: the lake cannot be reached; see ``storage.repair.examine``.
    """
    specs = {ref: project.spec(ref) for ref in refs}

    def look(ref: Ref) -> Examined:
        fingerprint = specs[ref].fingerprint
        folder = folder_of(ref.stage, ref.partition, fingerprint)
        is_release = ref.stage == Release.name
        files = release_folder(ref.partition, fingerprint) if is_release else None
        return Examined(ref, examine(project.ledger.store, folder, files))

    return in_parallel(look, specs, READERS)


def quarantine(project: Project, found: Iterable[Examined]) -> str:
    """Set damaged partitions aside and return the folder, below the lake, that they are in.

    Each is looked at once more, just before it moves: another repair, or a run that made it again,
    may have been here meanwhile.
    """
    when = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    for ref in [each.ref for each in found]:
        (examined,) = examine_all(project, [ref])
        if examined.damage.blobs:
            set_aside(project.ledger.store, examined.damage, when)
    return f"quarantine/{when}"
