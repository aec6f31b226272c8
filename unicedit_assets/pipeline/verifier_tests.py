"""The pairs that every verifier is measured on: frozen once, with their truth.

From the test split of ``verify_preference_set`` (synthetic pairs and what people judged; never what
a verifier believed) and from photographs that were set aside, edited by the classical editor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.rows import Collector, named
from unicedit_assets.pipeline.stage import Job, Ref, chunk_count
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.pipeline.verifier_sets import PREFERENCE
from unicedit_assets.qwen_verify.candidates import Origin
from unicedit_assets.qwen_verify.claims import language_of
from unicedit_assets.qwen_verify.evaluation import Truth
from unicedit_assets.qwen_verify.photographs import EditedPhotograph, edited_photograph
from unicedit_assets.qwen_verify.splitting import Split
from unicedit_assets.storage.manifests import Manifest
from unicedit_assets.storage.terms import ChunkOutput, split
from unicedit_assets.truth.sampling import Bench
from unicedit_assets.vlm.parsing import parse_object

_KNOWN = frozenset({Origin.SYNTHETIC, Origin.HUMAN})
_PLAIN = ["key", "split", "held_out", "origin", "group", "kind", "subtask"]
_TEXTS = ["prompt_en", "prompt_cn", "target"]


class VerifierTests:
    """The stage; made when the first verifier is measured."""

    name = "verifier_tests"
    code_version = "1"

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        return (Ref(PREFERENCE, MAIN), benchmark_ref())

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        settings = project.settings.verifier_tests
        bench = Bench.standard()
        return {
            "most": settings.most,
            "per_photograph": settings.per_photograph,
            "seed": settings.seed,
            "editor": dict(bench.editor.identity),
            "instructor": dict(bench.instructor.identity),
            "codec": dict(codec.lake_identity()),
        }

    def job(self, project: Project, partition: str) -> Job:
        settings = project.settings.verifier_tests
        chosen = _chosen(project, settings.most)
        photographs = _photographs(project) if settings.per_photograph else []
        of_sets = chunk_count(len(chosen), settings.chunk)
        manifest = project.require(benchmark_ref())
        sources = Pictures(project.ledger, manifest, "image_id", "image")
        rows = _SetRows(project)

        def work(index: int) -> ChunkOutput:
            collector = Collector(self.name, schemas.VERIFIER_TESTS)
            if index < of_sets:
                for place in split(len(chosen), of_sets, index):
                    collector.accept(rows.test_row(*chosen[place]))
            else:
                image_id = photographs[index - of_sets]
                _collect_photograph(collector, project, image_id, sources[image_id])
            return collector.output()

        return Job(of_sets + len(photographs), work)


def _chosen(project: Project, most: int) -> list[tuple[int, int]]:
    """Return which rows of the preference set are measured on, as (part, row), drawn by key."""
    manifest = project.require(Ref(PREFERENCE, MAIN))
    found: list[tuple[str, int, int]] = []
    for part in range(len(manifest.tables[schemas.ROWS])):
        table = project.ledger.read_part(manifest, part, ["key", "split", "origin"])
        for number, row in enumerate(table.to_pylist()):
            if row["split"] == Split.TEST and row["origin"] in _KNOWN:
                found.append((digest("test", row["key"]), part, number))
    return sorted((part, number) for _, part, number in sorted(found)[:most])


def _photographs(project: Project) -> list[str]:
    manifest = project.require(benchmark_ref())
    table = project.ledger.read(manifest, schemas.ROWS, ["image_id"])
    return sorted(set(table["image_id"].to_pylist()))


class _SetRows:
    """Rows of the preference set by place; a part at a time in memory."""

    def __init__(self, project: Project) -> None:
        manifest: Manifest = project.require(Ref(PREFERENCE, MAIN))

        def load(part: int) -> list[dict[str, Any]]:
            columns = [*_PLAIN, *_TEXTS, "images.list.element.bytes"]
            rows: list[dict[str, Any]] = project.ledger.read_part(
                manifest, part, columns
            ).to_pylist()
            return rows

        self._load = lru_cache(maxsize=1)(load)

    def test_row(self, part: int, number: int) -> dict[str, Any]:
        """Return one row of the training set's test split as a test pair."""
        row = self._load(part)[number]
        said = parse_object(row["target"])
        source, edited = (picture["bytes"] for picture in row["images"])
        truth = Truth(
            key=row["key"],
            kind=row["kind"],
            verdict=said["class"],
            subtask=row["subtask"],
            cluster=row["group"],
            test=row["held_out"],
            is_changed=said["is_changed"],
            en=said["rewritten_en"],
            cn=said["rewritten_cn"],
            language=language_of(said["rewritten_en"]),
        )
        return row_of(truth, row["prompt_en"], row["prompt_cn"], source, edited)


def row_of(truth: Truth, en: str, cn: str, source: bytes, edited: bytes) -> dict[str, Any]:
    """Return a test pair as a row."""
    return {
        "key": truth.key,
        "test": truth.test,
        "cluster": truth.cluster,
        "kind": truth.kind,
        "verdict": truth.verdict,
        "subtask": truth.subtask,
        "en": en,
        "cn": cn,
        "is_changed": truth.is_changed,
        "true_en": truth.en,
        "true_cn": truth.cn,
        "language": truth.language.value,
        "source_image": source,
        "edited_image": edited,
    }


def _collect_photograph(
    collector: Collector, project: Project, image_id: str, image: bytes
) -> None:
    try:
        for pair in _edited(project, image_id, image):
            source, edited = (codec.encode_lake(each) for each in (pair.source, pair.edited))
            collector.accept(row_of(pair.truth, pair.en, pair.cn, source, edited))
    except ValueError as error:  # a picture that the classical editor cannot work on
        collector.reject(image_id, Reason.UNUSABLE, named(error), {"image_id": image_id})


def _edited(project: Project, image_id: str, image: bytes) -> Iterator[EditedPhotograph]:
    settings = project.settings.verifier_tests
    pixels = codec.decode(image)
    return edited_photograph(
        image_id, pixels, settings.seed, settings.per_photograph, Bench.standard()
    )
