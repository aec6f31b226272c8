"""Which rows are trained on and which are measured on: by group, so that nothing leaks.

A group is everything that shows the same thing: one synthetic scene, or one photograph with its
near-duplicates. A group's split is a hash of its name, so it does not change when others are added;
near-duplicates are named after the smallest of them, so one more of them can change theirs.
Some rows have a wording, an object class or a composition that their maker keeps from training: a
group in which there is such a row is measured on as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from unicedit_assets.domain.identity import seed_from

_WHOLE = 1_000_000


class Split(StrEnum):
    """What a row is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class HeldOut(StrEnum):
    """What about a test row no training row has; each is a test set of its own."""

    SCENES = "scenes"
    WORDING = "wording"
    CLASSES = "classes"


@dataclass(frozen=True)
class Shares:
    """How much is kept from training, as shares 0-1; the rest is trained on.

    Attributes:
        validation, test: of the groups.
    """

    validation: float = 0.05
    test: float = 0.1


@dataclass(frozen=True)
class Member:
    """What the split depends on of one row.

    Attributes:
        held_out: what about it must not be trained on; None: nothing.
    """

    group: str
    held_out: HeldOut | None = None


@dataclass(frozen=True)
class Place:
    """Where a row belongs; ``held_out`` is empty outside the test split."""

    split: Split
    held_out: str


def _drawn(kind: str, name: str) -> float:
    """Return a number 0-1 that depends on nothing but a name."""
    return seed_from("split", kind, name) % _WHOLE / _WHOLE


def split_of(group: str, shares: Shares) -> Split:
    """Return the split of a group in which nothing is held out."""
    drawn = _drawn("group", group)
    if drawn < shares.test:
        return Split.TEST
    return Split.VALIDATION if drawn < shares.test + shares.validation else Split.TRAIN


def places(members: Sequence[Member], shares: Shares) -> list[Place]:
    """Return where each row belongs; rows of one group are in one split."""
    kept_out = {member.group for member in members if member.held_out}
    return [_place(member, member.group in kept_out, shares) for member in members]


def _place(member: Member, kept_out: bool, shares: Shares) -> Place:
    split = Split.TEST if kept_out else split_of(member.group, shares)
    held = member.held_out or HeldOut.SCENES
    return Place(split, held.value if split is Split.TEST else "")


def leaks(rows: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return each group that stands in more than one split, from (group, split) pairs."""
    found: dict[str, set[str]] = {}
    for group, split in rows:
        found.setdefault(group, set()).add(split)
    return {group: splits for group, splits in found.items() if len(splits) > 1}


def joined_groups(names: Sequence[str], near: Iterable[tuple[int, int]]) -> dict[str, str]:
    """Return name -> group, where near-duplicates and theirs share one (connected components).

    Args:
        names: what there is, unique.
        near: pairs of positions in ``names`` that are near-duplicates.
    """
    parent = list(range(len(names)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, two in near:
        low, high = sorted((root(one), root(two)), key=lambda at: names[at])
        parent[high] = low
    return {name: names[root(place)] for place, name in enumerate(names)}
