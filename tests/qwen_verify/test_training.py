"""Both stages run for real on a tiny model: what they start from, what learns, what is resumed."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import Trainer  # noqa: E402

from qwen_verify.conftest import Tiny, make_tiny, training_row  # noqa: E402
from resources.qwen_verify import multi_gpu, stages  # noqa: E402
from resources.qwen_verify.budget import Budget  # noqa: E402
from resources.qwen_verify.model import from_qwen  # noqa: E402
from resources.qwen_verify.trainers import PreferenceTrainer, arguments, callbacks  # noqa: E402
from resources.verifiers import panels_of  # noqa: E402
from unicedit_assets.qwen_verify.training import TrainingError  # noqa: E402
from unicedit_assets.settings.training import (  # noqa: E402
    PreferenceStage,
    StageOfTraining,
    TrainingSettings,
)

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]


def settings(**changes: Any) -> TrainingSettings:
    stage = {"learning_rate": 3e-3, "batch": 8, "accumulate": 1, "epochs": 4.0, "save_steps": 5}
    values: dict[str, Any] = {
        "lora_rank": 0,
        "train_vision": True,
        "gradient_checkpointing": False,
        "precision": "float32",
        "sft": StageOfTraining(**stage),
        "preference": PreferenceStage(**{**stage, "learning_rate": 1e-3, "epochs": 2.0}),
    }
    return TrainingSettings(**{**values, **changes})


def preference_trainer(tiny: Tiny, out: Path, **stage: Any) -> PreferenceTrainer:
    import copy

    chosen = PreferenceStage(batch=4, accumulate=1, **stage)
    budget, told = callbacks(out, "d2po", chosen)
    return PreferenceTrainer(
        model=tiny.model,
        args=arguments(settings(), chosen, out, cpu=True),
        data_collator=tiny.collator.preference,
        train_dataset=tiny.examples,
        callbacks=told,
        budget=budget,
        warmup=0.0,
        stage=chosen,
        reference=copy.deepcopy(tiny.model),
    )


def gradients(trainer: PreferenceTrainer, tiny: Tiny) -> tuple[float, dict[str, float]]:
    tiny.model.zero_grad()
    loss = trainer.compute_loss(tiny.model, tiny.collator.preference(tiny.examples[:4]))
    loss.backward()
    return loss.item(), {
        name: float(p.grad.abs().sum()) if p.grad is not None else 0.0
        for name, p in tiny.model.named_parameters()
    }


def test_d2po_starts_at_ln_two_and_its_gradient_reaches_the_difference_path(
    tiny: Tiny, tmp_path: Path
) -> None:
    trainer = preference_trainer(tiny, tmp_path / "d2po")
    loss, reached = gradients(trainer, tiny)
    assert loss == pytest.approx(math.log(2), abs=1e-5)
    assert reached["model.diff_proj.weight"] > 0
    assert reached["model.visual.patch_embed.proj.weight"] > 0
    assert reached["model.language_model.layers.0.mlp.up_proj.weight"] > 0
    assert all(p.grad is None for p in trainer._reference.parameters())


def test_plain_dpo_is_the_same_without_the_difference_path(tiny: Tiny, tmp_path: Path) -> None:
    loss, reached = gradients(preference_trainer(tiny, tmp_path / "dpo", context=False), tiny)
    assert loss == pytest.approx(math.log(2), abs=1e-5)
    assert reached["model.diff_proj.weight"] == 0
    assert reached["model.visual.patch_embed.proj.weight"] > 0


def test_both_models_are_conditioned_on_the_same_context(tiny: Tiny, tmp_path: Path) -> None:
    """A policy that differs only in its difference path is told apart by D2PO, not by DPO."""
    d2po = preference_trainer(tiny, tmp_path / "d2po")
    dpo = preference_trainer(tiny, tmp_path / "dpo", context=False)
    with torch.no_grad():
        tiny.model.model.diff_proj.weight.add_(0.5)
    batch = tiny.collator.preference(tiny.examples[:4])
    assert dpo.compute_loss(tiny.model, batch).item() == pytest.approx(math.log(2), abs=1e-5)
    assert abs(d2po.compute_loss(tiny.model, batch).item() - math.log(2)) > 1e-4


def test_two_stages_learn_and_leave_weights_a_curve_and_no_pickle_in_the_model(
    tiny: Tiny, tmp_path: Path
) -> None:
    chosen = settings()
    folder = stages.sft(
        tiny.model, tiny.collator, tiny.examples, chosen, tmp_path / "sft", cpu=True
    )
    before = load_file(folder / "model.safetensors")
    stages.preference(tiny.model, tiny.collator, tiny.examples, chosen, tmp_path / "d2po", cpu=True)
    after = load_file(tmp_path / "d2po" / "model" / "model.safetensors")
    assert set(before) == set(after)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    losses = [float(row["loss"]) for row in rows if row["stage"] == "sft"]
    assert losses == sorted(losses, reverse=True)
    assert rows[-1]["stage"] == "d2po" or len(losses) == len(rows)
    assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".jinja"}


def test_shards_that_would_not_train_are_refused(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Trainer.create_accelerator_and_postprocess

    def sharded(self: Any) -> None:
        prepare(self)
        self.is_fsdp_enabled = True

    monkeypatch.setattr(Trainer, "create_accelerator_and_postprocess", sharded)
    with pytest.raises(TrainingError, match="set fsdp_version: 2"):
        preference_trainer(tiny, tmp_path)
    tiny.model.merge_and_unload = None
    with pytest.raises(TrainingError, match="LoRA under FSDP is not supported"):
        preference_trainer(tiny, tmp_path)


def test_a_loss_that_is_not_finite_ends_a_stage_at_once(tiny: Tiny, tmp_path: Path) -> None:
    with torch.no_grad():
        tiny.model.model.diff_proj.weight[0, 0] = torch.nan
    for stage, name in ((stages.sft, "sft"), (stages.preference, "preference")):
        out = tmp_path / name
        told = f"the loss is not finite at step 1: lower {name}.learning_rate"
        with pytest.raises(TrainingError, match=told):
            stage(tiny.model, tiny.collator, tiny.examples, settings(), out, True)
        assert not (out / "model").exists()
        assert not list(out.glob("checkpoint-*"))


def test_weights_that_the_last_step_broke_are_not_saved(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, model: Any, **__: Any) -> None:
        with torch.no_grad():
            model.lm_head.weight[0, 0] = torch.inf

    monkeypatch.setattr(Budget, "on_step_end", broken)
    last = StageOfTraining(batch=8, accumulate=3, epochs=1.0)  # one step
    with pytest.raises(TrainingError, match="the weights are not finite at step 1: lower sft"):
        stages.sft(
            tiny.model, tiny.collator, tiny.examples, settings(sft=last), tmp_path / "sft", True
        )
    assert not (tmp_path / "sft" / "model").exists()


def test_a_stage_that_was_cut_off_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    whole, parts = make_tiny(), make_tiny()
    chosen = settings()
    stages.sft(whole.model, whole.collator, whole.examples, chosen, tmp_path / "whole", cpu=True)

    def cut_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "save_model", cut_off)
        half = settings(sft=chosen.sft.model_copy(update={"epochs": 2.0}))
        with pytest.raises(KeyboardInterrupt):
            stages.sft(
                parts.model, parts.collator, parts.examples, half, tmp_path / "b" / "sft", True
            )
    again = make_tiny(seed=99)  # other weights: all must come from the checkpoint
    stages.sft(again.model, again.collator, again.examples, chosen, tmp_path / "b" / "sft", True)
    steps = [int(p.name.split("-")[1]) for p in (tmp_path / "b" / "sft").glob("checkpoint-*")]
    assert max(steps) == 12  # 24 examples, batches of 8, 4 epochs
    ours = again.model.model.diff_proj.weight
    assert not torch.equal(ours, make_tiny(seed=99).model.model.diff_proj.weight)
    assert torch.nn.functional.mse_loss(ours, whole.model.model.diff_proj.weight) < 1e-4


@pytest.fixture
def parquet(tiny: Tiny, tmp_path: Path) -> Path:
    rows = [training_row(one) for one in tiny.examples]
    folder = tmp_path / "rows"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows[:10]), folder / "a.parquet")
    pq.write_table(pa.Table.from_pylist(rows[10:]), folder / "b.parquet")
    return folder


def test_parquet_rows_are_the_examples_and_tests_are_left_out(
    tiny: Tiny, parquet: Path, tmp_path: Path
) -> None:
    table = pq.read_table(parquet / "a.parquet")
    kept = table.set_column(1, "split", [pa.array(["test"] * table.num_rows)])
    pq.write_table(kept, parquet / "c.parquet")
    read = multi_gpu.training_rows(parquet, tmp_path / "copy")
    assert len(read) == len(tiny.examples)
    for index in (0, 9, 10, 23):
        one, other = read[index], tiny.examples[index]
        assert (one.source == other.source).all()
        assert (one.edited == other.edited).all()
        assert (one.target, one.rejected, one.cn) == (other.target, other.rejected, other.cn)


def test_missing_rows_and_columns_are_told(parquet: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no Parquet file"):
        multi_gpu.training_rows(tmp_path / "nowhere", tmp_path / "x")
    table = pq.read_table(parquet / "a.parquet").drop_columns(["prompt_cn"])
    pq.write_table(table, tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match="lacks prompt_cn"):
        multi_gpu.training_rows(tmp_path / "bad.parquet", tmp_path / "y")


def test_lora_trains_a_pretrained_qwen_and_its_reference_is_the_model_without_adapter(
    tiny_folder: Path, parquet: Path, tmp_path: Path
) -> None:
    stage = {"batch": 4, "accumulate": 2, "epochs": 0.7, "learning_rate": 1e-3}
    chosen = settings(
        lora_rank=4,
        train_vision=False,
        gradient_checkpointing=True,
        precision="float32",
        max_pixels=3136,
        sft=StageOfTraining(**stage),
        preference=PreferenceStage(**stage, sft_weight=0.5),
    )
    how = (str(tiny_folder), parquet, parquet, tmp_path / "out", chosen)
    final = multi_gpu.train(*how)
    base = from_qwen(tiny_folder, "add", dtype=torch.float32).state_dict()
    sft = load_file(tmp_path / "out" / "sft" / "model" / "model.safetensors")
    trained = load_file(final / "model.safetensors")
    vision = [name for name in base if "visual" in name]
    assert vision
    assert all(torch.equal(base[name], trained[name]) for name in vision)
    name = "model.language_model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(base[name], sft[name])
    assert not torch.equal(sft[name], trained[name])
    assert sft["model.diff_proj.weight"].any()
    config = json.loads((final / "config.json").read_text())
    assert panels_of(config)["panel_max_pixels"] == 3136
    assert not any("lora" in name for name in trained)
    stamp = (final / "model.safetensors").stat().st_mtime_ns
    assert multi_gpu.train(*how) == final
    assert (final / "model.safetensors").stat().st_mtime_ns == stamp  # finished: taken as it is
