"""Registering photographs: what is new below a root becomes shards, every file accounted for."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.raw_images import Intake, Refused, take_in
from unicedit_assets.pipeline.sources import (
    SourceRootError,
    absolute_root,
    is_s3,
    list_sources,
)


@dataclass(frozen=True)
class Registered:
    """What a registration found and did.

    Attributes:
        shards: the new shards.
        found: image-like entries below the root, those with a problem included.
        new: those that were not registered before.
        held_out: photographs set aside for the benchmark, now or earlier.
        copies: entries left out of the shards because the benchmark holds their content out.
        ignored: entries that do not claim to be pictures.
        problems: reason -> how many entries have it; they are registered and become rejects.
    """

    shards: tuple[str, ...]
    found: int
    new: int
    held_out: int
    copies: int
    ignored: tuple[str, ...]
    problems: dict[str, int]


def register_source(
    project: Project, root: str, on_entry: Callable[[int], None] | None = None
) -> Registered:
    """Register everything new below a folder or s3:// prefix.

    Raises:
        SourceRootError: the root cannot be listed.
    """
    place = absolute_root(root)
    entries: list[SourceEntry] = []
    ignored: list[str] = []
    for found in list_sources(place):
        if found.ignored:
            ignored.append(found.entry.name)
        else:
            entries.append(found.entry)
        if on_entry:
            on_entry(len(entries))
    settings, registry = project.settings, project.registry
    before = registry.sorted(place, entries)
    take = partial(take_in, Intake.of(project, place))
    shards = registry.register(
        place,
        entries,
        settings.shard_size,
        settings.holdout,
        lambda entry: not isinstance(take(entry), Refused),
    )
    benchmark, after = registry.benchmark(), registry.sorted(place, entries)
    return Registered(
        shards=tuple(shards),
        found=len(entries),
        new=len(before.fresh) + len(before.held_out) - len(after.held_out),
        held_out=len(benchmark.entries) if benchmark else 0,
        copies=len(after.held_out),
        ignored=tuple(ignored),
        problems=dict(Counter(entry.problem.value for entry in entries if entry.problem)),
    )


def listing_digest(root: str) -> str:
    """Return a cheap fingerprint of a listing: names, sizes and times, no file is opened.

    Raises:
        SourceRootError: the root cannot be listed.
    """
    hashed = hashlib.sha256()
    if is_s3(root):
        for found in list_sources(root):
            hashed.update(f"{found.entry.name}\0{found.entry.version}\n".encode())
        return hashed.hexdigest()
    if not Path(root).is_dir():
        raise SourceRootError(f"{root} is not a folder (nor an s3:// prefix)")
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted([*subfolders, *names]):
            path = Path(folder) / name
            hashed.update(f"{path!a}\0{_look(path)}\n".encode())
    return hashed.hexdigest()


def _look(path: Path) -> str:
    """Return what changes when an entry does; a folder's times change with every file below it."""
    try:
        state = path.lstat()
    except OSError as error:  # gone or locked since it was listed
        return error.strerror or "unseen"
    times = "" if stat.S_ISDIR(state.st_mode) else f"{state.st_size} {state.st_mtime_ns}"
    return f"{stat.S_IFMT(state.st_mode)} {times}"
