"""Scripted backends: fast, deterministic, picklable; they play every role over real pictures.

An instruction names a side and a colour ("Paint the left of the picture red"). The editor paints
that side, the verifier and the judge look for it. Some edits fail or go wrong on purpose, by their
seed. ``CALLS`` counts what this process asked of whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain.identity import Json, seed_from
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.resolutions import PREFERRED
from unicedit_assets.domain.roles import (
    Draft,
    Edited,
    EditorError,
    Pixels,
    Planted,
    Refusal,
    Scores,
    Survey,
    Verdict,
)
from unicedit_assets.domain.taxonomy import needs_reasoning
from unicedit_assets.pipeline.project import Backends

CALLS: Counter[str] = Counter()

SUBTASKS = ("Color Alteration", "Tone Transformation", "Lens Zooming", "Spatial Reasoning Edits")
SIDES = {"left": "左边", "right": "右边", "top": "上边", "bottom": "下边"}
COLOURS = {
    "red": ("红色", (200, 30, 30)),
    "green": ("绿色", (30, 160, 60)),
    "blue": ("蓝色", (40, 60, 200)),
    "grey": ("灰色", (128, 128, 128)),
}


def photograph(seed: int) -> Pixels:
    """Return a patchwork at a preferred size: about 1 MP like any photograph, cheap to encode."""
    size = PREFERRED[5 + seed % 7]
    patches = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return cv2.resize(patches, tuple(size), interpolation=cv2.INTER_NEAREST)


def write_photographs(folder: Path, seeds: Sequence[int]) -> Path:
    """Fill a folder with one PNG a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        Image.fromarray(photograph(seed)).save(folder / f"photo-{seed:03d}.png", compress_level=1)
    return folder


def side_of(pixels: Pixels, side: str) -> Pixels:
    """Return the quarter of a picture at one side, as a view."""
    height, width = pixels.shape[:2]
    return {
        "left": pixels[:, : width // 4],
        "right": pixels[:, -(width // 4) :],
        "top": pixels[: height // 4],
        "bottom": pixels[-(height // 4) :],
    }[side]


@dataclass(frozen=True)
class Order:
    """What an instruction asks for."""

    side: str
    colour: str

    @classmethod
    def read(cls, prompt: str) -> Order:
        """Find the side and the colour in a text of either language."""
        side = next(en for en, cn in SIDES.items() if en in prompt or cn in prompt)
        colour = next(en for en, (cn, _) in COLOURS.items() if en in prompt or cn in prompt)
        return cls(side, colour)

    @property
    def en(self) -> str:
        return f"Paint the {self.side} of the picture {self.colour}."

    @property
    def cn(self) -> str:
        return f"把图片的{SIDES[self.side]}涂成{COLOURS[self.colour][0]}。"

    def draft(self, subtask: str) -> Draft:
        points = (f"The {self.side} is {self.colour}.",) if needs_reasoning(subtask) else ()
        points_cn = ("其余不变。",) if needs_reasoning(subtask) else ()
        return Draft(subtask, self.en, self.cn, points, points_cn)

    def done_on(self, pixels: Pixels) -> bool:
        return bool((side_of(pixels, self.side) == COLOURS[self.colour][1]).all())


class ScriptedInstructor:
    """Finds every subtask feasible; now and then it has to refuse one."""

    def __init__(self, wordings: str = "w1") -> None:
        self._wordings = wordings

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "scripted-instructor", "version": 1, "prompt_sha256": self._wordings}

    def survey(self, image: Pixels) -> Survey:
        CALLS["survey"] += 1
        return Survey(SUBTASKS)

    def write(
        self, image: Pixels, survey: Survey, subtasks: Sequence[str], seed: int
    ) -> Sequence[Draft | Refusal]:
        CALLS["write"] += 1
        return [self._one(subtask, seed_from(seed, subtask)) for subtask in subtasks]

    def _one(self, subtask: str, seed: int) -> Draft | Refusal:
        if seed % 13 == 0:
            return Refusal(subtask, Reason.INFEASIBLE, "nothing here allows it")
        order = Order(list(SIDES)[seed % 4], list(COLOURS)[seed // 4 % 4])
        return order.draft(subtask)


class ScriptedEditor:
    """Paints what the text says, except when its seed says otherwise."""

    def __init__(self, name: str = "painter", faults: bool = True) -> None:
        self._name, self._faults = name, faults

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": self._name, "version": 1, "faults": self._faults}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        CALLS["edit"] += 1
        order, pixels = Order.read(prompt), image.copy()
        if self._faults and seed % 11 == 0:
            raise EditorError("no paint left")
        if self._faults and seed % 5 == 0:
            return Edited(pixels, Planted("no_edit", "none"))
        colour = tuple(COLOURS)[seed % 4] if self._faults and seed % 7 == 0 else order.colour
        side_of(pixels, order.side)[:] = COLOURS[colour][1]
        fault = "none" if colour == order.colour else "misaligned"
        return Edited(pixels, Planted(fault, "paint", {"colour": colour}))


class Moody(ScriptedEditor):
    """An editor that never paints the same picture twice, as a generative one may."""

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        edited = super().edit(image, prompt, seed)
        pixels = edited.pixels.copy()
        pixels[0, 0] = CALLS["edit"] % 251
        return replace(edited, pixels=pixels)


class Unchanging:
    """An editor that returns the picture as it is."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "identity", "version": 1}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        CALLS["edit"] += 1
        return Edited(image)


class ScriptedVerifier:
    """Accepts an edit when the side that the text names got the colour that it names."""

    def __init__(self, version: str = "scripted-1") -> None:
        self.version = version

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "scripted", "version": self.version}

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        CALLS["verify"] += 1
        order = Order.read(en)
        changed = float(np.mean(source != edited))
        reason = None if order.done_on(edited) else Reason.MISALIGNED
        return Verdict(
            reason=reason if changed else Reason.NO_EDIT,
            is_changed=changed > 0,
            confidence=0.875,
            source_caption="a patchwork",
            edit_caption="a painted patchwork",
            differences=(f"the {order.side} changed",) if changed else (),
            rewritten_en=f"Make the {order.side} side {order.colour}." if changed else "",
            rewritten_cn=order.cn if changed else "",
            evidence={"changed_share": changed},
            regions=((0.0, 0.0, 0.25, 1.0),) if changed else (),
        )


class ScriptedJudge:
    """Gives ten where the order was carried out and little where not."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "scripted-judge", "version": 1}

    def score(
        self, source: Pixels, edited: Pixels, prompt: str, reasoning_points: Sequence[str]
    ) -> Scores:
        CALLS["score"] += 1
        done = 10.0 if Order.read(prompt).done_on(edited) else 1.0
        return Scores(done, 9.0, 8.0, done if reasoning_points else None, {"if": "looked"})


def scripted_backends(
    wordings: str = "w1", subtasks: tuple[str, ...] = SUBTASKS, **editors: ScriptedEditor
) -> Backends:
    """Return the scripted family under the names of the embedded one."""
    return Backends(
        instructor=ScriptedInstructor(wordings),
        editors=editors or {"classical": ScriptedEditor()},
        models={
            "classical": ScriptedEditor(faults=False),
            "classical-faulty": ScriptedEditor(),
            "identity": Unchanging(),
        },
        verifiers={name: ScriptedVerifier(name) for name in ("scripted-1", "scripted-2")},
        judge=ScriptedJudge(),
        subtasks=subtasks,
    )
