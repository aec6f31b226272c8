"""register, run, status, show and verify promote, as a newcomer types them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import CALLS, Moody, scripted_backends, write_photographs
from click.testing import Result
from lakes import write_settings
from photographs import encoded, photograph
from typer.testing import CliRunner

import resources.project
from resources.project import open_project
from unicedit_assets.cli.app import app
from unicedit_assets.pipeline.pending import PIPELINE, State, standings
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.settings import HOME_VARIABLE


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that does not exist yet; what the commands set in the environment is undone."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", "")
    level = logging.getLogger("dagster").level
    yield tmp_path / "home"
    logging.getLogger("dagster").setLevel(level)


@pytest.fixture
def scripted(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose embedded profile is the scripted family."""
    monkeypatch.setitem(
        resources.project.BACKENDS, "embedded", lambda settings: scripted_backends()
    )
    write_settings(home)
    return home


def call(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(each) for each in arguments])


def told(*arguments: str | Path) -> str:
    """Return what a command printed, on one line; it must succeed."""
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return " ".join(result.output.split())


@pytest.mark.slow
def test_a_walk_from_photographs_to_a_promotion(scripted: Path, tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(4))
    (source / "notes.txt").write_text("x")
    (source / "page.jpg").symlink_to("/etc/hostname")
    found = told("register", source)
    assert "5 pictures found, 5 new, 1 held out for the benchmark, 1 other files ignored" in found
    assert "1 with a problem: outside_root" in found
    assert "new shards: s00000, s00001; next: `unicedit run`" in found

    assert "partitions made, 0 were up to date" in told("run", "--release", "v1")
    CALLS.clear()
    assert "0 partitions made, 22 were up to date" in told("run")
    assert CALLS.total() == 0
    project = open_project(scripted)
    assert {each.state for each in standings(project)} == {State.CURRENT}

    key = project.ledger.read(project.require(Ref("unicedit_10m", "v1")), "rows", ["edit_id"])
    shown = told("show", key["edit_id"][0].as_py())
    assert "Paint the" in shown

    assert "scripted-2 verifies from now on" in told("verify", "promote", "scripted-2")
    assert "stale" in told("status")
    stale = {e.ref.stage for e in standings(open_project(scripted)) if e.state is State.STALE}
    assert stale == {"verified_edits", "unicedit_10m"}
    CALLS.clear()
    assert "3 partitions made, 19 were up to date" in told("run")
    assert set(CALLS) == {"verify"}


def test_only_the_selected_stages_run(scripted: Path, tmp_path: Path) -> None:
    told("register", write_photographs(tmp_path / "photographs", range(2)))
    assert "1 partitions made" in told("run", "--select", "raw_images")
    assert "raw_images" in told("status")


def test_an_empty_home_has_a_status(scripted: Path) -> None:
    assert all(stage in told("status") for stage in PIPELINE)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("register", "/nowhere/at/all"), "/nowhere/at/all is not a folder"),
        (("verify", "promote", "nobody"), "no verifier 'nobody'; there are: scripted-1"),
        (("run", "--release", "Not A Name"), "a release name is lower case letters"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(
    scripted: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = call(*arguments)
    assert result.exit_code != 0
    assert sentence in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--select", "edit"), "no stage 'edit'"),
        (("show", "0" * 32), "no edit has the key"),
    ],
)
def test_a_mistyped_argument_is_a_usage_error(
    scripted: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.replace("│", " ").split())


def test_a_stage_before_its_inputs_fails_and_says_what_to_do(
    scripted: Path, tmp_path: Path
) -> None:
    told("register", write_photographs(tmp_path / "photographs", range(2)))
    result = call("run", "--select", "instructions")
    assert result.exit_code != 0
    assert "raw_images/s00000 has not been made" in str(result.exception)


@pytest.mark.parametrize("command", ["register", "run", "status", "show", "verify promote"])
def test_help_teaches(command: str) -> None:
    assert len(told(*command.split(), "--help")) > 150


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_embedded_family_on_a_few_pictures(home: Path, tmp_path: Path) -> None:
    """Real editor, verifier and judge; procedural pictures, so only the plumbing is judged."""
    home.mkdir()
    (home / "unicedit.toml").write_text("shard_size = 3\nholdout = 1\nworkers = 1\n")
    source = tmp_path / "photographs"
    source.mkdir()
    for seed in range(4):
        (source / f"{seed}.jpg").write_bytes(encoded(photograph(seed, (900, 600))))
    told("register", source)
    told("run", "--release", "v1")
    assert "0 partitions made" in told("run")
    project = open_project(home)
    found = {each.ref.stage: each.state for each in standings(project)}
    assert set(found) == set(PIPELINE)
    assert set(found.values()) == {State.CURRENT}
    assert project.require(Ref("edits", "s00000/classical")).counts.accepted > 0
    assert project.require(Ref("unicbench_scores", "identity/en")).counts.accepted > 0


@pytest.mark.slow
def test_what_rotted_is_listed_set_aside_and_made_again(scripted: Path, tmp_path: Path) -> None:
    told("register", write_photographs(tmp_path / "photographs", range(2)))
    told("run", "--select", "raw_images")
    project = open_project(scripted)
    ref = Ref("raw_images", "s00000")
    key = project.require(ref).tables["rows"][0].key
    data = project.ledger.store.read(key)
    assert "0 damaged" in told("repair")
    project.ledger.store.put(key, data[:-9])
    listed = call("repair", "--dry-run")
    assert listed.exit_code == 1
    assert "damaged raw_images/s00000" in " ".join(listed.output.split())
    assert "1 partitions made again" in told("repair", "--remake")
    assert project.ledger.store.read(key) == data
    assert "0 damaged" in told("repair", "--dry-run")


@pytest.mark.slow
@pytest.mark.parametrize("remade_by", ["run", "repair --remake"])
def test_what_rests_on_pictures_that_are_lost_is_stale_at_once(
    scripted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remade_by: str
) -> None:
    monkeypatch.setitem(
        resources.project.BACKENDS, "embedded", lambda _: scripted_backends(classical=Moody())
    )
    write_settings(scripted, {"holdout": 0})
    told("register", write_photographs(tmp_path / "photographs", range(2)))
    told("run", "--release", "v1")
    project = open_project(scripted)
    before = project.require(Ref("edits", "s00000/classical"))
    project.ledger.store.put(before.tables["rows"][0].key, b"rotten")
    if remade_by == "run":
        told("repair")
        assert "3 partitions made" in told("run")
    else:
        assert "2 partitions are stale" in told("repair", "--remake")
        assert "2 partitions made" in told("run")
    project = open_project(scripted)
    assert project.require(Ref("edits", "s00000/classical")).fingerprint != before.fingerprint
    assert {found.state for found in standings(project)} == {State.CURRENT}
