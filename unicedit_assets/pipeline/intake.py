"""Registering photographs: what is new below a root becomes shards, every file accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.raw_images import Intake, Refused, take_in
from unicedit_assets.pipeline.sources import (
    absolute_root,
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
    registry = project.registry
    before = registry.sorted(place, entries)
    shards = register_entries(project, place, entries)
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


def register_entries(project: Project, place: str, entries: Sequence[SourceEntry]) -> list[str]:
    """Register what is new among entries of an absolute root; return the new shards."""
    take = partial(take_in, Intake.of(project, place))
    return project.registry.register(
        place,
        entries,
        project.settings.shard_size,
        project.settings.holdout,
        lambda entry: not isinstance(take(entry), Refused),
    )
