"""Trials at analysis scale: would a person see this edit?"""

from __future__ import annotations

import numpy as np

from unicedit_assets.classical import colours
from unicedit_assets.classical.operations import perform
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.language import COMPOUND, Intent
from unicedit_assets.domain.roles import EditorError

# Least mean colour difference over the picture (CIE76) for edits of the whole picture.
_WHOLE = {
    "tone": 7.0,
    "style": 8.0,
    "zoom": 7.0,
    "perspective": 6.0,
    "roll": 6.0,
    "mirror": 8.0,
    "scenario": 9.0,
}
# Least share of the picture that changes clearly (CIE76 > 12) for local edits.
_LOCAL = {"write": 0.003, "remove": 0.001, "move": 0.001, "duplicate": 0.0006, "resize": 0.0006}
_LOCAL_DEFAULT = 0.002

# Least spread (CIE Lab, any channel) of what a zoom shows: not an empty sky.
_LEAST_CONTENT = 8.0


def passes(scene: Scene, intent: Intent, seed: int = 0) -> bool:
    """Tell whether the intent can be carried out on the scene and would be seen.

    ``scene`` is one whose image is already at analysis scale: the trial costs a few milliseconds.
    """
    if intent.operation == COMPOUND:
        return _both_pass(scene, intent, seed)
    try:
        after = colours.to_lab_coarse(perform(scene, intent, seed))
    except EditorError:
        return False
    change = colours.distance(after, scene.lab)
    if intent.operation == "zoom" and after.reshape(-1, 3).std(0).max() < _LEAST_CONTENT:
        return False
    if intent.operation in _WHOLE:
        return bool(change.mean() >= _WHOLE[intent.operation])
    if intent.operation == "recolor" and not _took(scene, intent, after):
        return False
    least = _LOCAL.get(intent.operation, _LOCAL_DEFAULT)
    return bool((change > 12).mean() >= least)


def _both_pass(scene: Scene, intent: Intent, seed: int) -> bool:
    """Try the second step on the first one's result; the first passed its own trial already."""
    first, second = intent.steps
    try:
        halfway = Scene(perform(scene, first, seed), scene.finder)
    except EditorError:
        return False
    return passes(halfway, second, seed + 1)


def _took(scene: Scene, intent: Intent, after: colours.Floats) -> bool:
    slots = intent.slots
    region = scene.find(slots["kind"], slots["colour"], slots["place"])
    mean = np.asarray(after[region.mask].mean(0), np.float32)
    far = float(colours.distance(mean, region.lab)) > 25
    return far and colours.name_of(mean) == slots["to"]
