"""What people registered: shards of sources, the benchmark's photographs, releases, promotions.

Registrations are write-once blobs in the lake (first writer wins); only the promoted verifier is a
pointer that can be replaced. An image never changes its shard: new images make new shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from unicedit_assets.domain.identity import Json, canonical, digest
from unicedit_assets.domain.names import RULE, is_name
from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.qwen_verify.training import Declared, Method, sft_name
from unicedit_assets.storage.blobs import BlobStore
from unicedit_assets.storage.concurrent import in_parallel

_SHARDS = "registry/shards"
_RETIRED = "registry/retired"
_FINGERPRINTS = "registry/fingerprints"
_RELEASES = "registry/releases"
_BENCHMARK = "registry/benchmark.json"
_PROMOTED = "registry/promoted-verifier.json"
_TRAININGS = "registry/trainings"
_PROMOTIONS = "registry/promotions"
_GATHERED = "registry/gathered.json"
# Never more than a quarter is held out: a tiny source must still make a data set.
_SHARE = 4


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


class Known(NamedTuple):
    """What makes a source a known one: name and content, wherever its root is.

    A source with a problem has no content, so its place is all that tells it from another.
    """

    name: str
    version: str
    problem: str | None
    root: str


def _known(root: str, entry: Mapping[str, Any]) -> Known:
    problem = entry["problem"]
    return Known(entry["name"], entry["version"], problem, root if problem else "")


class Sorted(NamedTuple):
    """Sources by what a registration may do with them.

    Attributes:
        fresh: those that are not registered yet and may become training photographs.
        held_out: those that are not registered, but whose content the benchmark holds out.
    """

    fresh: list[SourceEntry]
    held_out: list[SourceEntry]


class _Registered(NamedTuple):
    """What is registered already of the sources that were asked about."""

    sources: set[Known]
    shard_contents: set[str]
    benchmark_contents: set[str]


class Registry:
    """The registrations of one lake.

    The promoted verifier is read once and then stays: a run that began with one verifier must end
    with it. Open the lake again to see a later promotion.
    """

    def __init__(self, store: BlobStore):
        self._store = store
        self._lists: dict[str, SourceList] = {}
        self._fingerprints: dict[str, str] | None = None
        self._retired: set[str] | None = None
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

    def fingerprint(self, shard: str) -> str:
        """Return ``shard(name).fingerprint``, for all shards with one listing.

        The fingerprint stands in the name of a blob beside the shard, which never changes; where a
        killed registration left none, the shard itself is read.

        Raises:
            KeyError: no such shard.
        """
        if self._fingerprints is None:
            keys = self._store.keys(_FINGERPRINTS)
            self._fingerprints = dict(key.split("/")[-2:] for key in keys)
        if shard not in self._fingerprints:
            self._fingerprints[shard] = self.shard(shard).fingerprint
        return self._fingerprints[shard]

    def sorted(self, root: str, entries: Sequence[SourceEntry]) -> Sorted:
        """Tell what is new among some sources, and what the benchmark keeps from training.

        Benchmark and training photographs never share content, whatever the names.
        """
        found = self._registered(root, entries)
        unknown = [e for e in entries if _known(root, e.to_json()) not in found.sources]
        held_out = [e for e in unknown if _content(e) in found.benchmark_contents]
        kept = [e for e in unknown if _content(e) not in found.benchmark_contents]
        return Sorted(kept, held_out)

    def _registered(self, root: str, entries: Sequence[SourceEntry]) -> _Registered:
        """Look for sources in every registered list, one list in memory at a time."""
        wanted = {_known(root, entry.to_json()) for entry in entries}
        contents = {entry.version for entry in entries if entry.version}
        found = _Registered(set(), set(), set())
        # Counted before they are read: a shard registered meanwhile makes the caller look again.
        shards = [f"{_SHARDS}/{name}.json" for name in self.shards()]
        for data in in_parallel(self._store.read, shards):
            _look_for(data, wanted, contents, found.sources, found.shard_contents)
        if self._store.exists(_BENCHMARK):
            data = self._store.read(_BENCHMARK)
            _look_for(data, wanted, contents, found.sources, found.benchmark_contents)
        return found

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
        the choice depends neither on names nor on order. What is in a shard is never held out, and
        what is held out never gets into a shard, under whatever name.
        """
        if self.benchmark() is None:
            self._set_aside(root, entries, holdout, is_sound)
        made: list[str] = []
        number, fresh = len(self.shards()), self.sorted(root, entries).fresh
        while fresh:
            name, part = f"s{number:05d}", SourceList(root, tuple(fresh[:shard_size]))
            if self._store.put_new(f"{_SHARDS}/{name}.json", part.to_bytes()):
                self._store.put_new(f"{_FINGERPRINTS}/{name}/{part.fingerprint}", b"{}")
                made.append(name)
                number, fresh = number + 1, fresh[shard_size:]
            else:
                # Somebody registers at the same time: look again, so that no source gets into two
                # shards. The shards are counted first, so that a new one is never overlooked.
                number, fresh = len(self.shards()), self.sorted(root, entries).fresh
        return made

    def has_enough(self, entries: Sequence[SourceEntry], holdout: int) -> bool:
        """Tell whether a registration of these could set all of ``holdout`` aside, or need not."""
        if not holdout or self.benchmark() is not None:
            return True
        distinct = {entry.version for entry in entries if entry.problem is None}
        return len(distinct) >= holdout * _SHARE

    def gathered(self, root: str) -> list[SourceEntry]:
        """Return what of a root waits for its first registration."""
        if not self._store.exists(_GATHERED):
            return []
        found = SourceList.from_bytes(self._store.read(_GATHERED))
        return list(found.entries) if found.root == root else []

    def gather(self, root: str, entries: Iterable[SourceEntry]) -> None:
        """Let sources wait for the first registration, in the place of those that waited."""
        self._store.put(_GATHERED, SourceList(root, tuple(entries)).to_bytes())

    def _set_aside(
        self,
        root: str,
        entries: Sequence[SourceEntry],
        holdout: int,
        is_sound: Callable[[SourceEntry], bool],
    ) -> None:
        taken = self._registered(root, entries).shard_contents
        # One of each content: the benchmark holds no photograph twice.
        distinct = {
            entry.version: entry
            for entry in entries
            if entry.problem is None and entry.version not in taken
        }
        listed = sorted(distinct.values(), key=lambda entry: digest("holdout", entry.version))
        most = min(holdout, len(listed) // _SHARE)
        chosen = tuple(islice(filter(is_sound, listed), most))
        if chosen or not holdout:
            self._store.put_new(_BENCHMARK, SourceList(root, chosen).to_bytes())

    def retire(self, folder: str) -> None:
        """Give up the fingerprint of a partition that cannot be made again as it was.

        Its successor is a hash of it, so everything made from the partition becomes stale.
        """
        self._store.put_new(f"{_RETIRED}/{folder}", b"{}")
        self._retired = None

    def is_retired(self, folder: str) -> bool:
        """Tell whether a partition's fingerprint was given up."""
        if self._retired is None:
            keys = self._store.keys(_RETIRED)
            self._retired = {key.removeprefix(f"{_RETIRED}/") for key in keys}
        return folder in self._retired

    def look_again(self) -> None:
        """Forget which fingerprints were given up: others may have given up more meanwhile."""
        self._retired = None

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
        if not is_name(name):
            raise RegistryError(f"a release name is {RULE}, not {name!r}")
        self._store.put_new(f"{_RELEASES}/{name}.json", canonical({"name": name}))

    def trainings(self) -> list[str]:
        """Return the names of all declared trainings of verifiers."""
        return [
            key.removeprefix(f"{_TRAININGS}/").removesuffix(".json")
            for key in self._store.keys(_TRAININGS)
        ]

    def supervised_trainings(self) -> list[str]:
        """Return the names of those trainings that have a supervised stage of their own."""
        names = self.trainings()
        return [name for name in names if self.training(name).supervised == name]

    def preferred_trainings(self) -> list[str]:
        """Return the names of those that have a preference stage."""
        names = self.trainings()
        return [name for name in names if self.training(name).method is not Method.SFT]

    def training(self, name: str) -> Declared:
        """Return a declared training.

        Raises:
            RegistryError: none of that name has been declared.
        """
        key = f"{_TRAININGS}/{name}.json"
        if not is_name(name) or not self._store.exists(key):
            known = ", ".join(self.trainings()) or "none"
            raise RegistryError(
                f"no training {name!r} has been declared (`unicedit verify train`); there are: "
                f"{known}"
            )
        return Declared.from_json(json.loads(self._store.read(key)))

    def declare_training(self, declared: Declared) -> None:
        """Declare a training; declaring the same again changes nothing.

        Raises:
            RegistryError: the name is none, or another training has it.
        """
        if not is_name(declared.name) or not is_name(sft_name(declared.name)):
            raise RegistryError(f"a verifier version's name is {RULE}, not {declared.name!r}")
        key = f"{_TRAININGS}/{declared.name}.json"
        self._store.put_new(key, canonical(declared.to_json()))
        if self.training(declared.name) != declared:
            raise RegistryError(
                f"a training {declared.name!r} was declared with other options; versions never "
                "change: choose another name"
            )

    def promoted_verifier(self) -> str | None:
        """Return the promoted verifier version, or None when the settings decide."""
        if not self._promoted:
            found = self._store.exists(_PROMOTED)
            self._promoted = [json.loads(self._store.read(_PROMOTED))["version"] if found else None]
        return self._promoted[0]

    def promote_verifier(
        self, version: str, available: Iterable[str], note: Mapping[str, Json] | None = None
    ) -> None:
        """Make a verifier version the one that verifies from now on.

        Args:
            version: which.
            available: all that this installation has.
            note: what to keep about this promotion, in ``promotions``.

        Raises:
            RegistryError: there is no such version.
        """
        names = sorted(available)
        if version not in names:
            raise RegistryError(f"no verifier {version!r}; there are: {', '.join(names)}")
        value: Mapping[str, Json] = {"version": version}
        self._write_down({**(note or {}), **value})
        self._store.put(_PROMOTED, canonical(value))
        self._promoted = [version]

    def promotions(self) -> list[Mapping[str, Any]]:
        """Return what was kept about every promotion, oldest first."""
        keys = list(self._store.keys(_PROMOTIONS))
        return [json.loads(self._store.read(key)) for key in keys]

    def _write_down(self, note: Mapping[str, Json]) -> None:
        """Keep a promotion under the next free number; of two at once both are kept."""
        number = len(list(self._store.keys(_PROMOTIONS)))
        while not self._store.put_new(f"{_PROMOTIONS}/p{number:05d}.json", canonical(note)):
            number += 1


def _content(entry: SourceEntry) -> str | None:
    return entry.version or None


def _look_for(
    data: bytes,
    wanted: Collection[Known],
    contents: Collection[str],
    sources: set[Known],
    found: set[str],
) -> None:
    """Add to ``sources`` and ``found`` what of the wanted a serialised list holds."""
    value = json.loads(data)
    for entry in value["entries"]:
        known = _known(value["root"], entry)
        if known in wanted:
            sources.add(known)
        if entry["version"] in contents:
            found.add(entry["version"])
