"""edits: (photograph, instruction) x editor -> an edited picture of the same size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np

from unicedit_assets.domain import codec, identity, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Edited, Editor, EditorError, Pixels
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.ledger import ChunkOutput, split

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


def fault_of(source: Pixels, edited: object) -> tuple[Reason, str] | None:
    """Return why an editor's output cannot be a picture of this source, or None."""
    if not isinstance(edited, np.ndarray) or edited.dtype != np.uint8:
        return Reason.EDITOR_FAILED, "the editor did not return 8-bit pixels"
    if edited.shape != source.shape:
        return Reason.WRONG_SIZE, f"{edited.shape} instead of {source.shape}"
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
    except EditorError as error:
        return EditAnswer(reason=Reason.EDITOR_FAILED, detail=str(error))
    except Exception as error:  # a crash of one sample must not lose the others
        return EditAnswer(reason=Reason.EDITOR_FAILED, detail=named(error))
    wrong = fault_of(source, edited.pixels)
    if wrong:
        return EditAnswer(truth=truth, reason=wrong[0], detail=wrong[1])
    height, width = edited.pixels.shape[:2]
    image = codec.encode_lake(edited.pixels)
    return EditAnswer(image, width, height, time.perf_counter() - started, truth)


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


class Edits:
    """The stage."""

    name = "edits"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        shard, _ = partition.split("/")
        return (Ref("raw_images", shard), Ref("instructions", shard))

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        fields = project.settings.edits.identity_fields()
        # Faults are part of the editor that plants them, not of every editor.
        fields.pop("faults")
        return {
            **fields,
            "editor": dict(self._editor(project, partition).identity),
            "codec": dict(codec.lake_identity()),
        }

    @staticmethod
    def _editor(project: Project, partition: str) -> Editor:
        return project.backends.editors[partition.split("/")[1]]

    def job(self, project: Project, partition: str) -> Job:
        shard, editor_name = partition.split("/")
        manifest = project.require(Ref("raw_images", shard))
        asked = project.ledger.read(
            project.require(Ref("instructions", shard)),
            schemas.ROWS,
            [
                "instruction_id",
                "image_id",
                "task",
                "subtask",
                "en",
                "cn",
                "instructor",
                "prompt_sha256",
            ],
        ).to_pylist()
        pictures = Pictures(project.ledger, manifest, "image_id", "image")
        chunks = chunk_count(len(asked), project.settings.edits.chunk)

        def work(index: int) -> ChunkOutput:
            part = [asked[i] for i in split(len(asked), chunks, index)]
            return edit_chunk(project, editor_name, part, pictures)

        return Job(chunks, work)


def edit_chunk(
    project: Project, editor_name: str, asked: list[dict[str, Any]], pictures: Pictures
) -> ChunkOutput:
    """Make the edits of one chunk of instructions."""
    editor, settings = project.backends.editors[editor_name], project.settings.edits
    made_by = {**editor.identity, "language": settings.language}
    seeds = [identity.seed_from("edit", settings.seed, row["instruction_id"]) for row in asked]
    keys = [
        identity.edit_id(row["instruction_id"], made_by, seed)
        for row, seed in zip(asked, seeds, strict=True)
    ]
    requests = (
        EditRequest(pictures[row["image_id"]], row[settings.language], seed)
        for row, seed in zip(asked, seeds, strict=True)
    )
    collector = Collector(Edits.name, schemas.EDITS, hides=True)
    answers = project.engine_for(editor).map(partial(make_edit, editor), requests)
    for key, row, seed, answer in zip(keys, asked, seeds, answers, strict=True):
        if answer.truth:
            collector.reveal({"edit_id": key, **answer.truth})
        if answer.reason:
            collector.reject(key, answer.reason, answer.detail, row, {"editor": editor_name})
            continue
        collector.accept(
            {
                **row,
                "edit_id": key,
                "language": settings.language,
                "editor": editor_name,
                "revision": str(editor.identity["version"]),
                "settings": json_text(made_by),
                "seed": seed,
                "width": answer.width,
                "height": answer.height,
                "seconds": answer.seconds,
                "edit_image": answer.image,
            }
        )
    return collector.output()
