"""Setting damaged partitions aside, so that they can be made again and nothing lies meanwhile.

What is damaged moves to ``quarantine/{when}/`` below the lake, with everything that vouches for it:
first a copy of the manifest is kept as the folder's *promise*, then the markers of damaged chunks,
the damaged parts and the checks move, the manifest last. So at each moment

* a visible manifest either has all its parts, or a reader is told that a part is missing;
* nobody makes a chunk again while the manifest is visible; a sound chunk stays finished;
* a repair that is killed leaves a partition that the next repair still finds damaged.

Who makes the partition again must keep the promise: publish what says the same (timings aside).
What is made from it then stays current. When it cannot (a generative editor, a source that has
changed), the fingerprint is retired, and everything downstream is stale by its own fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from unicedit_assets.storage.blobs import BlobStore, MissingBlob, StorageError
from unicedit_assets.storage.manifests import ChunkMarker, CorruptRecord, Manifest, Part
from unicedit_assets.storage.parts import CorruptPart, verify_part

QUARANTINE = "quarantine"
_PROMISE = "promised.json"


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
    """

    folder: str
    blobs: dict[str, str] = field(default_factory=dict)
    markers: set[str] = field(default_factory=set)


def examine(store: BlobStore, folder: str, files: str | None = None) -> Damage:
    """Read every byte that a partition vouches for and compare the hashes.

    Args:
        store: the lake.
        folder: of the partition; one without a manifest has no damage.
        files: where the files are that its ``extra["files"]`` vouches for (a release's).

    Raises:
        StorageError: the store itself is in trouble; nothing is said about the partition.
    """
    damage = Damage(folder)
    key = f"{folder}/manifest.json"
    try:
        manifest = _parsed(Manifest, store.read(key), key, damage)
    except MissingBlob:
        return damage
    vouched: dict[str, dict[str, _Check]] = {}
    for key in store.keys(f"{folder}/chunks"):
        marker = _parsed(ChunkMarker, store.read(key), key, damage)
        vouched[key] = dict(_vouched(marker, files)) if marker else {}
        if not marker:
            damage.markers.add(key)
    checks = dict(_vouched(manifest, files)) if manifest else {}
    for blobs in vouched.values():
        checks |= blobs
    damage.blobs |= {key: why for key, check in checks.items() if (why := check(store))}
    damage.markers |= {
        key for key, blobs in vouched.items() if not damage.blobs.keys().isdisjoint(blobs)
    }
    return damage


def _parsed(kind: Any, data: bytes, key: str, damage: Damage) -> Any:
    try:
        return kind.from_bytes(data, key)
    except CorruptRecord as error:
        damage.blobs[key] = str(error)
        return None


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

    Only whole chunks are given up: the others stay finished, and are not made again.

    Args:
        store: the lake.
        damage: what ``examine`` found.
        when: names this repair in the quarantine; one key segment.
    """
    manifest = f"{damage.folder}/manifest.json"
    if damage.blobs.keys() - {manifest}:
        _promise(store, damage.folder)
    moved = []
    checks = list(store.keys(f"{damage.folder}/checks"))
    blobs = sorted(damage.blobs.keys() - damage.markers - {manifest})
    for key in [*sorted(damage.markers), *blobs, *checks, manifest]:
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
