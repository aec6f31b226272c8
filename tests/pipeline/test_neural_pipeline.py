"""The six stages under the neural profile, by the command line: tiny editor, tiny eyes.

The pictures mean nothing, and a model of random weights says nothing readable. What must hold all
the same: shapes, counts, conservation, provenance, resumption, and that nothing is silently zero.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from photographs import photograph
from PIL import Image
from typer.testing import CliRunner

from resources.project import open_project
from unicedit_assets.cli.app import app
from unicedit_assets.domain import codec, schemas
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.settings import HOME_VARIABLE

pytestmark = [
    pytest.mark.neural,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),
]

SETTINGS = """
profile = "neural"
holdout = 1
workers = 1

[editors.kontext]
kind = "flux-kontext"
model = "{editor}"
steps = 1
dtype = "float32"
device = "cpu"

[vlms.eyes]
kind = "transformers"
model = "{eyes}"
device = "cpu"
max_pixels = 4096

[roles]
judge = "eyes"
verifiers = {{ "eyes-1" = "eyes" }}

[verified_edits]
verifier = "eyes-1"

[instructions]
per_image = 3

[unicbench]
per_image = 1
"""


METRICS = ("instruction_following", "non_edit_consistency", "visual_quality")


def told(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    # They need the extras, and this module is collected without them too.
    from tiny_editors import save_tiny
    from tiny_vlm import save_tiny_vlm

    home = tmp_path_factory.mktemp("neural")
    (home / "photographs").mkdir()
    for seed in range(4):
        Image.fromarray(photograph(seed)).save(home / "photographs" / f"{seed}.png")
    editor, eyes = save_tiny("flux-kontext", home / "editor"), save_tiny_vlm(home / "eyes")
    (home / "unicedit.toml").write_text(SETTINGS.format(editor=editor, eyes=eyes))
    before = dict(os.environ)
    os.environ[HOME_VARIABLE] = str(home)
    told("register", str(home / "photographs"))
    told("run", "--release", "first")
    yield open_project(home)
    os.environ.clear()
    os.environ.update(before)


def test_every_unit_is_accounted_for(project: Project) -> None:
    for stage in PIPELINE:
        for ref in project.refs(stage):
            counts = project.require(ref).counts
            assert counts.inputs == counts.accepted + counts.rejected + counts.failed
    (edits,) = [project.require(ref).counts for ref in project.refs("edits")]
    assert edits.inputs == 3 * 3
    assert edits.accepted > 0


def test_edits_have_their_sources_size_and_say_what_made_them(project: Project) -> None:
    (ref,) = project.refs("edits")
    (raw,) = project.refs("raw_images")
    images = project.ledger.read(project.require(raw), schemas.ROWS).to_pylist()
    sizes = {row["image_id"]: (row["height"], row["width"]) for row in images}
    for row in project.ledger.read(project.require(ref), schemas.ROWS).to_pylist():
        assert codec.decode(row["edit_image"]).shape[:2] == sizes[row["image_id"]]
        made = json.loads(row["settings"])
        assert (row["editor"], made["kind"], made["steps"]) == ("kontext", "flux-kontext", 1)
        assert row["revision"] == made["version"]


def test_what_random_weights_say_is_a_reject_and_a_score_only_if_readable(project: Project) -> None:
    (ref,) = project.refs("verified_edits")
    edits = project.require(project.refs("edits")[0]).counts.accepted
    verdicts = project.require(ref).counts
    assert verdicts.inputs == edits
    assert verdicts.accepted == 0
    assert set(verdicts.reasons) <= {"unparseable", "verifier_failed", "no_edit"}
    rejects = project.ledger.read(project.require(ref), schemas.REJECTS, ["detail"])
    assert all(rejects["detail"].to_pylist())
    for scores in project.refs("unicbench_scores"):
        manifest = project.require(scores)
        assert manifest.counts.inputs > 0
        assert manifest.counts.reasons.get("unscored", 0) == manifest.counts.failed
        assert manifest.counts.accepted + manifest.counts.failed == manifest.counts.inputs
        for row in project.ledger.read(manifest, schemas.ROWS).to_pylist():
            replies = json.loads(row["replies"])
            assert replies and all(0 <= row[name] <= 10 for name in METRICS)


def test_a_second_run_has_nothing_to_do(project: Project) -> None:
    assert "0 partitions made" in told("run")
