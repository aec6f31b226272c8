"""Decides which cut-outs stand for the drawn shapes of an edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from unicedit_assets.synthetic.cutouts import Cutout, Cutouts
from unicedit_assets.synthetic.edit import Edit
from unicedit_assets.synthetic.scene import Item

# How often a class of which there are cut-outs is one.
_SHARE = 0.8


def with_cutouts(edit: Edit, cutouts: Cutouts, rng: np.random.Generator) -> Edit:
    """Return an edit whose scenes show cut-outs, one a class, where they can show what is done.

    A cut-out whose own colour is the item's is preferred: it stays as it was photographed.
    """
    drawn = _drawn(edit)
    items = [*edit.before.items, *edit.after.items]
    cast = tuple(
        _choose(among, items, rng)
        for among in map(partial(_suitable, items), cutouts.of_class.values())
        if among and among[0].kind not in drawn and rng.random() < _SHARE
    )
    before, after = replace(edit.before, cutouts=cast), replace(edit.after, cutouts=cast)
    return replace(edit, before=before, after=after)


def _drawn(edit: Edit) -> frozenset[str]:
    """Return the classes of which something is shown that no cut-out can show."""
    items = [*edit.before.items, *edit.after.items]
    shown = {item.name for item in items if item.material or item.texture or item.lit}
    return frozenset({*shown, *_bases(edit)})


def _bases(edit: Edit) -> Iterator[str]:
    """Yield what something stands on: how high that is, only a drawn shape tells."""
    if edit.slots["operation"] == "relate":
        yield edit.slots["attribute"].split(" ")[-1]


def _suitable(items: Sequence[Item], among: Sequence[Cutout]) -> Sequence[Cutout]:
    """Return those of a class that can be turned, where one of it is."""
    turned = any(item.turn for item in items if item.name == among[0].kind)
    return [one for one in among if one.upright] if turned else among


def _choose(among: Sequence[Cutout], items: Sequence[Item], rng: np.random.Generator) -> Cutout:
    colours = {item.colour for item in items if item.name == among[0].kind}
    alike = [one for one in among if one.colour in colours] or among
    return alike[int(rng.integers(len(alike)))]
