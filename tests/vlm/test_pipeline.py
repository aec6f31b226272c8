"""The whole pipeline through vision-language models over HTTP, and a server that really looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lakes import open_scripted, prepared, refs_of, run_all
from photographs import photograph
from PIL import Image
from vlm_server import VlmServer, sensible

from resources.embedded import embedded_backends
from resources.vlms.build import vlm_from
from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.evidence.verifier import EvidenceVerifier
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Backends, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.settings import Settings
from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.instructor import VlmInstructor
from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.prefilter import CERTAIN, difference
from unicedit_assets.vlm.verifier import VlmVerifier

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = {
    "holdout": 1,
    "instructions": {"chunk": 4},
    "edits": {"faults": {"rate": 0.4}},
    "verified_edits": {"verifier": "eyes-1", "chunk": 8},
}


def backends(url: str) -> Backends:
    vlm = vlm_from("eyes", HttpVlm(model="m", base_url=url, concurrency=4, tries=2))
    embedded = embedded_backends(Settings.model_validate({"edits": SETTINGS["edits"]}))
    return replace(
        embedded,
        instructor=VlmInstructor(vlm),
        verifiers={"eyes-1": VlmVerifier("eyes-1", vlm)},
        judge=VlmJudge(vlm),
        models={"identity": embedded.models["identity"]},
        subtasks=SUBTASKS,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    home = tmp_path_factory.mktemp("eyes")
    (home / "photographs").mkdir()
    for seed in range(5):
        Image.fromarray(photograph(seed)).save(home / "photographs" / f"{seed}.png")
    with VlmServer(sensible) as server:
        made = open_scripted(home, SETTINGS, backends=backends(server.url))
        prepared(made, home / "photographs")
        for ref in refs_of(made, ["raw_images"]):
            made.run(ref)
        check_nobody_there(made)
        run_all(made)
        yield made


def check_nobody_there(project: Project) -> None:
    """Where the server is away nothing is condemned: the run fails and makes nothing."""
    away = replace(project, backends=backends("http://127.0.0.1:1/v1"), _specs={})
    ref = away.refs("instructions")[0]
    assert away.spec(ref).fingerprint == project.spec(ref).fingerprint
    with pytest.raises(BackendDownError, match="connection failed"):
        away.run(ref)
    assert away.find(ref) is None


def test_every_unit_is_accounted_for_and_rows_say_what_made_them(project: Project) -> None:
    for ref in refs_of(project):
        counts = project.require(ref).counts
        assert counts.inputs == counts.accepted + counts.rejected + counts.failed
        assert counts.failed == 0
    for shard in project.registry.shards():
        manifest = project.require(Ref("instructions", shard))
        rows = project.ledger.read(manifest, schemas.ROWS, None).to_pylist()
        assert rows
        for row in rows:
            assert row["prompt_sha256"] == project.backends.instructor.identity["prompt_sha256"]
            assert json.loads(row["instructor"])["vlm"]["model"] == "m"


def test_verdicts_are_those_of_the_eyes_behind_the_server(project: Project) -> None:
    eyes, checked, accepted = EvidenceVerifier(), 0, 0
    for ref in project.refs("verified_edits"):
        verified = project.require(ref)
        edits = project.require(Ref("edits", ref.partition))
        raw = project.require(Ref("raw_images", ref.partition.split("/")[0]))
        images = project.ledger.read(raw, schemas.ROWS, ["image_id", "image"]).to_pylist()
        sources = {row["image_id"]: row["image"] for row in images}
        passed = set(
            project.ledger.read(verified, schemas.ROWS, ["edit_id"])["edit_id"].to_pylist()
        )
        for row in project.ledger.read(edits, schemas.ROWS, None).to_pylist():
            source, edited = codec.decode(sources[row["image_id"]]), codec.decode(row["edit_image"])
            verdict = eyes.verify(source, edited, row["en"], row["cn"])
            assert (verdict.reason is None) == (row["edit_id"] in passed)
            checked += 1
            accepted += verdict.reason is None
    assert 0 < accepted < checked


def test_the_pixel_rule_settles_no_edits_only_and_takes_no_real_edit(project: Project) -> None:
    settled: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    for ref in project.refs("edits"):
        edits = project.require(ref)
        raw = project.require(Ref("raw_images", ref.partition.split("/")[0]))
        sources = Pictures(project.ledger, raw, "image_id", "image")
        truths = project.ledger.read(edits, schemas.TRUTH, None).to_pylist()
        faults = {truth["edit_id"]: truth["fault"] for truth in truths}
        for row in project.ledger.read(edits, schemas.ROWS, None).to_pylist():
            source, edited = codec.decode(sources[row["image_id"]]), codec.decode(row["edit_image"])
            fault = faults[row["edit_id"]]
            planted[fault] += 1
            settled[fault] += difference(source, edited).largest_block < CERTAIN
    assert planted["none"] > 5
    assert settled["none"] == 0
    assert {fault for fault, number in settled.items() if number} <= {"no_edit"}


def test_the_benchmark_is_scored_and_the_editor_that_does_nothing_follows_nothing(
    project: Project,
) -> None:
    for ref in project.refs("unicbench_scores"):
        rows = project.ledger.read(project.require(ref), schemas.ROWS, None).to_pylist()
        assert rows
        assert {row["instruction_following"] for row in rows} == {0.0}
        assert {row["non_edit_consistency"] for row in rows} == {10.0}
        assert all("reasoning" in row["replies"] for row in rows)


def test_a_second_run_asks_nothing(project: Project) -> None:
    assert not any(done.fresh for done in run_all(project).values())
