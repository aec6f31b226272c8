"""One edit: what goes to an editor, and what becomes of its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import cv2
import numpy as np

from unicedit_assets.domain import codec
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import (
    BackendDownError,
    BatchEditor,
    Edited,
    Editor,
    EditorError,
    EditSample,
)
from unicedit_assets.pipeline.rows import json_text, named

# A picture whose channels all vary less than this (standard deviation, of 255) shows nothing.
BLANK_DEVIATION = 1.0


class EditRequest(NamedTuple):
    """One edit to make: an encoded source, the prompt, and the seed."""

    image: bytes
    prompt: str
    seed: int


@dataclass(frozen=True)
class EditAnswer:
    """One edit that was made, or why there is none; ``truth`` is its row without the key."""

    image: bytes = b""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    truth: Mapping[str, str] | None = None
    reason: Reason | None = None
    detail: str = ""


def fault_of(shape: tuple[int, ...], edited: object) -> tuple[Reason, str] | None:
    """Return why an editor's output cannot be a picture of a source of this shape, or None."""
    if not isinstance(edited, np.ndarray) or edited.dtype != np.uint8:
        return Reason.EDITOR_FAILED, "the editor did not return 8-bit pixels"
    if edited.shape != shape:
        return Reason.WRONG_SIZE, f"{edited.shape} instead of {shape}"
    if float(cv2.meanStdDev(edited)[1].max()) < BLANK_DEVIATION:
        return Reason.BLANK, "the picture is one flat colour"
    return None


def make_edit(editor: Editor, request: EditRequest) -> EditAnswer:
    """Carry out one edit; whatever goes wrong stays with this row."""
    started = time.perf_counter()
    source = codec.decode(request.image)
    try:
        edited = editor.edit(source.copy(), request.prompt, request.seed)
        truth = truth_of(edited)
    except BackendDownError:
        raise
    except Exception as error:  # a crash of one sample must not lose the others
        return failed(error)
    answer = finished(source.shape, edited, truth)
    return replace(answer, seconds=time.perf_counter() - started if answer.image else 0.0)


def make_batch(editor: Editor, requests: Sequence[EditRequest]) -> list[EditAnswer]:
    """Carry out edits of one size by one call of an editor that takes batches."""
    samples = [EditSample(codec.decode(each.image), each.prompt, each.seed) for each in requests]
    shapes = [sample.image.shape for sample in samples]
    started = time.perf_counter()
    made = outcomes(editor, samples)
    share = (time.perf_counter() - started) / len(samples)
    return [settled(shape, each, share) for shape, each in zip(shapes, made, strict=True)]


def outcomes(editor: Editor, samples: Sequence[EditSample]) -> list[Edited | Exception]:
    """Return what an editor made of samples of one size, or what went wrong, row by row.

    Raises:
        BackendDownError: the editor is of no more use to this run.
    """
    try:
        return _edited(editor, samples)
    except BackendDownError:
        raise
    except Exception as error:  # a crash of one sample must not lose the others
        if len(samples) == 1:
            return [error]
        return [outcome for sample in samples for outcome in outcomes(editor, [sample])]


def _edited(editor: Editor, samples: Sequence[EditSample]) -> list[Edited | Exception]:
    if not hasattr(editor, "edit_batch"):
        return [editor.edit(each.image, each.prompt, each.seed) for each in samples]
    made = list[Edited | Exception](cast(BatchEditor, editor).edit_batch(samples))
    if len(made) != len(samples):
        raise ValueError(f"the editor returned {len(made)} edits of {len(samples)}")
    return made


def settled(shape: tuple[int, ...], outcome: Edited | Exception, seconds: float) -> EditAnswer:
    """Return the answer of a row: its picture checked and encoded, or why there is none.

    Raises:
        Exception: what went wrong, when it speaks of the machine (see ``named``).
    """
    if isinstance(outcome, Exception):
        return failed(outcome)
    try:
        return finished(shape, outcome, truth_of(outcome), seconds)
    except Exception as error:  # an answer that is none is this row's matter
        return failed(error)


def failed(error: Exception) -> EditAnswer:
    """Return the answer of a row whose edit did not come.

    Raises:
        Exception: the same one, when it speaks of the machine (see ``named``).
    """
    detail = str(error) if isinstance(error, EditorError) else named(error)
    return EditAnswer(reason=Reason.EDITOR_FAILED, detail=detail)


def finished(
    shape: tuple[int, ...],
    edited: Edited,
    truth: Mapping[str, str] | None,
    seconds: float = 0.0,
) -> EditAnswer:
    """Hold an editor's picture against its source's shape, and encode it."""
    wrong = fault_of(shape, edited.pixels)
    if wrong:
        return EditAnswer(truth=truth, reason=wrong[0], detail=wrong[1])
    height, width = edited.pixels.shape[:2]
    return EditAnswer(codec.encode_lake(edited.pixels), width, height, seconds, truth)


def truth_of(edited: Edited) -> Mapping[str, str] | None:
    """Return what an editor tells in secret of its work, as cells; None where it tells nothing."""
    if edited.truth is None:
        return None
    truth = edited.truth
    return {
        "fault": truth.fault,
        "operation": truth.operation,
        "detail": json_text(truth.detail),
    }
