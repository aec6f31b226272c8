"""The edits stage with a real pipeline of tiny weights: rows, provenance, kills and busy share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backends import scripted_backends, write_photographs
from lakes import open_scripted, prepared

from resources.editors.build import editor_from
from unicedit_assets.domain import codec, schemas
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.settings.editors import FluxKontextEditor

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]

REF = Ref("edits", "s00000/tiny")


def opened(home: Path) -> Project:
    """Open a project whose editor is the tiny model beside its lake."""
    settings = FluxKontextEditor(
        model=str(home.parent / "model"), steps=1, dtype="float32", device="cpu"
    )
    backends = replace(scripted_backends(), editors={"tiny": editor_from("tiny", settings)})
    return open_scripted(home, {"shard_size": 2, "edits": {"chunk": 2}}, backends=backends)


def main(home: str) -> None:
    """Make the edits and die by the hardest signal after the first chunk."""
    opened(Path(home)).run(REF, lambda *_: os.kill(os.getpid(), signal.SIGKILL))


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two lakes with the same photographs and instructions, and a model beside them."""
    from tiny_editors import save_tiny

    top = tmp_path_factory.mktemp("neural")
    save_tiny("flux-kontext", top / "model")
    source = write_photographs(top / "photographs", range(3))
    homes = top / "undisturbed", top / "killed"
    for home in homes:
        project = prepared(opened(home), source)
        for stage in ("raw_images", "instructions"):
            project.run(Ref(stage, "s00000"))
    return homes


def rows_of(project: Project) -> list[dict[str, Any]]:
    rows = project.ledger.read(project.require(REF), schemas.ROWS).to_pylist()
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


def test_a_killed_run_resumes_to_the_same_bytes(homes: tuple[Path, Path]) -> None:
    undisturbed, killed = (opened(home) for home in homes)
    done = undisturbed.run(REF)
    counts = done.manifest.counts
    assert counts.accepted == counts.inputs > 3
    # Decoding, encoding and writing take some of the model's one core here; it hardly waits.
    assert done.figures["model_busy_share"] > 0.8

    command = [sys.executable, __file__, str(homes[1])]
    tests = Path(__file__).parents[1]
    paths = [str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(command, check=False, capture_output=True, env=env)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert killed.find(REF) is None
    again = killed.run(REF)
    assert again.resumed == 1
    assert rows_of(killed) == rows_of(undisturbed)


def test_rows_say_what_made_them(homes: tuple[Path, Path]) -> None:
    project = opened(homes[0])
    project.run(REF)
    editor = project.backends.editors["tiny"]
    for row in rows_of(project):
        assert row["editor"] == "tiny"
        assert row["revision"] == editor.identity["version"]
        assert '"guidance":3.5' in row["settings"]
        assert str(homes[0].parent) not in row["settings"]
        assert codec.size_of(row["edit_image"]) == (row["width"], row["height"])


def test_other_weights_make_edits_stale(homes: tuple[Path, Path]) -> None:
    from tiny_editors import save_tiny

    before = opened(homes[0]).spec(REF).fingerprint
    model = homes[0].parent / "model"
    model.rename(model.with_name("moved"))
    save_tiny("flux-kontext", model)
    assert opened(homes[0]).spec(REF).fingerprint == before
    save_tiny("flux-kontext", model, seed=1)
    assert opened(homes[0]).spec(REF).fingerprint != before


if __name__ == "__main__":
    main(sys.argv[1])
