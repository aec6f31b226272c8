"""From a tall picture's patches to tokens with the visual difference context; no model class here.

transformers' model and vLLM's both call it, so that what was trained is what is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from resources.qwen_verify.config import ADD, PANELS, TOKENS

Grid = Sequence[int]  # frames (1), rows, columns, of patches


class DifferenceError(ValueError):
    """A picture is not a stack of panels; the message says why."""


class DifferenceProjection(nn.Linear):
    """Makes c_v of f(edit) - f(source), (tokens, hidden) -> (tokens, hidden)."""

    def __init__(self, hidden: int) -> None:
        super().__init__(hidden, hidden, bias=False)

    def forward(self, difference: Tensor) -> Tensor:
        """Return c_v in the latents' type; beside adapters the weights are of a finer one."""
        return super().forward(difference.to(self.weight.dtype)).to(difference.dtype)


def panel_grids(grids: Sequence[Grid], difference: str, merge: int) -> list[list[int]]:
    """Return the grids of the panels that are looked at: source and edit of each picture.

    Raises:
        DifferenceError: a picture cannot be cut into its panels.
    """
    panels = PANELS[difference]
    for frames, rows, _ in grids:
        if frames != 1 or rows % (panels * merge):
            raise DifferenceError(
                f"a picture of {rows} rows of patches cannot be cut into {panels} panels of whole "
                f"{merge} x {merge} cells: send the stacked picture that the settings describe"
            )
    return [[1, rows // panels, columns] for _, rows, columns in grids for _ in range(2)]


def looked_at(pixel_values: Tensor, grids: Sequence[Grid], difference: str) -> Tensor:
    """Return the patches of source and edit; those of a third panel only keep its place.

    Args:
        pixel_values: (patches, values), the pictures one after another, each from top to bottom.
    """
    if difference != TOKENS:
        return pixel_values
    counts = [frames * rows * columns for frames, rows, columns in grids]
    return torch.cat([part[: len(part) // 3 * 2] for part in pixel_values.split(counts)])


def with_context(
    features: Tensor,
    grids: Sequence[Grid],
    difference: str,
    merge: int,
    project: Callable[[Tensor], Tensor] | None,
) -> list[Tensor]:
    """Return each picture's tokens.

    Args:
        features: (tokens, hidden), the encoder's latents of source and edit of each picture.
        grids: of the whole pictures.
        project: makes c_v of the difference; None switches the context off.
    """
    per_panel = [
        rows * columns // (merge * merge * PANELS[difference]) for _, rows, columns in grids
    ]
    tokens = []
    for source, edit in zip(
        *[iter(features.split([n for n in per_panel for _ in range(2)]))] * 2, strict=True
    ):
        context = project(edit - source) if project else torch.zeros_like(edit)
        if difference == TOKENS:
            tokens.append(torch.cat([source, edit, context]))
        else:
            tokens.append(torch.cat([source, edit + context if difference == ADD else edit]))
    return tokens
