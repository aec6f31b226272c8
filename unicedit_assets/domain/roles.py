"""The roles that models play, as small protocols, and the values they exchange.

A backend may be a few lines of numpy or a 20B diffusion model behind a server; the stages only know
these. ``identity`` is everything that can change a backend's answer (model, revision, settings,
prompt hashes) as JSON; it enters fingerprints and has at least ``name`` and ``version``. Images
are ``uint8`` arrays of shape (H, W, 3), sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Survey:
    """What an instructor sees in one photograph before it is asked to write.

    Attributes:
        subtasks: the subtasks that make sense for this photograph.
        notes: JSON that the same instructor reads back in ``write`` (measured regions and so on).
    """

    subtasks: tuple[str, ...]
    notes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """One instruction as an instructor wrote it, not yet checked."""

    subtask: str
    en: str
    cn: str
    reasoning_points: tuple[str, ...] = ()
    reasoning_points_cn: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An instruction that was asked for and did not come."""

    subtask: str
    reason: Reason
    detail: str


class Instructor(Protocol):
    """Writes editing instructions for a photograph."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def survey(self, image: Pixels) -> Survey:
        """Look at the photograph and say which subtasks make sense for it."""
        ...

    def write(
        self, image: Pixels, survey: Survey, subtasks: Sequence[str], seed: int
    ) -> Sequence[Draft | Refusal]:
        """Write one instruction for each subtask asked for, or say why not."""
        ...


class EditorError(Exception):
    """An editor could not carry out an instruction; the message says why."""


class BackendDownError(Exception):
    """A backend is of no more use to this run, whatever the row: a dead server, a broken device.

    No row is condemned for it: the run fails, keeps its finished chunks and is tried again.
    """


@dataclass(frozen=True)
class Planted:
    """Hidden truth about one edit: what was really done. No verifier or judge may see it.

    Attributes:
        fault: ``none`` or the kind of fault that was planted.
        operation: the operation that was really carried out.
        detail: JSON parameters of what was done.
    """

    fault: str
    operation: str
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Edited:
    """An editor's answer: pixels of the source's size, and hidden truth where it is known."""

    pixels: Pixels
    truth: Planted | None = None


class InProcess(Protocol):
    """A backend that holds a model, a device or a connection, in addition to its role.

    It is called in the stage's own process, from ``concurrency`` threads at once. A backend without
    this attribute is a function of its arguments alone and is spread over worker processes.
    """

    @property
    def concurrency(self) -> int: ...


class Editor(Protocol):
    """Changes a photograph as an instruction says."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the edited picture, the same size as the source.

        Raises:
            EditorError: the instruction cannot be carried out on this picture.
        """
        ...


@dataclass(frozen=True)
class EditSample:
    """One edit to make: the source, what to do, and the seed of whatever is drawn by chance."""

    image: Pixels
    prompt: str
    seed: int


class BatchEditor(Editor, InProcess, Protocol):
    """An editor that holds a model and can make several edits at once."""

    @property
    def batch(self) -> int:
        """The most samples a call."""
        ...

    def load(self) -> None:
        """Load the model now, if this process does not hold it yet.

        Raises:
            BackendDownError: it cannot be loaded.
        """
        ...

    def edit_batch(self, samples: Sequence[EditSample]) -> Sequence[Edited | EditorError]:
        """Make the edits of samples of one size; what fails takes no other sample with it.

        Raises:
            BackendDownError: no sample can be edited any more.
        """
        ...


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one triplet.

    Attributes:
        reason: None when the edit is accepted, else why it is rejected.
        is_changed: whether the pictures differ in a way that a person would call an edit.
        confidence: probability, 0-1, that this verdict is right.
        source_caption, edit_caption: what each picture shows.
        differences: what changed, one statement each.
        rewritten_en, rewritten_cn: the instruction that says exactly what changed; empty when
            nothing did or when it could not be named.
        evidence: measured figures (name -> number), finite.
        regions: boxes (x0, y0, x1, y1) of the changed regions as shares of width and height, 0-1.
        detail: why it is rejected, where the differences do not say it.
    """

    reason: Reason | None
    is_changed: bool
    confidence: float
    source_caption: str
    edit_caption: str
    differences: tuple[str, ...]
    rewritten_en: str
    rewritten_cn: str
    evidence: Mapping[str, float]
    regions: tuple[tuple[float, float, float, float], ...] = ()
    detail: str = ""


class Verifier(Protocol):
    """Judges a triplet from two pictures and the instruction, nothing else."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        """Return the verdict on one triplet."""
        ...


@runtime_checkable
class FilteredVerifier(Protocol):
    """A verifier that settles some pairs by pixels, without asking its model."""

    def asking_always(self) -> Verifier:
        """Return the same without that filter, so that the model alone is measured."""
        ...


@dataclass(frozen=True)
class Scores:
    """UnicBench metrics of one sample, each 0-10 or None when it could not be scored (never zero).

    Attributes:
        instruction_following: IF.
        non_edit_consistency: NC.
        visual_quality: VQ.
        reasoning_accuracy: RA; None also where the sample carries no reasoning points.
        replies: raw explanation a metric, kept with the scores.
    """

    instruction_following: float | None
    non_edit_consistency: float | None
    visual_quality: float | None
    reasoning_accuracy: float | None
    replies: Mapping[str, str] = field(default_factory=dict)


class Judge(Protocol):
    """Scores an edited picture as UnicBench does (paper section on evaluation)."""

    @property
    def identity(self) -> Mapping[str, Json]: ...

    def score(
        self, source: Pixels, edited: Pixels, prompt: str, reasoning_points: Sequence[str]
    ) -> Scores:
        """Return the metrics of one sample."""
        ...
