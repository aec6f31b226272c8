"""Whether a root is in trouble: one missing photograph is a row, most of them missing is not."""

from __future__ import annotations

from collections.abc import Set
from functools import partial
from typing import Final

from unicedit_assets.pipeline.registry import SourceList
from unicedit_assets.pipeline.sources import SourceRootError, is_empty_folder, is_there
from unicedit_assets.storage.concurrent import in_parallel

FEWEST: Final = 3
"""Fewer missing photographs than this say nothing about their root."""

LOOKED_AT: Final = 64
"""Sources of a list that are looked for, evenly spread: enough to know a half from a few."""


def ensure_reachable(sources: SourceList, unreadable: Set[str], most: float) -> None:
    """Make sure that unreadable sources are to blame themselves, before rows say so for good.

    Args:
        sources: the whole list, so that a folder somebody removed is told from a lost disk.
        unreadable: names of those that could not be read just now; nothing is looked for when
            they all had a problem when they were registered.
        most: largest share of the list that may be missing.

    Raises:
        SourceRootError: the root is an empty folder, or more is missing; see ``FEWEST``.
    """
    sound = [entry for entry in sources.entries if entry.problem is None]
    if most >= 1 or unreadable.isdisjoint(entry.name for entry in sound):
        return
    advice = (
        "nothing was recorded; bring the source back and run again, or, if the photographs are "
        "gone for good, set raw_images.max_unreadable = 1.0"
    )
    if is_empty_folder(sources.root):
        raise SourceRootError(f"{sources.root} is empty, is it mounted? {advice}")
    step = max(1, len(sound) // LOOKED_AT)
    asked = sound[::step]
    found = sum(in_parallel(partial(is_there, root=sources.root), asked))
    missing = len(asked) - found
    if missing >= FEWEST and missing > most * len(asked):
        raise SourceRootError(
            f"{missing} of {len(asked)} photographs looked for below {sources.root} are missing or "
            f"cannot be read, so the source itself is in trouble: {advice}"
        )
