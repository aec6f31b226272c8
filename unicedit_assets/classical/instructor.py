"""The embedded instructor: proposes only what the classical editor can do to this photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from unicedit_assets.classical import proposals, trial
from unicedit_assets.classical.editor import VERSION as EDITOR_VERSION
from unicedit_assets.classical.scene import Scene
from unicedit_assets.classical.subject import PlainGroundSubject, SubjectFinder
from unicedit_assets.domain import language
from unicedit_assets.domain.identity import Json, seed_from
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft, Pixels, Refusal, Survey

VERSION = 2
COMPOUND_SUBTASK = "Compound Operation Edits"


class ClassicalInstructor:
    """Looks at colours, regions, objects, sky and free room, and tries each edit on a small copy.

    Args:
        choices: most intents kept a subtask; the seed of ``write`` picks among them.
        finder: finds the main subject; ``PlainGroundSubject`` by default.
            The editor must use the same.
    """

    def __init__(self, choices: int = 2, finder: SubjectFinder | None = None) -> None:
        self._choices = choices
        self._finder = finder or PlainGroundSubject()

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change the instructions: version, settings, wordings."""
        return {
            "name": "classical-instructor",
            "version": VERSION,
            "choices": self._choices,
            "finder": dict(self._finder.identity),
            "editor": EDITOR_VERSION,
            "opencv": cv2.__version__,
            "prompt_sha256": language.prompt().sha256,
        }

    def survey(self, image: Pixels) -> Survey:
        """Return the subtasks that this photograph allows, with the intents that passed a trial."""
        small = self.look(image)
        order = np.random.default_rng(seed_from("survey", int(small.image.sum(dtype=np.int64))))
        found = {
            subtask: self.tried(small, list(propose(small)), order)
            for subtask, propose in proposals.PROPOSERS.items()
        }
        found[COMPOUND_SUBTASK] = self.tried(small, list(proposals.compounds(found)), order)
        kept = {subtask: intents for subtask, intents in found.items() if intents}
        return Survey(
            tuple(kept),
            {
                subtask: [intent.to_json() for intent in intents]
                for subtask, intents in kept.items()
            },
        )

    def look(self, image: Pixels) -> Scene:
        """Return the scene of the photograph's small copy, on which everything is tried."""
        return Scene(Scene(image).small, self._finder)

    def tried(
        self, small: Scene, intents: Sequence[Intent], order: np.random.Generator
    ) -> list[Intent]:
        """Return the first intents, in a drawn order, that pass their trial."""
        kept: list[Intent] = []
        for index in order.permutation(len(intents)):
            if len(kept) >= self._choices:
                break
            if trial.passes(small, intents[int(index)]):
                kept.append(intents[int(index)])
        return kept

    def write(
        self,
        image: Pixels,
        survey: Survey,
        subtasks: Sequence[str],
        seed: int,
    ) -> Sequence[Draft | Refusal]:
        """Word one of the surveyed intents for each subtask asked for."""
        return [self._write_one(survey, subtask, seed) for subtask in subtasks]

    def _write_one(self, survey: Survey, subtask: str, seed: int) -> Draft | Refusal:
        noted = survey.notes.get(subtask)
        if not isinstance(noted, Sequence) or isinstance(noted, str) or not noted:
            return Refusal(
                subtask, Reason.INFEASIBLE, f"nothing in this photograph allows {subtask}"
            )
        pick = seed_from("write", subtask, seed)
        chosen = noted[pick % len(noted)]
        if not isinstance(chosen, Mapping):
            return Refusal(subtask, Reason.INSTRUCTOR_FAILED, "the survey's notes are not intents")
        intent = Intent.from_json(chosen)
        wording = language.phrase(intent, pick // 97)
        points = language.reasoning_points(intent)
        return Draft(subtask, wording.en, wording.cn, points.en, points.cn)
