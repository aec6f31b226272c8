"""What a project holds now: funnel, scores, versions; for the terminal, the report and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.domain.unicbench import METRICS, Line, summarise
from unicedit_assets.pipeline.pending import PIPELINE, SHARDED
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import release_folder
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.pipeline.verified_edits import verifier_version
from unicedit_assets.storage.catalogue import Catalogue
from unicedit_assets.storage.manifests import Manifest


def current_manifests(project: Project) -> Iterator[Manifest]:
    """Yield the up-to-date manifest of every partition that has one, in pipeline order."""
    specs = (project.spec(ref) for stage in PIPELINE for ref in project.refs(stage))
    yield from filter(None, project.ledger.find_many(specs))


def open_catalogue(project: Project) -> Catalogue:
    """Return the catalogue of everything that is up to date."""
    return Catalogue(project.ledger, current_manifests(project))


def open_history(project: Project) -> Catalogue:
    """Return the catalogue of every version of every partition: current ones first, then newest.

    A key of an older release is still answered for after the settings changed.
    """
    older = [
        manifest
        for stage in SHARDED
        for ref in project.refs(stage)
        for manifest in reversed(project.ledger.history(stage, ref.partition))
    ]
    return Catalogue(project.ledger, [*current_manifests(project), *older])


def benchmark_lines(project: Project) -> Sequence[Line]:
    """Return the benchmark table: one line a model and language."""
    samples = project.find(benchmark_ref())
    expected = {}
    rows: list[dict[str, Any]] = []
    for ref in project.refs("unicbench_scores"):
        manifest = project.find(ref)
        if manifest:
            expected[ref.partition] = samples.rows() if samples else manifest.counts.inputs
            columns = ["model", "language", "task", "subtask", *METRICS]
            rows += project.ledger.read(manifest, ROWS, columns).to_pylist()
    return summarise(rows, lambda row: f"{row['model']}/{row['language']}", expected)


def release_urls(project: Project) -> dict[str, str]:
    """Return release name -> where its files are, for releases that are up to date."""
    found = {}
    for ref in project.refs("unicedit_10m"):
        manifest = project.find(ref)
        if manifest:
            folder = release_folder(ref.partition, manifest.fingerprint)
            found[ref.partition] = f"{project.ledger.store.url}/{folder}"
    return found


def summary_json(project: Project) -> dict[str, Any]:
    """Return counts per stage, rejects per reason, partitions, versions and scores."""
    with open_catalogue(project) as catalogue:
        funnel = catalogue.funnel()
        distribution = catalogue.distribution()
    manifests = list(current_manifests(project))
    return {
        "stages": {
            row.stage: {
                "partitions": row.partitions,
                "inputs": row.counts.inputs,
                "accepted": row.counts.accepted,
                "rejected": row.counts.rejected,
                "failed": row.counts.failed,
                "reasons": dict(row.counts.reasons),
            }
            for row in funnel
        },
        "partitions": {f"{m.stage}/{m.partition}": m.fingerprint for m in manifests},
        "subtasks": {
            stage: {row.subtask: row.rows for row in distribution if row.stage == stage}
            for stage in ("instructions", "verified_edits", "unicedit_10m")
        },
        "versions": {
            "verifier": verifier_version(project),
            "code": {stage.name: stage.code_version for stage in project.stages.values()},
        },
        "scores": {
            line.group: {**line.means, "scored": line.scored, "samples": line.samples}
            for line in benchmark_lines(project)
        },
        "releases": release_urls(project),
    }
