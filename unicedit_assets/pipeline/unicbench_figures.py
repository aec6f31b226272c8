"""What a scored partition shows in the UI: means that become plots over runs, and its coverage."""

from __future__ import annotations

from collections.abc import Mapping

from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.domain.unicbench import METRICS, summarise
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.unicbench_scores import UnicBenchScores
from unicedit_assets.storage.manifests import Manifest


def stage_figures(project: Project, manifest: Manifest) -> Mapping[str, float]:
    """Return a partition's own figures by name; what was not scored has none."""
    if manifest.stage != UnicBenchScores.name:
        return {}
    columns = ["task", *METRICS]
    rows = project.ledger.read(manifest, ROWS, columns).to_pylist()
    figures = {"coverage": manifest.counts.accepted / max(1, manifest.counts.inputs)}
    for line in summarise(rows, lambda row: "all", {}):
        for metric, mean in line.means.items():
            if mean is not None:
                figures[f"score/{metric}"] = mean
    for line in summarise(rows, lambda row: str(row["task"]), {}):
        if line.means["overall"] is not None:
            figures[f"score/{line.group}"] = line.means["overall"]
    return figures
