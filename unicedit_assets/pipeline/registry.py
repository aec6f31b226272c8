"""What people registered: shards of sources, the benchmark's photographs, releases, promotions.

Registrations are write-once blobs in the lake (first writer wins); only the promoted verifier is a
pointer that can be replaced. An image never changes its shard: new images make new shards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from unicedit_assets.domain.identity import Json, canonical, digest
from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.storage.blobs import BlobStore

_SHARDS = "registry/shards"
_RELEASES = "registry/releases"
_BENCHMARK = "registry/benchmark.json"
_PROMOTED = "registry/promoted-verifier.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class RegistryError(Exception):
    """A registration cannot be made; the message says why."""


@dataclass(frozen=True)
class SourceList:
    """A fixed list of source images: a shard, or the benchmark's photographs.

    Attributes:
        root: the folder or s3:// prefix that the names are relative to.
        entries: the sources, in the order in which they were registered.
    """

    root: str
    entries: tuple[SourceEntry, ...]

    @property
    def fingerprint(self) -> str:
        """Identity of the list: names and content versions; moving the root does not change it."""
        return digest("sources", [entry.to_json() for entry in self.entries])

    def to_bytes(self) -> bytes:
        """Serialise the list."""
        return canonical({"root": self.root, "entries": [e.to_json() for e in self.entries]})

    @classmethod
    def from_bytes(cls, data: bytes) -> SourceList:
        """Read a list written by ``to_bytes``."""
        value = json.loads(data)
        return cls(value["root"], tuple(SourceEntry.from_json(e) for e in value["entries"]))


def identity_below(root: str, entry: SourceEntry) -> str:
    """Return what makes a source a known one: name and content, wherever its root is.

    A source with a problem has no content, so its place is all that tells it from another.
    """
    return entry.key if entry.problem is None else digest(entry.key, root)


class Registry:
    """The registrations of one lake.

    The promoted verifier is read once and then stays: a run that began with one verifier must end
    with it. Open the lake again to see a later promotion.
    """

    def __init__(self, store: BlobStore):
        self._store = store
        self._lists: dict[str, SourceList] = {}
        self._promoted: list[str | None] = []

    def shards(self) -> list[str]:
        """Return the names of all shards, oldest first."""
        return [
            key.removeprefix(f"{_SHARDS}/").removesuffix(".json")
            for key in self._store.keys(_SHARDS)
        ]

    def shard(self, name: str) -> SourceList:
        """Return a shard's sources.

        Raises:
            KeyError: no such shard.
        """
        return self._list(f"{_SHARDS}/{name}.json")

    def benchmark(self) -> SourceList | None:
        """Return the photographs set aside for the benchmark, or None before any registration."""
        return self._list(_BENCHMARK) if self._store.exists(_BENCHMARK) else None

    def _list(self, key: str) -> SourceList:
        if key not in self._lists:
            self._lists[key] = SourceList.from_bytes(self._store.read(key))
        return self._lists[key]

    def known(self) -> set[str]:
        """Return the identity of every registered source; see ``identity_below``."""
        lists = [self.shard(name) for name in self.shards()]
        benchmark = self.benchmark()
        return {
            identity_below(sources.root, entry)
            for sources in [*lists, *([benchmark] if benchmark else [])]
            for entry in sources.entries
        }

    def register(
        self,
        root: str,
        entries: Sequence[SourceEntry],
        shard_size: int,
        holdout: int,
        is_sound: Callable[[SourceEntry], bool],
    ) -> list[str]:
        """Register those sources that are new; return the names of the shards they went into.

        The first registration with enough photographs sets ``holdout`` of its new ones aside for
        the benchmark, chosen by their content hash among those that ``is_sound`` accepts, so that
        the choice depends neither on names nor on order.
        """
        if self.benchmark() is None:
            self._set_aside(root, self._unknown(root, entries), holdout, is_sound)
        made: list[str] = []
        number, fresh = len(self.shards()), self._unknown(root, entries)
        while fresh:
            name, part = f"s{number:05d}", SourceList(root, tuple(fresh[:shard_size]))
            if self._store.put_new(f"{_SHARDS}/{name}.json", part.to_bytes()):
                made.append(name)
                number, fresh = number + 1, fresh[shard_size:]
            else:
                # Somebody registers at the same time: look again, so that no source gets into two
                # shards. The shards are counted first, so that a new one is never overlooked.
                number, fresh = len(self.shards()), self._unknown(root, entries)
        return made

    def _unknown(self, root: str, entries: Sequence[SourceEntry]) -> list[SourceEntry]:
        known = self.known()
        return [entry for entry in entries if identity_below(root, entry) not in known]

    def _set_aside(
        self,
        root: str,
        entries: Sequence[SourceEntry],
        holdout: int,
        is_sound: Callable[[SourceEntry], bool],
    ) -> None:
        # One of each content: the benchmark holds no photograph twice.
        distinct = {entry.version: entry for entry in entries if entry.problem is None}
        listed = sorted(distinct.values(), key=lambda entry: digest("holdout", entry.version))
        # Never more than a quarter: a tiny source must still make a data set.
        most = min(holdout, len(listed) // 4)
        chosen = tuple(islice(filter(is_sound, listed), most))
        if chosen or not holdout:
            self._store.put_new(_BENCHMARK, SourceList(root, chosen).to_bytes())

    def releases(self) -> list[str]:
        """Return the names of all releases."""
        return [
            key.removeprefix(f"{_RELEASES}/").removesuffix(".json")
            for key in self._store.keys(_RELEASES)
        ]

    def add_release(self, name: str) -> None:
        """Declare a release; declaring it again changes nothing.

        Raises:
            RegistryError: the name cannot be a folder or a partition key.
        """
        if not _NAME.fullmatch(name) or ".." in name:
            raise RegistryError(
                f"a release name is lower case letters, digits, . _ -, not {name!r}"
            )
        self._store.put_new(f"{_RELEASES}/{name}.json", canonical({"name": name}))

    def promoted_verifier(self) -> str | None:
        """Return the promoted verifier version, or None when the settings decide."""
        if not self._promoted:
            found = self._store.exists(_PROMOTED)
            self._promoted = [json.loads(self._store.read(_PROMOTED))["version"] if found else None]
        return self._promoted[0]

    def promote_verifier(self, version: str, available: Iterable[str]) -> None:
        """Make a verifier version the one that verifies from now on.

        Raises:
            RegistryError: there is no such version.
        """
        names = sorted(available)
        if version not in names:
            raise RegistryError(f"no verifier {version!r}; there are: {', '.join(names)}")
        value: Mapping[str, Json] = {"version": version}
        self._store.put(_PROMOTED, canonical(value))
        self._promoted = [version]
