"""The embedded family: CPU, deterministic, no weights to fetch."""

from __future__ import annotations

from collections.abc import Mapping

from resources.scorers import gates_of
from resources.subjects import subject_finder
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.faults import MIX, FaultyEditor
from unicedit_assets.classical.instructor import COMPOUND_SUBTASK, ClassicalInstructor
from unicedit_assets.classical.proposals import PROPOSERS
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Edited, Pixels
from unicedit_assets.evidence.judge import EmbeddedJudge
from unicedit_assets.evidence.verifier import VERSIONS, EvidenceVerifier
from unicedit_assets.pipeline.project import Backends
from unicedit_assets.settings import Settings


class IdentityEditor:
    """Changes nothing: the benchmark's floor, which must score low on instruction following."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "identity", "version": 1}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the picture as it is."""
        return Edited(image.copy())


def embedded_backends(settings: Settings) -> Backends:
    """Build the embedded instructor, editors, verifiers and judge.

    Raises:
        SettingsError: a gate or the subject finder needs what is not installed.
    """
    finder = subject_finder(settings)
    instructor, classical = ClassicalInstructor(finder=finder), ClassicalEditor(finder)
    faults = settings.edits.faults
    pipeline_editor = (
        FaultyEditor(classical, instructor, faults.rate, faults.mix or MIX)
        if faults.rate
        else classical
    )
    faulty = FaultyEditor(classical, instructor, settings.unicbench_edits.planted_rate, MIX)
    return Backends(
        gates=gates_of(settings.raw_images),
        instructor=instructor,
        editors={"classical": pipeline_editor},
        models={"classical": classical, "classical-faulty": faulty, "identity": IdentityEditor()},
        verifiers={version: EvidenceVerifier(version) for version in VERSIONS},
        judge=EmbeddedJudge(),
        subtasks=(*PROPOSERS, COMPOUND_SUBTASK),
    )
