"""Verifier versions in the store: weights, configuration, tokenizer, and what they were made from.

Layout, below the store's root::

    verifiers/{name}/{content}/{file}           content: a hash of all files together
    verifiers/{name}/version.json               names every file with its size and sha256
    verifiers/{name}/evaluations/{fingerprint}.json

A version exists when its ``version.json`` exists; it is written last and once, and of many writers
the first wins. Nothing of a version ever changes; what is measured of it is added beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import Field, JsonValue

from unicedit_assets.domain.identity import Json, canonical, digest
from unicedit_assets.domain.names import RULE, is_name
from unicedit_assets.storage.blobs import BlobStore, MissingBlob, StorageError, is_key
from unicedit_assets.storage.manifests import Natural, Record, Sha256

# Below a home: where the weights of versions lie to be loaded.
CACHE = "models/verifiers"
_TOP = "verifiers"
_BLOCK = 1 << 20
# What a version may consist of: weights that hold no code, and texts.
_SUFFIXES = frozenset({".safetensors", ".json", ".txt", ".jinja", ".md", ".png", ".csv"})
_WEIGHTS, _CONFIG = ".safetensors", "config.json"

OnFile = Callable[[str], None]


class VersionError(Exception):
    """A verifier version cannot be added or used; the message says why and what to do."""


class VersionFile(Record):
    """One file of a version."""

    bytes: Natural
    sha256: Sha256


class Version(Record):
    """One verifier version.

    Attributes:
        name: under which it is promoted.
        method: how it was trained last: ``sft``, ``dpo``, ``d2po``, or ``added`` by hand.
        files: path below the version's folder -> its size and hash.
        training: whatever made it: base model, settings, training sets by fingerprint, seeds.
    """

    name: str
    method: str
    files: dict[str, VersionFile]
    training: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def content(self) -> str:
        """Hash of all files: names and bytes."""
        return _content(self.files)

    @property
    def sha256(self) -> str:
        """Hash of everything about this version; it enters fingerprints."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _content(files: Mapping[str, VersionFile]) -> str:
    return digest("version", {name: file.sha256 for name, file in sorted(files.items())})


def checked_name(name: str) -> str:
    """Return a version's name when it is one.

    Raises:
        VersionError: it could lead out of its folder, or cannot be a partition key.
    """
    if not is_name(name):
        raise VersionError(f"a verifier version's name is {RULE}, not {name!r}")
    return name


