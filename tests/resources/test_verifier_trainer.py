"""The pipeline's trainer for real, on a toy: both stages, versions, resuming, adapters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from qwen_verify.toy import toy_pair

from resources.qwen_verify.in_pipeline import QwenVerifyTrainer
from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.question import Example, example_of
from unicedit_assets.qwen_verify.training import Method, Trained, TrainingError, TrainingJob
from unicedit_assets.qwen_verify.versions import Versions
from unicedit_assets.settings.training import TrainingSettings
from unicedit_assets.settings.vlms import TransformersVlm
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.vlm.stacking import Layout
from unicedit_assets.vlm.verifier import trained_question

neural = pytest.mark.neural
# transformers renames its own arguments from one release to the next.
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*:FutureWarning")


def examples() -> list[Example]:
    return [example_of(toy_pair(seed)) for seed in range(48)]


def settings(**changes: Json) -> Mapping[str, Json]:
    stage = {"batch": 8, "accumulate": 1, "epochs": 3.5, "learning_rate": 1e-3}
    values = {
        "lora_rank": 0,
        "precision": "float32",
        "gradient_checkpointing": False,
        "train_vision": True,
        "sft": stage,
        "preference": {**stage, "epochs": 2.0},
        **changes,
    }
    return TrainingSettings.model_validate(values).model_dump(mode="json")


def train(work: Path, method: Method, base: str, **changes: Json) -> Trained:
    rows = [one for one in examples() if method is Method.SFT or one.rejected]
    return QwenVerifyTrainer().train(TrainingJob(method, base, rows, settings(**changes), work))


def said_by(folder: Path) -> str:
    """Return what a folder's model says about an example, through the pipeline's own backend."""
    from resources.qwen_verify import sizes
    from resources.vlms.in_transformers import InTransformers

    backend = InTransformers(TransformersVlm(model=str(folder), device="cpu"))
    one = examples()[0]
    asked = trained_question(
        one.source, one.edited, one.en, one.cn, Layout(2, sizes.TINY.panel), max_tokens=24
    )
    text = backend.ask(asked).text
    backend.close()
    return text


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let the small base be a toy's size, uncompiled."""
    if request.node.get_closest_marker("neural"):
        from resources.qwen_verify import preparing, sizes

        monkeypatch.setattr(preparing, "SMALL", sizes.TINY)
        monkeypatch.setattr(preparing.shutil, "which", lambda name: None)


@neural
@pytest.mark.timeout(900)
def test_both_stages_give_versions_that_say_something(tmp_path: Path) -> None:
    first = train(tmp_path / "work", Method.SFT, "small")
    assert [point.step for point in first.curve] == sorted(p.step for p in first.curve)
    assert first.curve[-1].figures["loss"] < first.curve[0].figures["loss"]
    versions = Versions(open_store(str(tmp_path / "lake")))
    added = versions.add("toy-sft", first.folder, "sft", {})
    back = versions.materialize(added, tmp_path / "cache")
    assert said_by(back)
    second = train(tmp_path / "second", Method.D2PO, str(back))
    assert "margin" in second.curve[-1].figures
    assert versions.add("toy-d2po", second.folder, "d2po", {}).content != added.content


@neural
@pytest.mark.timeout(600)
def test_a_finished_stage_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.qwen_verify import stages

    first = train(tmp_path / "work", Method.SFT, "small", sft={"epochs": 1.0, "batch": 8})
    monkeypatch.setattr(stages, "sft", None)
    again = train(tmp_path / "work", Method.SFT, "small", sft={"epochs": 1.0, "batch": 8})
    assert again == first


@neural
@pytest.mark.timeout(600)
def test_adapters_end_up_in_the_weights_and_a_trained_one_can_be_a_base(tmp_path: Path) -> None:
    whole = train(tmp_path / "a", Method.SFT, "small", sft={"epochs": 1.0, "batch": 8})
    base = str(whole.folder)
    adapted = train(tmp_path / "b", Method.SFT, base, lora_rank=4, sft={"epochs": 1.0, "batch": 8})
    names = {path.name for path in adapted.folder.iterdir()}
    assert "model.safetensors" in names
    assert not any(name.startswith("adapter") for name in names)
    assert json.loads((adapted.folder / "config.json").read_text())["model_type"] == "qwen_verify"
    one = (whole.folder / "model.safetensors").read_bytes()
    assert (adapted.folder / "model.safetensors").read_bytes() != one
    identity = QwenVerifyTrainer().base_identity
    assert identity(base) != identity(str(adapted.folder))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"difference": "none"}, "d2po conditions on the difference context"),
        ({"preference": {"context": False}}, "preference.context = false contradicts"),
    ],
)
def test_d2po_without_the_context_is_refused(
    tmp_path: Path, changes: dict[str, Json], told: str
) -> None:
    values = TrainingSettings.model_validate(changes).model_dump(mode="json")
    job = TrainingJob(Method.D2PO, "small", examples()[:1], values, tmp_path / "work")
    with pytest.raises(TrainingError, match=told):
        QwenVerifyTrainer().train(job)


def test_a_base_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no model: name a folder with weights"):
        QwenVerifyTrainer().base_identity(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"holds no \.safetensors file"):
        QwenVerifyTrainer().base_identity(str(tmp_path))


def test_minutes_are_shared_by_the_stages_of_a_large_base() -> None:
    found = QwenVerifyTrainer().defaults("/weights", 30.0)
    assert found == {"sft.minutes": 15.0, "preference.minutes": 15.0}
    assert QwenVerifyTrainer().defaults("/weights", None) == {}


@neural
def test_the_small_base_brings_its_settings() -> None:
    found = QwenVerifyTrainer().defaults("small", 10.0)
    assert found["sft.minutes"] + found["preference.minutes"] == 10.0  # type: ignore[operator]
    assert found["lora_rank"] == 0
