"""Setting damaged partitions aside, so that they can be made again and nothing lies meanwhile.

What is damaged moves to ``quarantine/{when}/`` below the lake, with everything that vouches for it:
first a copy of the manifest is kept as the folder's *promise*, then the markers of damaged chunks,
the damaged parts and the checks move, the manifest last. So at each moment

* a visible manifest either has all its parts, or a reader is told that a part is missing;
* nobody makes a chunk again while the manifest is visible; a sound chunk stays finished;
* a repair that is killed leaves a partition that the next repair still finds damaged.

A damaged record that nothing else rests on, such as a check's result, moves alone.

Who makes the partition again must keep the promise: publish what says the same (timings aside).
What is made from it then stays current. When it cannot (a generative editor, a source that has
changed), the fingerprint is retired, and everything downstream is stale by its own fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from unicedit_assets.storage.blobs import BlobStore, MissingBlob, StorageError
from unicedit_assets.storage.manifests import (
    CheckRecord,
    ChunkMarker,
    CorruptRecord,
    Manifest,
    Part,
    Record,
)
from unicedit_assets.storage.parts import CorruptPart, verify_part

QUARANTINE = "quarantine"
_PROMISE = "promised.json"
_Record = TypeVar("_Record", bound=Record)


class NotReproduced(StorageError):
    """A damaged partition was made again and says something else; carries its folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(f"{folder} was damaged and could not be made again as it was")
        self.folder = folder


@dataclass
class Damage:
    """What is wrong with one partition.

    Attributes:
        folder: the partition's folder.
        blobs: key -> why, of the blobs that are damaged or missing.
        markers: keys of the chunk markers that vouch for a damaged blob, or are damaged.
        lost: whether the partition is: its manifest is damaged, or vouches for a damaged blob.
    """

    folder: str
    blobs: dict[str, str] = field(default_factory=dict)
    markers: set[str] = field(default_factory=set)
    lost: bool = False


def examine(store: BlobStore, folder: str, files: str | None = None) -> Damage:
    """Read every record of a partition, and every byte that one of them vouches for.

    A partition without a manifest is examined too: what is finished of it would be used.

    Args:
        store: the lake.
        folder: of the partition.
        files: where the files are that its ``extra["files"]`` vouches for (a release's).

    Raises:
        StorageError: the store itself is in trouble; nothing is said about the partition.
    """
    damage = Damage(folder)
    top = f"{folder}/manifest.json"
    manifests = dict(_records(store, Manifest, [top], damage))
    markers = dict(_records(store, ChunkMarker, store.keys(f"{folder}/chunks"), damage))
    damage.markers |= damage.blobs.keys() - {top}
    for _ in _records(store, CheckRecord, store.keys(f"{folder}/checks"), damage):
        pass
    records: dict[str, Manifest | ChunkMarker] = {**manifests, **markers}
    vouched = {key: dict(_vouched(record, files)) for key, record in records.items()}
    checks = {key: check for blobs in vouched.values() for key, check in blobs.items()}
    damage.blobs |= {key: why for key, check in checks.items() if (why := check(store))}
    unsound = {key for key, blobs in vouched.items() if damage.blobs.keys() & blobs}
    damage.markers |= unsound - {top}
    damage.lost = top in unsound or top in damage.blobs
    return damage


def _records(
    store: BlobStore, kind: type[_Record], keys: Iterable[str], damage: Damage
) -> Iterator[tuple[str, _Record]]:
    """Yield the records that can be read; those that are gone meanwhile are no damage."""
    for key in keys:
        try:
            yield key, kind.from_bytes(store.read(key), key)
        except MissingBlob:
            continue
        except CorruptRecord as error:
            damage.blobs[key] = str(error)


_Check = Callable[[BlobStore], str]


def _vouched(record: Manifest | ChunkMarker, files: str | None) -> Iterator[tuple[str, _Check]]:
    """Yield key -> check of each blob that a record vouches for."""
    tables = record.tables.values() if isinstance(record, Manifest) else [record.parts.values()]
    for part in (part for parts in tables for part in parts):
        yield part.key, _check_of(part)
    listed = record.extra.get("files")
    if files and isinstance(listed, dict):
        for name, fact in listed.items():
            if isinstance(fact, dict):
                key = f"{files}/{name}"
                sha, size = str(fact["sha256"]), int(str(fact["bytes"]))
                yield (
                    key,
                    _check_of(Part(key=key, rows=0, bytes=size, sha256=sha, footer_sha256=sha)),
                )


def _check_of(part: Part) -> _Check:
    def check(store: BlobStore) -> str:
        try:
            verify_part(store, part)
        except CorruptPart as error:
            return str(error)
        return ""

    return check


def set_aside(store: BlobStore, damage: Damage, when: str) -> list[str]:
    """Move what is damaged, and what vouches for it, to the quarantine; return the keys moved.

    Only whole chunks are given up: the others stay finished, and are not made again. The manifest
    and the checks stay where nothing is damaged that the manifest vouches for.

    Args:
        store: the lake.
        damage: what ``examine`` found.
        when: names this repair in the quarantine; one key segment.
    """
    manifest, checks = f"{damage.folder}/manifest.json", f"{damage.folder}/checks"
    wrong = damage.blobs.keys() - damage.markers - {manifest}
    keys = [*sorted(damage.markers), *sorted(wrong)]
    if damage.lost:
        if damage.markers or any(not key.startswith(f"{checks}/") for key in wrong):
            _promise(store, damage.folder)
        keys += [*(key for key in store.keys(checks) if key not in wrong), manifest]
    moved = []
    for key in keys:
        try:
            store.move(key, f"{QUARANTINE}/{when}/{key}")
            moved.append(key)
        except MissingBlob:  # that was the damage, or another repair was faster
            continue
    return moved


def _promise(store: BlobStore, folder: str) -> None:
    """Keep what the manifest says; a promise of an earlier repair that was not kept yet stays."""
    try:
        store.put_new(f"{folder}/{_PROMISE}", store.read(f"{folder}/manifest.json"))
    except MissingBlob:
        return


def keep_promise(store: BlobStore, manifest: Manifest) -> None:
    """Make sure that a manifest says what the partition said before it was damaged, if it ever was.

    Raises:
        NotReproduced: it says something else, or the promise itself is damaged.
    """
    key = f"{manifest.folder}/{_PROMISE}"
    try:
        promised = Manifest.from_bytes(store.read(key), key)
    except MissingBlob:
        return
    except CorruptRecord:
        raise NotReproduced(manifest.folder) from None
    if not manifest.says_the_same_as(promised):
        raise NotReproduced(manifest.folder)
