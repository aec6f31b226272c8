"""No verifier and no judge can read what was planted."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lakes import RELEASE, open_scripted, release_files, reopened, run_all

from unicedit_assets.domain import schemas
from unicedit_assets.domain.roles import Judge, Verifier
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.unicbench_scores import ScoreRequest
from unicedit_assets.pipeline.verified_edits import Triplet
from unicedit_assets.storage.ledger import Ledger

ROOT = Path(__file__).parents[2]
# The stage that writes it, the table's schema, and the measurement of the gates.
MAY_NAME_TRUTH = {"domain/schemas.py", "pipeline/rows.py", "pipeline/edits.py", "domain/roles.py"}


class Watched(Ledger):
    """A ledger that notes what is read."""

    def __init__(self, ledger: Ledger, seen: set[tuple[str, str, str]]) -> None:
        super().__init__(ledger.store)
        self.seen = seen

    def read(self, manifest: Any, table: str = "rows", columns: Any = None) -> Any:
        self.seen |= {(manifest.stage, table, name) for name in columns or ["*"]}
        return super().read(manifest, table, columns)

    def read_part(self, manifest: Any, number: int, columns: Any, table: str = "rows") -> Any:
        self.seen |= {(manifest.stage, table, name) for name in columns}
        return super().read_part(manifest, number, columns, table)

    def iter_batches(self, manifest: Any, table: str = "rows", *rest: Any, **more: Any) -> Any:
        self.seen.add((manifest.stage, table, "*"))
        return super().iter_batches(manifest, table, *rest, **more)


def test_verifying_reads_the_named_columns_and_nothing_else(home: Path) -> None:
    seen: set[tuple[str, str, str]] = set()
    project = reopened(open_scripted(home), {"verified_edits": {"verifier": "scripted-2"}})
    project = replace(project, ledger=Watched(project.ledger, seen), _specs={})
    assert project.run(Ref("verified_edits", "s00000/classical")).fresh
    told = {"edit_id", "instruction_id", "image_id", "task", "subtask", "en", "cn"}
    assert seen == {
        *(("edits", "rows", name) for name in (*told, "edit_image")),
        *(("raw_images", "rows", name) for name in ("image_id", "image")),
    }


def test_without_the_truth_everything_after_the_edits_is_the_same(home: Path, built: Path) -> None:
    """Deleted truth files are missed by nobody who verifies, releases or scores."""
    project = open_scripted(home)
    truths = list((home / "lake" / "edits").rglob("truth-*.parquet"))
    assert len(truths) > 2
    for path in truths:
        path.unlink()
    for stage in ("verified_edits", "unicedit_10m", "unicbench_scores"):
        shutil.rmtree(home / "lake" / stage)
    shutil.rmtree(home / "lake" / "releases")
    done = run_all(project)
    remade = {"verified_edits", "unicedit_10m", "unicbench_scores"}
    assert {ref.stage for ref in done if done[ref].fresh} == remade
    assert release_files(project) == release_files(open_scripted(built))


def test_the_truth_is_told_of_every_edit_and_stays_out_of_the_release(built: Path) -> None:
    project = open_scripted(built)
    manifest = project.require(Ref("edits", "s00001/classical"))
    truth = project.ledger.read(manifest, schemas.TRUTH)
    rows = project.ledger.read(manifest, schemas.ROWS, ["edit_id"])
    assert set(rows["edit_id"].to_pylist()) <= set(truth["edit_id"].to_pylist())
    assert {"none", "no_edit"} <= set(truth["fault"].to_pylist())
    named = set(schemas.EDITS.names) | set(schemas.VERIFIED_EDITS.names)
    assert not named & {"fault", "operation", "truth", "planted"}
    spec = project.spec(Ref("unicedit_10m", RELEASE))
    for key in project.ledger.store.keys(f"releases/{RELEASE}/{spec.fingerprint}"):
        data = project.ledger.store.read(key)
        assert b"planted" not in data.lower(), key
        assert b'"operation"' not in data, key
    assert "truth" not in json.dumps(list(spec.inputs))


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (Verifier.verify, ["self", "source", "edited", "en", "cn"]),
        (Judge.score, ["self", "source", "edited", "prompt", "reasoning_points"]),
    ],
)
def test_the_roles_take_pictures_and_texts_alone(method: Any, parameters: list[str]) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def test_what_travels_to_them_holds_pictures_and_texts_alone() -> None:
    assert Triplet._fields == ("source", "edited", "en", "cn")
    assert ScoreRequest._fields == ("source", "edited", "prompt", "points")


def test_nobody_but_the_editing_stage_and_the_measurement_names_the_table() -> None:
    named = set()
    for path in (ROOT / "unicedit_assets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            by_name = isinstance(node, ast.Attribute) and node.attr == "TRUTH"
            by_text = isinstance(node, ast.Constant) and node.value in ("truth", "parts/truth")
            if by_name or by_text or (isinstance(node, ast.Name) and node.id == "TRUTH"):
                named.add(path.relative_to(ROOT / "unicedit_assets").as_posix())
    readers = {name for name in named if not name.startswith(("truth/", "cli/"))}
    assert readers <= MAY_NAME_TRUTH
    for package in ("evidence", "published", "checks", "stages"):
        assert not any(name.startswith(f"{package}/") for name in named)
