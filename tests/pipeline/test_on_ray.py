"""The classical pipeline on Ray's actors: the same rows and the same release as on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lakes import open_scripted, prepared, refs_of, release_files, run_all
from photographs import photograph
from PIL import Image

from resources.embedded import embedded_backends
from resources.ray_engine import RayEngine, shut_down
from unicedit_assets.pipeline.project import Project
from unicedit_assets.settings import Settings
from unicedit_assets.settings.gpu import RaySettings

pytestmark = [
    pytest.mark.neural,
    pytest.mark.timeout(600),
    # Ray leaves sockets and subprocesses to the end of its process.
    pytest.mark.filterwarnings("ignore"),
]

STAGES = ("raw_images", "instructions", "edits", "verified_edits", "unicedit_10m")
SETTINGS = {
    "holdout": 0,
    "edits": {"faults": {"rate": 0.3}},
    "verified_edits": {"verifier": "evidence-1"},
}


@pytest.fixture
def engine() -> Iterator[RayEngine]:
    yield RayEngine(RaySettings(actors=2, bundle=2), 2)
    shut_down()
    import ray

    ray.shutdown()


def contents(project: Project) -> dict[str, Any]:
    """Return every table of every partition, without the timings."""
    found = {}
    for ref in refs_of(project, STAGES):
        manifest = project.require(ref)
        for name in manifest.tables:
            table = project.ledger.read(manifest, name)
            kept = [column for column in table.column_names if column != "seconds"]
            found[f"{ref} {name}"] = table.select(kept).to_pylist()
    return found


def test_the_classical_pipeline_gives_the_same_release(engine: RayEngine, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    for seed in range(3):
        Image.fromarray(photograph(seed)).save(tmp_path / "photographs" / f"{seed}.png")
    backends = embedded_backends(Settings.model_validate({"edits": SETTINGS["edits"]}))
    local = open_scripted(tmp_path / "local", SETTINGS, backends=backends)
    spread = replace(open_scripted(tmp_path / "ray", SETTINGS, backends=backends), engine=engine)
    for project in (local, spread):
        run_all(prepared(project, tmp_path / "photographs"), STAGES)
    assert contents(spread) == contents(local)
    assert release_files(spread) == release_files(local)
    accepted = [local.require(ref).counts.accepted for ref in local.refs("verified_edits")]
    assert sum(accepted) > 2
