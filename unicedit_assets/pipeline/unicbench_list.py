"""A benchmark list that the settings name: reading it, and what it is by its contents."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from unicedit_assets.bench.samples import Sample, load_samples, require_languages
from unicedit_assets.bench.sources import FilePicture
from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.unicbench import LANGUAGES
from unicedit_assets.settings import UnicBenchSettings

_KEPT = 4096


def listed_samples(settings: UnicBenchSettings) -> tuple[Sample, ...]:
    """Return the samples of the configured list.

    Raises:
        BenchError: it cannot be read, breaks a rule, or lacks a language.
    """
    return _read(settings.list, settings.sources, _stamp(Path(settings.list)))


@lru_cache(maxsize=2)
def _read(path: str, sources: str, stamp: tuple[int, int]) -> tuple[Sample, ...]:
    found = load_samples(Path(path), Path(sources) if sources else None).samples
    require_languages(found, LANGUAGES)
    return found


def list_fingerprint(settings: UnicBenchSettings) -> str:
    """Return a hash of the list and of every picture's bytes; moving them does not change it."""
    return digest(
        "unicbench-list",
        [
            [
                sample.key,
                sample.subtask,
                dict(sample.prompts),
                {language: list(points) for language, points in sample.points.items()},
                _picture_sha256(sample),
            ]
            for sample in listed_samples(settings)
        ],
    )


def _picture_sha256(sample: Sample) -> str:
    """Return the hash of a sample's picture; one that is not there has none, and will have one."""
    if isinstance(sample.source, FilePicture):
        path = sample.source.path
        return _file_sha256(str(path), _stamp(path)) if path.is_file() else "missing"
    try:
        return hashlib.sha256(sample.source.read()).hexdigest()
    except OSError:
        return "missing"


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file does, so that unchanged ones are hashed once a process."""
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=_KEPT)
def _file_sha256(path: str, stamp: tuple[int, int]) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
