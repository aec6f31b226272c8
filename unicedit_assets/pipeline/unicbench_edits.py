"""unicbench_edits: the benchmark's samples x model x language -> an edited picture each.

Apart from the scores, so that another judge scores the same pictures again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json, edit_id, seed_from
from unicedit_assets.domain.roles import Editor
from unicedit_assets.pipeline.editing import EditAnswer, EditRequest
from unicedit_assets.pipeline.flow import batching, edits_by
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector, json_text
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.storage.terms import ChunkOutput, split

_ASKED = ("key", "image_id", "task", "subtask", "en", "cn")


class UnicBenchEdits:
    """The stage."""

    name = "unicbench_edits"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (benchmark_ref(),)

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        model, language = partition.split("/")
        editor = project.backends.models[model]
        return {
            **batching(editor, project.settings.unicbench_edits.chunk),
            "language": language,
            "model": dict(editor.identity),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        samples = project.require(benchmark_ref())
        rows = project.ledger.read(samples, schemas.ROWS, _ASKED).to_pylist()
        pictures = Pictures(project.ledger, samples, "key", "image")
        chunks = chunk_count(len(rows), project.settings.unicbench_edits.chunk)
        model, language = partition.split("/")
        editor = project.backends.models[model]
        spec = project.spec(Ref(self.name, partition))

        def part(index: int) -> list[dict[str, Any]]:
            return [rows[i] for i in split(len(rows), chunks, index)]

        making = edits_by(
            project.engine_for(editor),
            editor,
            lambda index: requests_for(editor, language, part(index), pictures),
            lambda: project.ledger.unfinished(spec, chunks),
        )

        def work(index: int) -> ChunkOutput:
            return collect_edits((model, language), editor, part(index), making.answers(index))

        return Job(chunks, work, making.close, making.figures)


def seed_of(editor: Editor, sample: Mapping[str, Any]) -> int:
    """Return the seed of one sample's edit; both languages get the same."""
    return seed_from("unicbench", edit_id(sample["key"], editor.identity, 0))


def requests_for(
    editor: Editor,
    language: str,
    samples: Sequence[Mapping[str, Any]],
    pictures: Mapping[str, bytes] | Pictures,
) -> list[EditRequest]:
    """Return what an editor is asked for."""
    return [
        EditRequest(pictures[sample["key"]], sample[language], seed_of(editor, sample))
        for sample in samples
    ]


def collect_edits(
    run: tuple[str, str],
    editor: Editor,
    samples: Sequence[Mapping[str, Any]],
    answers: Sequence[EditAnswer],
) -> ChunkOutput:
    """Sort one chunk's answers into edits and rejects; ``run`` is the model and the language."""
    model, language = run
    settings = json_text({**editor.identity, "language": language})
    collector = Collector(UnicBenchEdits.name, schemas.UNICBENCH_EDITS)
    for sample, answer in zip(samples, answers, strict=True):
        if answer.reason:
            extra = {"model": model, "language": language}
            collector.reject(sample["key"], answer.reason, answer.detail, sample, extra)
            continue
        collector.accept(
            {
                **{name: sample[name] for name in ("key", "image_id", "task", "subtask")},
                "model": model,
                "language": language,
                "prompt": sample[language],
                "settings": settings,
                "seed": seed_of(editor, sample),
                "width": answer.width,
                "height": answer.height,
                "seconds": answer.seconds,
                "edit_image": answer.image,
            }
        )
    return collector.output()
