"""Which rows are trained on and which are measured on: by group, so that nothing leaks.

A group is everything that shows the same thing: one synthetic scene, or one photograph with its
near-duplicates. A group's split is a hash of its name, so it never changes when others are added.
Some wordings and object classes are held out of training altogether: a group in which one of them
occurs is measured on as a whole.
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
        wordings: of the wording templates, and so of the groups in which one of them occurs.
        classes: of the object classes, likewise.
    """

    validation: float = 0.05
    test: float = 0.1
    wordings: float = 0.0
    classes: float = 0.0


@dataclass(frozen=True)
class Member:
    """What the split depends on of one row; empty where the row has no such thing."""

    group: str
    template: str = ""
    classes: tuple[str, ...] = ()


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


def _held(kind: str, names: Iterable[str], share: float) -> bool:
    return any(name and _drawn(kind, name) < share for name in names)


def places(members: Sequence[Member], shares: Shares) -> list[Place]:
    """Return where each row belongs; rows of one group are in one split.

    A test row is measured under what its own text and picture hold out: a held-out class before a
    held-out wording, else its scene alone.
    """
    own = [_own(member, shares) for member in members]
    kept_out = {m.group for m, held in zip(members, own, strict=True) if held}
    return [
        _place(member, held, member.group in kept_out, shares)
        for member, held in zip(members, own, strict=True)
    ]


def _own(member: Member, shares: Shares) -> HeldOut | None:
    if _held("class", member.classes, shares.classes):
        return HeldOut.CLASSES
    return HeldOut.WORDING if _held("wording", [member.template], shares.wordings) else None


def _place(member: Member, held: HeldOut | None, kept_out: bool, shares: Shares) -> Place:
    split = Split.TEST if kept_out else split_of(member.group, shares)
    return Place(split, (held or HeldOut.SCENES).value if split is Split.TEST else "")


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
