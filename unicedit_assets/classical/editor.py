"""The classical editor: reads an instruction and carries it out with image processing."""

from __future__ import annotations

from collections.abc import Mapping

import cv2

from unicedit_assets.classical.operations import perform
from unicedit_assets.classical.scene import Scene
from unicedit_assets.classical.subject import PlainGroundSubject, SubjectFinder
from unicedit_assets.domain import language
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Edited, EditorError, Pixels, Planted

VERSION = 2
NO_FAULT = "none"


class ClassicalEditor:
    """Edits real photographs on a CPU; the same pixels, text and seed give the same bytes.

    Args:
        finder: finds the main subject; ``PlainGroundSubject`` by default.
            The instructor must use the same.
    """

    def __init__(self, finder: SubjectFinder | None = None) -> None:
        self._finder = finder or PlainGroundSubject()

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change the pixels: version, libraries, wordings."""
        return {
            "name": "classical",
            "version": VERSION,
            "opencv": cv2.__version__,
            "finder": dict(self._finder.identity),
            "wordings": language.prompt().sha256,
        }

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the photograph edited as the text says, the same size.

        Raises:
            EditorError: the text is not in the instruction language, or the photograph does not
                hold what it names.
        """
        intent = read(prompt)
        pixels = self.carry_out(image, intent, seed)
        return Edited(pixels, Planted(NO_FAULT, intent.operation, {"intent": intent.to_json()}))

    def carry_out(self, image: Pixels, intent: Intent, seed: int) -> Pixels:
        """Return the photograph with an intent carried out.

        Raises:
            EditorError: the photograph does not allow it.
        """
        return perform(Scene(image, self._finder), intent, seed)


def read(prompt: str) -> Intent:
    """Return the intent of an instruction text.

    Raises:
        EditorError: the text is not in the instruction language.
    """
    intent = language.parse(prompt)
    if intent is None:
        raise EditorError(f"the classical editor cannot read this instruction: {prompt!r}")
    return intent
