"""The 4 tasks and 22 subtasks of UnicEdit-10M, spelled exactly as in the data and the benchmark.

Source: the paper's taxonomy; the spelling is that of the published files and of UnicBench.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OBJECT_EDITING = "Object Editing"
ATTRIBUTE_EDITING = "Attribute Editing"
SCENE_EDITING = "Scene Editing"
REASONING_EDITING = "Reasoning Editing"

TASKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        OBJECT_EDITING: (
            "Subject Addition",
            "Subject Removal",
            "Subject Replacement",
            "Object Extraction",
            "Counting Change",
            "Portrait Editing",
            "Text Modification",
        ),
        ATTRIBUTE_EDITING: (
            "Color Alteration",
            "Material Modification",
            "Texture Editing",
            "Shape-Size Alteration",
            "Motion Change",
        ),
        SCENE_EDITING: (
            "Background Change",
            "Style Transfer",
            "Tone Transformation",
            "Viewpoint Transformation",
            "Lens Zooming",
        ),
        REASONING_EDITING: (
            "Spatial Reasoning Edits",
            "Relation Change",
            "Multi-object Coordination",
            "Compound Operation Edits",
            "Implicit Change Edits",
        ),
    }
)

SUBTASKS: tuple[str, ...] = tuple(subtask for group in TASKS.values() for subtask in group)

_TASK_OF = {subtask: task for task, group in TASKS.items() for subtask in group}


def task_of(subtask: str) -> str:
    """Return the task that a subtask belongs to.

    Raises:
        KeyError: the text is not one of the 22 subtasks (spelling counts).
    """
    return _TASK_OF[subtask]


def is_subtask(text: str) -> bool:
    """Tell whether the text is one of the 22 subtasks, to the letter."""
    return text in _TASK_OF


def needs_reasoning(subtask: str) -> bool:
    """Tell whether samples of this subtask carry reasoning points (and are scored for RA)."""
    return _TASK_OF[subtask] == REASONING_EDITING