class Versions:
    """The verifier versions of one store."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def names(self) -> list[str]:
        """Return the names of all versions."""
        keys = (PurePosixPath(key) for key in self._store.keys(_TOP))
        found = (k.parts[1] for k in keys if len(k.parts) == 3 and k.name == "version.json")
        return sorted(found)

    def find(self, name: str) -> Version | None:
        """Return a version, or None where there is none of that name."""
        if not is_name(name):
            return None
        key = f"{_TOP}/{name}/version.json"
        try:
            version = Version.from_bytes(self._store.read(key), key)
        except MissingBlob:
            return None
        if version.name != name:
            raise VersionError(f"{key} is the record of {version.name!r}: it was moved or copied")
        return version

    def require(self, name: str) -> Version:
        """Return a version.

        Raises:
            VersionError: there is none of that name.
        """
        version = self.find(name)
        if version is None:
            known = ", ".join(self.names()) or "none"
            raise VersionError(f"no registered verifier {name!r}; there are: {known}")
        return version

    def add(
        self,
        name: str,
        folder: Path,
        method: str,
        training: Mapping[str, Json],
        on_file: OnFile | None = None,
    ) -> Version:
        """Store a folder of weights and its texts as a version; adding it again changes nothing.

        Raises:
            VersionError: the name is taken by something else, or the folder is no such folder.
            StorageError: the store cannot be written to.
        """
        checked_name(name)
        found = dict(_files_of(folder))
        version = Version(
            name=name,
            method=method,
            files=found,
            training=json.loads(canonical(dict(training))),
        )
        existing = self.find(name)
        if existing is None:
            for path in found:
                if on_file:
                    on_file(path)
                self._store.upload_new(self._key(version, path), folder / path)
            self._store.put_new(f"{_TOP}/{name}/version.json", version.to_bytes())
            existing = self.require(name)
        if existing != version:
            raise VersionError(
                f"verifier {name!r} is there already and holds something else; versions never "
                "change: choose another name"
            )
        return existing

    def materialize(self, version: Version, cache: Path, on_file: OnFile | None = None) -> Path:
        """Return a local folder with exactly this version's files; each one's hash is checked.

        What the cache holds already is read and compared as well: a file that rotted there is
        fetched again.

        Raises:
            VersionError: the store's file is not the one that was registered.
            StorageError: the store or the cache cannot be used.
        """
        folder = cache / f"{version.name}-{version.content}"
        for path, file in version.files.items():
            if on_file:
                on_file(path)
            target = folder / path
            if target.is_file() and _measured(target) == file:
                continue
            self._fetch(version, path, target)
        return folder

    def config(self, version: Version) -> dict[str, JsonValue]:
        """Return a version's ``config.json``, its hash checked.

        Raises:
            VersionError: it is missing, damaged, or no JSON object.
        """
        with self._open(version, _CONFIG) as stream:
            data = stream.read()
        found = VersionFile(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        self._compare(version, _CONFIG, version.files[_CONFIG], found)
        try:
            value = json.loads(data)
        except ValueError as error:
            raise VersionError(f"{_CONFIG} of {version.name!r} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise VersionError(f"{_CONFIG} of {version.name!r} is no JSON object")
        return value

    def verify(self, version: Version) -> None:
        """Read every byte of a version and compare the hashes.

        Raises:
            VersionError: a file is missing or is not what was registered.
        """
        for path, file in version.files.items():
            with self._open(version, path) as stream:
                self._compare(version, path, file, _measure(stream))

    def add_evaluation(self, name: str, fingerprint: str, value: Mapping[str, Json]) -> None:
        """Keep what was measured of a version; the same measurement is kept once."""
        key = f"{_TOP}/{checked_name(name)}/evaluations/{fingerprint}.json"
        self._store.put_new(key, canonical(dict(value)))

    def evaluations(self, name: str) -> dict[str, Json]:
        """Return what was measured of a version: fingerprint -> figures."""
        keys = list(self._store.keys(f"{_TOP}/{checked_name(name)}/evaluations"))
        return {PurePosixPath(key).stem: json.loads(self._store.read(key)) for key in keys}

    def _key(self, version: Version, path: str) -> str:
        return f"{_TOP}/{version.name}/{version.content}/{path}"

    def _open(self, version: Version, path: str) -> IO[bytes]:
        try:
            return self._store.open(self._key(version, path))
        except MissingBlob:
            raise VersionError(
                f"{path} of verifier {version.name!r} is missing from {self._store.url}: put the "
                "file back, or add the weights again under another name"
            ) from None

    def _fetch(self, version: Version, path: str, target: Path) -> None:
        """Copy a file out of the store; it appears whole and right, or not at all."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".fetch-")
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {error.strerror}") from error
        try:
            with os.fdopen(handle, "wb") as file, self._open(version, path) as stream:
                shutil.copyfileobj(stream, file, _BLOCK)
            self._compare(version, path, version.files[path], _measured(Path(draft)))
            Path(draft).replace(target)
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {error.strerror}") from error
        finally:
            Path(draft).unlink(missing_ok=True)

    @staticmethod
    def _compare(version: Version, path: str, wanted: VersionFile, found: VersionFile) -> None:
        if found != wanted:
            raise VersionError(
                f"{path} of verifier {version.name!r} is damaged in the store (sha256 "
                f"{found.sha256[:12]}, not {wanted.sha256[:12]}): put the right file back, or add "
                "the weights again under another name"
            )


def _measure(stream: IO[bytes]) -> VersionFile:
    hashed, size = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        hashed.update(block)
        size += len(block)
    return VersionFile(bytes=size, sha256=hashed.hexdigest())


def _measured(path: Path) -> VersionFile:
    with path.open("rb") as stream:
        return _measure(stream)


def _files_of(folder: Path) -> Iterator[tuple[str, VersionFile]]:
    """Yield the files of a folder that is to become a version.

    Raises:
        VersionError: it lacks weights or configuration, or holds what no version may hold.
    """
    if not folder.is_dir():
        raise VersionError(f"{folder} is not a folder with weights")
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = [path.relative_to(folder).as_posix() for path in paths]
    for path, name in zip(paths, names, strict=True):
        if path.is_symlink() or not path.is_file():
            raise VersionError(f"{path} is a link or no plain file; a version holds files alone")
        if path.suffix not in _SUFFIXES or not is_key(name):
            raise VersionError(
                f"{path} cannot be part of a verifier version: only "
                f"{', '.join(sorted(_SUFFIXES))} files with plain names can (weights as "
                "safetensors, never as pickles)"
            )
    if _CONFIG not in names or not any(name.endswith(_WEIGHTS) for name in names):
        raise VersionError(f"{folder} must hold {_CONFIG} and at least one *{_WEIGHTS} file")
    for path, name in zip(paths, names, strict=True):
        yield name, _measured(path)
