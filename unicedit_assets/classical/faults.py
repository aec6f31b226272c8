"""The fault injector: an editor that goes wrong at a known rate, in known ways.

What was planted travels only in ``Edited.truth``. Each fault is measured before it is accepted: one
that a person could not see on this picture gives way to another kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from unicedit_assets.classical import damage, proposals
from unicedit_assets.classical.editor import ClassicalEditor, read
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.misreading import clearly_other, omissions
from unicedit_assets.classical.operations import is_geometric
from unicedit_assets.domain.identity import Json, seed_from
from unicedit_assets.domain.language import COMPOUND, Intent, subtask_of
from unicedit_assets.domain.roles import Edited, EditorError, Pixels, Planted

MIX: Mapping[str, float] = MappingProxyType(
    {"no_edit": 1.0, "misaligned": 1.0, "degraded": 1.0, "shifted": 1.0, "collateral": 1.0}
)
VERSION = 1


@dataclass(frozen=True)
class _Job:
    """One edit that is to go wrong."""

    image: Pixels
    intent: Intent
    seed: int
    draw: np.random.Generator
    right: Pixels


@dataclass(frozen=True)
class _Wrong:
    """A planted result."""

    pixels: Pixels
    operation: str
    detail: Mapping[str, Json] = field(default_factory=dict)


class FaultyEditor:
    """Wraps the classical editor and plants faults.

    Args:
        editor: does the right edits.
        instructor: proposes the wrong ones for ``misaligned``.
        rate: share of edits that go wrong, 0-1.
        mix: weight of each fault kind.

    Raises:
        ValueError: a rate outside 0-1, an unknown kind, or no positive weight.
    """

    def __init__(
        self,
        editor: ClassicalEditor,
        instructor: ClassicalInstructor,
        rate: float = 0.25,
        mix: Mapping[str, float] = MIX,
    ) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"the fault rate must lie in 0-1, not {rate}")
        if set(mix) - set(MIX) or min(mix.values(), default=0) < 0 or sum(mix.values()) <= 0:
            raise ValueError(f"the fault mix must weigh kinds of {sorted(MIX)}, not {dict(mix)}")
        self._editor = editor
        self._instructor = instructor
        self._rate = rate
        self._mix = dict(mix)
        self._planters: Mapping[str, Callable[[_Job], _Wrong | None]] = {
            "no_edit": self._no_edit,
            "misaligned": self._misaligned,
            "degraded": self._degraded,
            "shifted": self._shifted,
            "collateral": self._collateral,
        }

    @property
    def identity(self) -> Mapping[str, Json]:
        """The editor's identity and the faults' settings."""
        return {
            "name": "faulty",
            "version": VERSION,
            "editor": self._editor.identity,
            "rate": self._rate,
            "mix": dict(sorted(self._mix.items())),
        }

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the edit, right or with a planted fault; ``truth`` says which.

        Raises:
            EditorError: the right edit itself is impossible.
        """
        draw = np.random.default_rng(seed_from("fault", seed))
        right = self._editor.edit(image, prompt, seed)
        if draw.random() >= self._rate:
            return right
        job = _Job(image, read(prompt), seed, draw, right.pixels)
        for kind in self._order(draw):
            wrong = self._planters[kind](job)
            if wrong is not None:
                detail = {"intent": job.intent.to_json(), **wrong.detail}
                return Edited(wrong.pixels, Planted(kind, wrong.operation, detail))
        return right

    def _order(self, draw: np.random.Generator) -> list[str]:
        kinds = [kind for kind in MIX if self._mix.get(kind, 0) > 0]
        weights = np.array([self._mix[kind] for kind in kinds])
        picks = draw.choice(len(kinds), len(kinds), replace=False, p=weights / weights.sum())
        return [kinds[int(pick)] for pick in picks]

    def _no_edit(self, job: _Job) -> _Wrong | None:
        how = ("identical", "jpeg", "jitter")[int(job.draw.integers(3))]
        return _Wrong(damage.unedited(job.image, how, job.draw), "none", {"how": how})

    def _misaligned(self, job: _Job) -> _Wrong | None:
        for other in self._others(job):
            try:
                pixels = self._editor.carry_out(job.image, other, job.seed)
            except EditorError:
                continue
            if damage.clearly_differ(pixels, job.image) and damage.clearly_differ(
                pixels, job.right
            ):
                return _Wrong(pixels, other.operation, {"done": other.to_json()})
        return None

    def _others(self, job: _Job) -> Sequence[Intent]:
        """Return up to a few intents that are not what the text says, in drawn order."""
        own = subtask_of(job.intent.operation)
        if job.intent.operation == COMPOUND:
            return omissions(job.intent, job.draw)
        small = self._instructor.look(job.image)
        subtasks = [own, *job.draw.permutation(sorted(set(proposals.PROPOSERS) - {own}))[:2]]
        if job.draw.random() < 0.5:
            subtasks = subtasks[1:]
        found: list[Intent] = []
        for subtask in subtasks:
            intents = [
                other
                for other in proposals.PROPOSERS[str(subtask)](small)
                if clearly_other(job.intent, other)
            ]
            found += self._instructor.tried(small, intents, job.draw)[:2]
        return found

    def _degraded(self, job: _Job) -> _Wrong | None:
        for how in job.draw.permutation(sorted(damage.DEGRADATIONS)):
            pixels = damage.DEGRADATIONS[str(how)](job.right, job.draw)
            if damage.visibly_degraded(job.right, pixels):
                return _Wrong(pixels, job.intent.operation, {"how": str(how)})
        return None

    def _shifted(self, job: _Job) -> _Wrong | None:
        if is_geometric(job.intent):
            return None
        shifted = damage.shifted(job.right, job.draw)
        if not damage.visibly_shifted(job.right, shifted.pixels):
            return None
        return _Wrong(shifted.pixels, job.intent.operation, shifted.detail)

    def _collateral(self, job: _Job) -> _Wrong | None:
        harmed = damage.collateral(job.image, job.right, job.draw)
        if harmed is None:
            return None
        return _Wrong(harmed.pixels, job.intent.operation, harmed.detail)
