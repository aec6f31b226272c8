"""Watching a source a little at a time: what one look does is bounded, whatever the source holds.

A pass goes through the source in its fixed order, over as many looks as it takes. The first kind of
pass only *looks*: names, sizes and times go into one running hash. When that hash differs from the
one of the last registration, a pass that *registers* follows, which reads contents. The cursor says
where the pass is; it is all that is remembered between two looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.pipeline.intake import register_entries
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.sources import absolute_root, glance_at, list_sources

BUDGET: Final = 20.0
"""Seconds of a look, far below the 60 that Dagster gives a sensor."""


class Cursor(BaseModel):
    """Where a watch is.

    Attributes:
        source: the root that this is about; another source begins anew.
        registering: whether this pass registers, or only looks.
        after: the name of the last entry that was passed; empty at the beginning of a pass.
        seen: the running hash of the pass that looks.
        done: the hash of what was registered last; empty before the first registration.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    registering: bool = False
    after: str = ""
    seen: str = ""
    done: str = ""

    @classmethod
    def parse(cls, text: str | None, source: str) -> Cursor:
        """Read a cursor; one of another source, or that cannot be read, means a new beginning."""
        try:
            cursor = cls.model_validate_json(text or "")
        except ValidationError:
            return cls(source=source)
        return cursor if cursor.source == source else cls(source=source)


@dataclass(frozen=True)
class Watched:
    """What one look did.

    Attributes:
        cursor: where the next one begins.
        finished: whether it reached the end of the source; otherwise there is more to come.
        shards: the shards that it registered.
    """

    cursor: Cursor
    finished: bool
    shards: tuple[str, ...] = ()


class Watch:
    """Looks at one source within a budget.

    Args:
        project: whose registry gets what is new.
        source: a folder or an s3:// prefix.
        budget: seconds after which a look stops where it is; at least one entry is always passed.
        clock: tells seconds; for tests.
    """

    def __init__(
        self,
        project: Project,
        source: str,
        budget: float = BUDGET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._source = absolute_root(source)
        self._clock = clock
        self._end = clock() + budget

    def look(self, text: str | None) -> Watched:
        """Go on from a cursor until the pass, or the budget, is at its end.

        Raises:
            SourceRootError: the source cannot be listed.
        """
        cursor = Cursor.parse(text, self._source)
        if not cursor.registering:
            seen = self._seen(cursor)
            if not seen.finished:
                return seen
            if seen.cursor.seen == cursor.done:
                return replace(seen, cursor=Cursor(source=self._source, done=cursor.done))
            cursor = seen.cursor.model_copy(update={"registering": True, "after": ""})
            if self._is_over():
                return Watched(cursor, finished=False)
        return self._registered(cursor)

    def _seen(self, cursor: Cursor) -> Watched:
        for found in glance_at(self._source, cursor.after):
            entry = found.entry
            facts = [] if found.ignored else [entry.version, entry.problem, entry.detail]
            seen = digest(cursor.seen, entry.name, *facts)
            cursor = cursor.model_copy(update={"after": entry.name, "seen": seen})
            if self._is_over():
                return Watched(cursor, finished=False)
        # An empty source has a hash too, unlike one that was never looked at.
        return Watched(cursor.model_copy(update={"seen": digest("end", cursor.seen)}), True)

    def _registered(self, cursor: Cursor) -> Watched:
        """Register what comes next; see ``Registry.register`` for the first time.

        The benchmark is chosen then and for good, so what was read waits in the registry until it
        is enough to choose from, or the pass has ended.
        """
        registry, settings = self._project.registry, self._project.settings
        gathered = registry.gathered(self._source) if cursor.after else []
        found, cursor, finished = self._read(cursor)
        # By name: a look that died after gathering is done over.
        entries = list({entry.name: entry for entry in [*gathered, *found]}.values())
        if not finished and not registry.has_enough(entries, settings.holdout):
            registry.gather(self._source, entries)
            return Watched(cursor, finished=False)
        whole = entries[: len(entries) // settings.shard_size * settings.shard_size]
        if not finished and whole and registry.has_enough(whole, settings.holdout):
            # Whole shards as far as possible: what is beyond them waits for the next look.
            entries = whole
            cursor = cursor.model_copy(update={"after": entries[-1].name})
        shards = tuple(register_entries(self._project, self._source, entries))
        if gathered:
            registry.gather(self._source, [])
        if finished:
            cursor = Cursor(source=self._source, done=cursor.seen)
        return Watched(cursor, finished, shards)

    def _read(self, cursor: Cursor) -> tuple[list[SourceEntry], Cursor, bool]:
        """Read entries within the budget: those, where they end, and whether the pass does."""
        entries: list[SourceEntry] = []
        for found in list_sources(self._source, cursor.after):
            if not found.ignored:
                entries.append(found.entry)
            cursor = cursor.model_copy(update={"after": found.entry.name})
            if self._is_over():
                return entries, cursor, False
        return entries, cursor, True

    def _is_over(self) -> bool:
        return self._clock() >= self._end
