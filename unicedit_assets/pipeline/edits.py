"""edits: (photograph, instruction) x editor -> an edited picture of the same size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unicedit_assets.domain import codec, identity, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Editor
from unicedit_assets.pipeline.editing import EditAnswer, EditRequest
from unicedit_assets.pipeline.flow import batching, edits_by
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.storage.terms import ChunkOutput, split

_ASKED = (
    "instruction_id",
    "image_id",
    "task",
    "subtask",
    "en",
    "cn",
    "instructor",
    "prompt_sha256",
)


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
        editor = self._editor(project, partition)
        return {
            **fields,
            **batching(editor, project.settings.edits.chunk),
            "editor": dict(editor.identity),
            "codec": dict(codec.lake_identity()),
        }

    @staticmethod
    def _editor(project: Project, partition: str) -> Editor:
        return project.backends.editors[partition.split("/")[1]]

    def job(self, project: Project, partition: str) -> Job:
        shard, editor_name = partition.split("/")
        manifest = project.require(Ref("raw_images", shard))
        asked = project.ledger.read(
            project.require(Ref("instructions", shard)), schemas.ROWS, _ASKED
        ).to_pylist()
        pictures = Pictures(project.ledger, manifest, "image_id", "image")
        chunks = chunk_count(len(asked), project.settings.edits.chunk)
        spec = project.spec(Ref(self.name, partition))

        def rows(index: int) -> list[dict[str, Any]]:
            return [asked[i] for i in split(len(asked), chunks, index)]

        def load(index: int) -> list[EditRequest]:
            return requests_for(project, rows(index), pictures)

        making = edits_by(
            project.engine_for(project.backends.editors[editor_name]),
            project.backends.editors[editor_name],
            load,
            lambda: project.ledger.unfinished(spec, chunks),
        )

        def work(index: int) -> ChunkOutput:
            return collect_edits(project, editor_name, rows(index), making.answers(index))

        return Job(chunks, work, making.close, making.figures)


def seed_of(project: Project, row: Mapping[str, Any]) -> int:
    """Return the seed of one edit; it depends on the instruction, not on what is made with it."""
    return identity.seed_from("edit", project.settings.edits.seed, row["instruction_id"])


def requests_for(
    project: Project, asked: Sequence[Mapping[str, Any]], pictures: Pictures
) -> list[EditRequest]:
    """Return what an editor is asked for by some rows of instructions."""
    language = project.settings.edits.language
    return [
        EditRequest(pictures[row["image_id"]], row[language], seed_of(project, row))
        for row in asked
    ]


def collect_edits(
    project: Project,
    editor_name: str,
    asked: Sequence[Mapping[str, Any]],
    answers: Sequence[EditAnswer],
) -> ChunkOutput:
    """Sort one chunk's answers into edits, rejects and hidden truth."""
    editor: Editor = project.backends.editors[editor_name]
    language = project.settings.edits.language
    made_by = {**editor.identity, "language": language}
    settings = json_text(made_by)
    collector = Collector(Edits.name, schemas.EDITS, hides=True)
    for row, answer in zip(asked, answers, strict=True):
        seed = seed_of(project, row)
        key = identity.edit_id(row["instruction_id"], made_by, seed)
        if answer.truth:
            collector.reveal({"edit_id": key, **answer.truth})
        if answer.reason:
            collector.reject(key, answer.reason, answer.detail, row, {"editor": editor_name})
            continue
        collector.accept(
            {
                **row,
                "edit_id": key,
                "language": language,
                "editor": editor_name,
                "revision": str(editor.identity["version"]),
                "settings": settings,
                "seed": seed,
                "width": answer.width,
                "height": answer.height,
                "seconds": answer.seconds,
                "edit_image": answer.image,
            }
        )
    return collector.output()
