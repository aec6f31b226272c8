"""`unicedit verify`: triplets, list, show, add, eval, promote and train, as a person types them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from backends import write_photographs
from cli.test_pipeline_commands import call, told
from lakes import write_settings
from measured import SMALL, backends, measured_home
from pipeline.test_verifier_training import ScriptedTrainer

import resources.project
from resources.project import open_project
from unicedit_assets.pipeline import verifier_eval
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.qwen_verify.training import Declared, Method
from unicedit_assets.qwen_verify.versions import Versions
from unicedit_assets.settings import HOME_VARIABLE


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose embedded profile is the scripted family with a trainer."""
    home = tmp_path / "home"
    write_settings(home, SMALL)
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setenv("DAGSTER_HOME", "")
    players = replace(backends(), trainer=ScriptedTrainer())
    monkeypatch.setitem(resources.project.BACKENDS, "embedded", lambda settings: players)
    return home


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Path:
    """The same with test pairs to measure on."""
    built = measured_home(tmp_path_factory.getbasetemp())
    shutil.copytree(built / "lake", empty / "lake")
    return empty


def weights(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    (folder / "config.json").write_text("{}")
    return folder


def refused(*arguments: str | Path) -> str:
    result = call(*arguments)
    assert result.exit_code != 0
    return str(result.exception)


@pytest.mark.slow
def test_a_walk_from_an_evaluation_to_a_promotion(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    shown = told("verify", "eval", "scripted-1", "gullible-1", "ssim", "--out", out)
    assert "Score 0-10 by kind of pair" in shown
    assert "gullible-1" in shown
    document = json.loads(out.read_text())
    assert {one["name"] for one in document} == {"scripted-1", "gullible-1", "ssim"}
    assert all("paper's Table 5" in one["score"] for one in document)
    listed = told("verify", "list")
    assert "scripted-1 *" in listed
    assert "embedded, served" in listed
    tables = tmp_path / "tables.md"
    assert "0 partitions" not in told("verify", "eval", "scripted-1", "--out", tables)
    assert "| `gullible-1` |" in tables.read_text("utf-8")
    told("verify", "add", "gullible-1x", weights(tmp_path / "w"), "--note", "from elsewhere")
    assert "from elsewhere" in told("verify", "show", "gullible-1x")
    assert "is the name of another verifier" in refused(
        "verify", "add", "gullible-1", tmp_path / "w"
    )
    assert "scripted-2 verifies from now on" in told("verify", "promote", "scripted-2")
    assert "nothing was compared" in told("verify", "show", "scripted-2")
    assert "scripted-2 *" in told("verify", "list")


@pytest.mark.slow
def test_one_that_cannot_be_measured_does_not_hide_the_others(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RegistryError("the baseline cannot be fitted")

    monkeypatch.setattr(verifier_eval, "fit_baseline", fails)
    out = tmp_path / "figures.json"
    assert "cannot be fitted" in refused("verify", "eval", "ssim", "scripted-1", "--out", out)
    assert [one["name"] for one in json.loads(out.read_text())] == ["scripted-1"]


@pytest.mark.slow
@pytest.mark.usefixtures("few_are_enough")
def test_a_worse_version_needs_force_and_a_reason(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the gullible one had been registered, and were what was registered.
    monkeypatch.setattr(resources.project, "registered_verifiers", lambda *_: {})
    store = open_project(home).ledger.store
    Versions(store).add("gullible-1", weights(tmp_path / "w"), "sft", {})
    assert "unicedit verify eval gullible-1 scripted-1" in refused(
        "verify", "promote", "gullible-1"
    )
    told("verify", "eval", "gullible-1", "scripted-1")
    assert Versions(store).evaluations("gullible-1")
    compared = told("verify", "compare", "gullible-1", "scripted-1", "--test", "scenes")
    assert "pair by pair (scenes)" in compared
    assert "no edit is changed 0.000 1.000 -1.000 -1.000 to -1.000 1 worse" in compared
    assert "normal exact text" in compared
    assert "no test set 'moon'" in refused(
        *("verify", "compare", "gullible-1", "scripted-1", "--test", "moon")
    )
    assert "unicedit verify eval ssim" in refused("verify", "compare", "gullible-1", "ssim")
    assert "is worse than scripted-1" in refused("verify", "promote", "gullible-1")
    assert "needs a reason" in refused("verify", "promote", "gullible-1", "--force")
    forced = told("verify", "promote", "gullible-1", "--force", "--reason", "a trial")
    assert "forced although gullible-1 is worse" in forced
    assert "a trial" in told("verify", "show", "gullible-1")


@pytest.mark.slow
def test_a_training_makes_what_is_missing_and_goes_on_when_asked_again(home: Path) -> None:
    asked = ("verify", "train", "tiny-1", "--small", "--minutes", "1", "--set", "seed=3")
    assert "tiny-1 is registered; next: `unicedit verify eval tiny-1`" in told(*asked)
    assert "0 partitions made, 4 were up to date" in told(*asked)
    shown = told("verify", "show", "tiny-1")
    assert "verify_preference_set/main" in shown
    assert '"seed": 3' in shown
    assert "registered (d2po)" in told("verify", "list")
    assert "tiny-1 is registered" not in refused("verify", "train", "tiny-1", "--small")


def test_triplets_are_judged_by_any_verifier_of_the_home(empty: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path, [1])
    row = {
        "src": "photo-001.png",
        "edit": "photo-001.png",
        "prompt_en": "Do it.",
        "prompt_cn": "做",
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(row))
    out = tmp_path / "out.jsonl"
    told("verify", "triplets", tmp_path / "in.jsonl", "--out", out, "--verifier", "scripted-1")
    assert len(out.read_text().splitlines()) == 1
    trouble = call("verify", "triplets", tmp_path / "in.jsonl", "--verifier", "nobody")
    assert "there are: evidence-1" in " ".join(trouble.output.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("promote", "nobody"), "no verifier 'nobody'; there are: broken-1"),
        (("show", "nobody"), "no verifier 'nobody'; there are: broken-1"),
        (("eval", "nobody"), "no verifier 'nobody' to evaluate; there are: pixels, ssim"),
        (("add", "../up", "."), "a verifier version's name is"),
        (("add", "new-1", "/nowhere"), "/nowhere is not a folder with weights"),
        (
            ("train", "new-1"),
            "name one start: --base FOLDER with weights, --small, or --sft-of VERSION",
        ),
        (("train", "new-1", "--small", "--sft-of", "old-1"), "name one start"),
        (("train", "new-1", "--sft-of", "old-1"), "no training 'old-1' has been declared"),
        (
            ("train", "new-1", "--sft-of", "old-1", "--method", "sft"),
            "--sft-of shares a supervised stage",
        ),
        (("train", "new-1", "--small", "--set", "x"), "--set takes SETTING=VALUE, not 'x'"),
        (
            ("train", "new-1", "--small", "--set", "preference.context=false"),
            "preference.context follows the method: choose --method d2po or dpo",
        ),
        (("train", "new-1", "--small", "--set", 'difference="none"'), "d2po conditions on the"),
        (("train", "new-1", "--small", "--set", "sft.epochs=Infinity"), "training.sft.epochs"),
        (("train", "new-1", "--small", "--set", "x=1"), "no training setting 'x'"),
        (("train", "scripted-1", "--small"), "is the name of another verifier"),
        (("train", "new-1-sft", "--small"), "names that end in -sft are those of supervised"),
        (("train", "Big", "--small"), "a verifier version's name is"),
    ],
)
def test_a_mistake_is_answered_with_one_sentence(
    empty: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused("verify", *arguments)


def test_a_supervised_version_never_shares_a_training_s_name(empty: Path) -> None:
    registry = open_project(empty).registry
    registry.declare_training(Declared("old-1-sft", "small", Method.SFT))
    assert "would have the name of a training that there is" in refused(
        "verify", "train", "old-1", "--small"
    )
    assert registry.trainings() == ["old-1-sft"]


@pytest.mark.parametrize(
    "command", ["triplets", "train", "demo", "list", "show", "add", "eval", "compare", "promote"]
)
def test_help_teaches(command: str) -> None:
    assert len(told("verify", command, "--help")) > 150
