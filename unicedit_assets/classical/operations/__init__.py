"""The classical editor's operations: one function an operation of the instruction language.

Each takes a scene and the intent's slots and returns new pixels of the same size; it raises
``EditorError`` when the picture does not hold what the words name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from unicedit_assets.classical.operations import (
    additions,
    backdrop,
    geometry,
    objects,
    recolor,
    scenario,
    style,
    texture,
    tone,
    writing,
)
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.language import COMPOUND, Intent
from unicedit_assets.domain.roles import EditorError, Pixels

Operation: TypeAlias = Callable[[Scene, Mapping[str, str], int], Pixels]

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "tone": tone.tone,
        "style": style.style,
        "zoom": geometry.zoom,
        "perspective": geometry.perspective,
        "roll": geometry.roll,
        "mirror": geometry.mirror,
        "recolor": recolor.recolor,
        "texture": texture.texture,
        "write": writing.write,
        "background": backdrop.background,
        "extract": backdrop.extract,
        "extract_named": backdrop.extract,
        "remove": objects.remove,
        "duplicate": objects.duplicate,
        "populate": additions.populate,
        "resize": objects.resize,
        "move": objects.move,
        "add": additions.add,
        "scenario": scenario.scenario,
    }
)

GEOMETRIC = frozenset({"zoom", "perspective", "roll", "mirror"})


def perform(scene: Scene, intent: Intent, seed: int) -> Pixels:
    """Carry out an intent; a compound's second step looks at the result of the first.

    Raises:
        EditorError: the operation is unknown or the picture does not allow it.
    """
    if intent.operation == COMPOUND:
        first, second = intent.steps
        halfway = Scene(perform(scene, first, seed), scene.finder)
        return perform(halfway, second, seed + 1)
    if intent.operation not in OPERATIONS:
        raise EditorError(f"the classical editor cannot do {intent.operation!r}")
    return OPERATIONS[intent.operation](scene, intent.slots, seed)


def is_geometric(intent: Intent) -> bool:
    """Tell whether an intent moves the whole picture's pixels."""
    return intent.operation in GEOMETRIC or any(is_geometric(step) for step in intent.steps)
