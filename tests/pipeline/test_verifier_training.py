"""Training as stages: what is declared is trained once, registered whole, and can be resumed."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from lakes import reopened
from measured import backends, measured_home, open_measured

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_training import (
    PREFERRED,
    SUPERVISED,
    checked,
    curves_of,
    effective,
)
from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.qwen_verify.training import (
    CurvePoint,
    Declared,
    Method,
    Trained,
    TrainingError,
    TrainingJob,
)
from unicedit_assets.qwen_verify.versions import Version, VersionError, Versions
from unicedit_assets.settings.training import TrainingSettings


class ScriptedTrainer:
    """Writes down what it was given instead of learning it; may be cut off once."""

    def __init__(self, dies: bool = False) -> None:
        self.jobs: list[TrainingJob] = []
        self.seen: list[list[Example]] = []
        self.dies = dies
        self.other = ""

    def base_identity(self, base: str) -> Mapping[str, Json]:
        if base == "nowhere":
            raise TrainingError("nowhere holds no weights")
        return {"base": base}

    def defaults(self, base: str, minutes: float | None) -> Mapping[str, Json]:
        return {"sft.minutes": minutes} if minutes else {}

    def train(self, job: TrainingJob) -> Trained:
        self.jobs.append(job)
        self.seen.append([job.examples[place] for place in range(len(job.examples))])
        steps = job.work / "steps"
        done = int(steps.read_text()) if steps.exists() else 0
        if self.dies and not done:
            job.work.mkdir(parents=True, exist_ok=True)
            steps.write_text("1")
            raise KeyboardInterrupt
        folder = job.work / "model"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes(f"{job.method}{done}{self.other}".encode())
        (folder / "config.json").write_text(json.dumps({"settings": job.settings}))
        curve = [CurvePoint(step, step / 2, {"loss": 3.0 / step}) for step in (1, 2, 3)]
        return Trained(folder, tuple(curve))


def with_trainer(home: Path, trainer: ScriptedTrainer) -> Project:
    return replace(open_measured(home), backends=replace(backends(), trainer=trainer))


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    built = measured_home(tmp_path_factory.getbasetemp())
    return Path(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture
def trainer() -> ScriptedTrainer:
    return ScriptedTrainer()


@pytest.fixture
def project(home: Path, trainer: ScriptedTrainer) -> Project:
    found = with_trainer(home, trainer)
    found.run(Ref("verify_sft_set", MAIN))
    return found


TINY = Declared("tiny-1", "small", Method.D2PO, {"sft.minutes": 2.0})


def test_two_stages_make_two_versions_and_their_curves(
    project: Project, trainer: ScriptedTrainer
) -> None:
    project.registry.declare_training(TINY)
    assert project.refs(SUPERVISED) == [Ref(SUPERVISED, "tiny-1")]
    for stage in (SUPERVISED, PREFERRED):
        made = project.run(Ref(stage, "tiny-1")).manifest
        rows = project.ledger.read(made, schemas.ROWS).to_pylist()
        assert curves_of(rows) == {"loss": [(1.0, 3.0), (2.0, 1.5), (3.0, 1.0)]}
    versions = Versions(project.ledger.store)
    assert versions.names() == ["tiny-1", "tiny-1-sft"]
    first, second = trainer.jobs
    assert (first.method, second.method) == (Method.SFT, Method.D2PO)
    assert first.base == "small"
    assert first.settings["sft"]["minutes"] == 2.0  # type: ignore[index, call-overload]
    supervised = versions.require("tiny-1-sft")
    assert Path(second.base).name == f"tiny-1-sft-{supervised.content}"
    found = versions.require("tiny-1")
    assert found.method == "d2po"
    inputs = found.training["inputs"]
    assert isinstance(inputs, dict)
    assert set(inputs) == {"qwen_verify_sft/tiny-1", "verify_preference_set/main"}
    for stage in (SUPERVISED, PREFERRED):
        assert not project.run(Ref(stage, "tiny-1")).fresh
    assert len(trainer.jobs) == 2


def test_two_methods_can_begin_with_one_supervised_version(
    project: Project, trainer: ScriptedTrainer
) -> None:
    rival = replace(TINY, name="tiny-dpo", method=Method.DPO, sft_of="tiny-1")
    for declared in (TINY, rival):
        project.registry.declare_training(declared)
    assert project.refs(SUPERVISED) == [Ref(SUPERVISED, "tiny-1")]
    assert project.refs(PREFERRED) == [Ref(PREFERRED, "tiny-1"), Ref(PREFERRED, "tiny-dpo")]
    for ref in (*project.refs(SUPERVISED), *project.refs(PREFERRED)):
        project.run(ref)
    assert [job.method for job in trainer.jobs] == [Method.SFT, Method.D2PO, Method.DPO]
    assert trainer.jobs[1].base == trainer.jobs[2].base
    assert Versions(project.ledger.store).names() == ["tiny-1", "tiny-1-sft", "tiny-dpo"]


def test_only_the_training_split_is_learnt_from(project: Project, trainer: ScriptedTrainer) -> None:
    project.registry.declare_training(TINY)
    for stage in (SUPERVISED, PREFERRED):
        project.run(Ref(stage, "tiny-1"))
    for name, seen in zip(("verify_sft_set", "verify_preference_set"), trainer.seen, strict=True):
        table = project.ledger.read(project.require(Ref(name, MAIN)), schemas.ROWS)
        rows = {row["key"]: row for row in table.to_pylist()}
        wanted = {key for key, row in rows.items() if row["split"] == "train"}
        assert {one.key for one in seen} == wanted != set(rows)
        for one in seen:
            assert (one.en, one.target) == (rows[one.key]["prompt_en"], rows[one.key]["target"])
            assert bool(one.rejected) == (name == "verify_preference_set")
            assert one.source.shape == one.edited.shape


def test_a_training_that_was_cut_off_goes_on_in_its_folder(home: Path, project: Project) -> None:
    dying = with_trainer(home, ScriptedTrainer(dies=True))
    dying.registry.declare_training(TINY)
    with pytest.raises(KeyboardInterrupt):
        dying.run(Ref(SUPERVISED, "tiny-1"))
    assert Versions(dying.ledger.store).names() == []
    dying.run(Ref(SUPERVISED, "tiny-1"))
    version = Versions(dying.ledger.store).require("tiny-1-sft")
    weights = Versions(dying.ledger.store).materialize(version, home / "x") / "model.safetensors"
    assert weights.read_bytes() == b"sft1"


def test_a_version_registered_just_before_a_kill_is_adopted(
    project: Project, trainer: ScriptedTrainer
) -> None:
    project.registry.declare_training(TINY)
    manifest = project.run(Ref(SUPERVISED, "tiny-1")).manifest
    shutil.rmtree(project.home / "lake" / manifest.folder)
    assert project.run(Ref(SUPERVISED, "tiny-1")).manifest == manifest
    assert len(trainer.jobs) == 1


def test_whoever_finishes_the_same_training_later_adopts_what_is_there(
    project: Project, trainer: ScriptedTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.registry.declare_training(TINY)
    first = project.run(Ref(SUPERVISED, "tiny-1")).manifest
    shutil.rmtree(project.home / "lake" / first.folder)
    looked: list[str] = []
    find = Versions.find

    def early(self: Versions, name: str) -> Version | None:
        """Look the first time as if the other home had not finished yet."""
        looked.append(name)
        return None if len(looked) == 1 else find(self, name)

    monkeypatch.setattr(Versions, "find", early)
    # A training is not reproducible bit by bit.
    monkeypatch.setattr(trainer, "other", "otherwise")
    assert project.run(Ref(SUPERVISED, "tiny-1")).manifest == first
    assert len(trainer.jobs) == 2


def test_other_settings_need_another_name(project: Project, trainer: ScriptedTrainer) -> None:
    project.registry.declare_training(TINY)
    project.run(Ref(SUPERVISED, "tiny-1"))
    with pytest.raises(RegistryError, match="declared with other options"):
        project.registry.declare_training(replace(TINY, base="/weights"))
    changed = reopened(project, {"training": {"seed": 5}})
    assert changed.find(Ref(SUPERVISED, "tiny-1")) is None
    with pytest.raises(VersionError, match="versions never change: choose another name"):
        changed.run(Ref(SUPERVISED, "tiny-1"))
    assert len(trainer.jobs) == 1  # told before it is trained again


def test_runtime_settings_and_the_other_stage_change_no_fingerprint(project: Project) -> None:
    project.registry.declare_training(TINY)

    def fingerprint(changes: dict) -> str:
        return reopened(project, {"training": changes}).spec(Ref(SUPERVISED, "tiny-1")).fingerprint

    same = fingerprint({})
    assert fingerprint({"gradient_checkpointing": False}) == same
    assert fingerprint({"sft": {"save_steps": 3}}) == same
    assert fingerprint({"preference": {"beta": 0.5}}) == same
    assert fingerprint({"sft": {"batch": 3}}) != same
    assert fingerprint({"lora_rank": 3}) != same


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (replace(TINY, changed={"sft.speed": 2}), "no training setting 'sft.speed'"),
        (replace(TINY, changed={"lora_rank": -1}), "training.lora_rank: Input should be"),
        (replace(TINY, base="nowhere"), "nowhere holds no weights"),
        (replace(TINY, changed={"seed.x": 1}), "no training setting 'seed.x'"),
        (replace(TINY, changed={"sft.batch.x": 1}), "no training setting 'sft.batch.x'"),
        (replace(TINY, changed={"sft.batch.x.y": 1}), "no training setting 'sft.batch.x.y'"),
        (replace(TINY, changed={"sft": {"batch": 9}}), "'sft' is a table .* sft.learning_rate"),
        (replace(TINY, changed={"seed": {"x": 1}}), "training.seed: Input should be"),
    ],
)
def test_what_cannot_be_trained_is_told(project: Project, declared: Declared, told: str) -> None:
    project.registry.declare_training(declared)
    with pytest.raises(TrainingError, match=told):
        project.run(Ref(SUPERVISED, "tiny-1"))


NONE = {"difference": "none"}
SHARING = replace(TINY, name="tiny-2", sft_of="tiny-1")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (TINY, replace(TINY, changed=NONE), "d2po conditions on the difference context"),
        (TINY, replace(TINY, changed={"preference.context": False}), "contradicts the method d2po"),
        (
            TINY,
            replace(SHARING, changed={"difference": "tokens"}),
            "'tiny-1', .* has difference = add, not tokens: set difference to add",
        ),
        (
            replace(TINY, method=Method.SFT, changed=NONE),
            replace(SHARING, method=Method.DPO),
            "has difference = none, not add: set difference to none",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    project: Project, first: Declared, second: Declared, told: str
) -> None:
    project.registry.declare_training(first)
    assert checked(project, first) == effective(project.settings.training, first)
    with pytest.raises(TrainingError, match=told):
        checked(project, second)


def test_plain_dpo_needs_no_context(project: Project) -> None:
    first, second = replace(TINY, changed=NONE, method=Method.SFT), replace(SHARING, changed=NONE)
    project.registry.declare_training(first)
    assert checked(project, replace(second, method=Method.DPO)).difference == "none"


def test_the_identity_of_the_default_settings_stays() -> None:
    """Fingerprints of trainings that were made must not move."""
    stage = {"warmup": 0.03, "weight_decay": 0.01, "batch": 4, "accumulate": 8}
    both = {**stage, "epochs": 1.0, "minutes": 0.0}
    assert TrainingSettings().identity_fields() == {
        "difference": "add",
        "context_dropout": 0.0,
        "open_share": 0.3,
        "lora_rank": 16,
        "train_vision": False,
        "max_pixels": 602_112,
        "precision": "bfloat16",
        "seed": 0,
        "sft": {**both, "learning_rate": 1e-5},
        "preference": {
            **both,
            "learning_rate": 1e-6,
            "context": True,
            "beta": 0.1,
            "class_share": 0.0,
            "sft_weight": 0.0,
        },
    }


@pytest.mark.parametrize("name", ["epochs", "minutes", "learning_rate", "warmup", "beta"])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_every_training_setting_is_a_finite_number(name: str, value: float) -> None:
    for stage in ("preference",) if name == "beta" else ("sft", "preference"):
        declared = replace(TINY, changed={f"{stage}.{name}": value})
        with pytest.raises(TrainingError, match=f"training.{stage}.{name}: Input should be"):
            effective(TrainingSettings(), declared)


@pytest.mark.parametrize("name", ["../x", "Tiny", "a/b", "", "x" * 60])
def test_a_training_s_name_leads_nowhere_else(project: Project, name: str) -> None:
    with pytest.raises(RegistryError, match="a verifier version's name is"):
        project.registry.declare_training(replace(TINY, name=name))
    with pytest.raises(RegistryError, match="has been declared"):
        project.registry.training(name)


def test_without_rows_or_a_trainer_it_is_told_what_to_do(project: Project, home: Path) -> None:
    project.registry.declare_training(TINY)
    empty = reopened(project, {"verifier_sets": {"origins": ["human"]}})
    empty.run(Ref("verify_sft_set", MAIN))
    with pytest.raises(TrainingError, match="verify_sft_set has no rows to train on"):
        empty.run(Ref(SUPERVISED, "tiny-1"))
    with pytest.raises(TrainingError, match="nobody plays the part of the trainer"):
        open_measured(home).spec(Ref(SUPERVISED, "tiny-1"))
