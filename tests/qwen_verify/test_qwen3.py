"""A Qwen-Verify on Qwen3-VL: it starts as itself, DeepStack stays, it learns, it is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import Qwen3VLForConditionalGeneration  # noqa: E402

from qwen_verify.toy import toy_pair  # noqa: E402
from resources.qwen_verify import preparing  # noqa: E402
from resources.qwen_verify.in_pipeline import QwenVerifyTrainer  # noqa: E402
from resources.qwen_verify.model import (  # noqa: E402
    Qwen3VerifyForConditionalGeneration,
    from_qwen,
    without_context,
)
from resources.verifiers import RegisteredVerifier, panels_of  # noqa: E402
from unicedit_assets.qwen_verify.question import example_of  # noqa: E402
from unicedit_assets.qwen_verify.training import Method, TrainingJob  # noqa: E402
from unicedit_assets.qwen_verify.versions import Versions  # noqa: E402
from unicedit_assets.settings.training import TrainingSettings  # noqa: E402
from unicedit_assets.storage.blobs import open_store  # noqa: E402
from unicedit_assets.vlm.stacking import Layout, stacked  # noqa: E402
from unicedit_assets.vlm.verifier import trained_question  # noqa: E402

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]

EXAMPLES = [example_of(toy_pair(seed, side=70)) for seed in range(24)]
# Panels of 2 x 2 cells of 32 pixels; cells of 28 would leave 56 x 56, which is no whole patches.
LAYOUT = Layout(2, 0, 70 * 70, 32)


def settings(**changes: Any) -> TrainingSettings:
    stage = {"batch": 4, "accumulate": 1, "epochs": 1.0, "learning_rate": 3e-3}
    values = {
        "lora_rank": 0,
        "precision": "float32",
        "gradient_checkpointing": False,
        "train_vision": True,
        "max_pixels": LAYOUT.max_pixels,
        "sft": stage,
        "preference": {**stage, "learning_rate": 1e-3},
        **changes,
    }
    return TrainingSettings.model_validate(values)


def built(folder: Path, **changes: Any) -> tuple[Any, Any]:
    model, collator = preparing.from_folder(str(folder), settings(**changes))
    return model.eval(), collator


def logits(model: Any, batch: dict[str, Any], **how: Any) -> Any:
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    with torch.no_grad():
        return model(**{**inputs, **how}).logits


def apart(theirs: Any, batch: dict[str, Any]) -> Any:
    """Return what a plain Qwen3-VL sees of the halves, each given to it as a picture of its own."""
    rows = batch["image_grid_thw"].clone()
    rows[:, 1] //= 2
    with torch.no_grad():
        return theirs.model.get_image_features(
            batch["pixel_values"], rows.repeat_interleave(2, 0), return_dict=True
        )


def test_it_starts_as_the_qwen3_that_it_was_which_sees_each_half_for_itself(
    tiny_qwen3: Path,
) -> None:
    model, collator = built(tiny_qwen3)
    theirs = Qwen3VLForConditionalGeneration.from_pretrained(tiny_qwen3, dtype=torch.float32)
    assert isinstance(model, Qwen3VerifyForConditionalGeneration)
    ours = model.state_dict()
    assert set(ours) - set(theirs.state_dict()) == {"model.diff_proj.weight"}
    assert all(torch.equal(ours[name], value) for name, value in theirs.state_dict().items())
    assert not model.model.diff_proj.weight.any()
    batch = collator.sft(EXAMPLES[:3])
    assert batch["image_grid_thw"].tolist() == [[1, 8, 4]] * 3
    seen = {"pixel_values": None, "mm_encoder_outputs": {"image": apart(theirs, batch)}}
    expected = logits(theirs.eval(), batch, **seen)
    assert torch.allclose(logits(model, batch), expected, atol=1e-4)
    # Seen as one picture, the halves look at each other: that is another model.
    assert not torch.allclose(logits(theirs, batch), expected, atol=1e-2)


@pytest.mark.parametrize("difference", ["none", "add", "tokens"])
def test_the_context_enters_the_edits_tokens_and_leaves_deepstack_alone(
    tiny_qwen3: Path, difference: str
) -> None:
    model, collator = built(tiny_qwen3, difference=difference)
    theirs = Qwen3VLForConditionalGeneration.from_pretrained(tiny_qwen3, dtype=torch.float32)
    batch = collator.sft(EXAMPLES[:2])
    _, plain = built(tiny_qwen3, difference="none")
    bare = apart(theirs, plain.sft(EXAMPLES[:2]))
    if difference != "none":
        torch.nn.init.normal_(model.model.diff_proj.weight)
    with torch.no_grad():
        seen = model.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    for row in range(2):
        source, edit = bare.pooler_output[2 * row : 2 * row + 2]
        if difference == "none":
            expected = [source, edit]
        else:
            context = model.model.diff_proj(edit - source)
            added = difference == "add"
            expected = [source, edit + context] if added else [source, edit, context]
        assert torch.allclose(seen.pooler_output[row], torch.cat(expected), atol=1e-3)
    assert len(seen.deepstack_features) == len(bare.deepstack_features) == 2
    for level, was in zip(seen.deepstack_features, bare.deepstack_features, strict=True):
        room = [torch.zeros_like(was[0])] * (len(expected) - 2)
        for row in range(2):
            both = torch.cat([*was[2 * row : 2 * row + 2], *room])
            assert torch.allclose(level[row], both, atol=1e-4)
    assert torch.isfinite(logits(model, batch)).all()


def test_the_context_reaches_the_output_and_the_gradient_reaches_its_layer(
    tiny_qwen3: Path,
) -> None:
    model, collator = built(tiny_qwen3)
    batch = collator.sft(EXAMPLES[:2])
    model(**batch).loss.backward()
    assert model.model.diff_proj.weight.grad.abs().sum() > 0
    for name in ("blocks.0.attn.qkv", "deepstack_merger_list.1.linear_fc2", "merger.linear_fc2"):
        assert model.model.visual.get_submodule(name).weight.grad.abs().sum() > 0, name
    before = logits(model, batch)
    torch.nn.init.normal_(model.model.diff_proj.weight, std=0.3)
    assert not torch.allclose(logits(model, batch), before, atol=1e-3)
    with without_context(model):
        assert torch.equal(logits(model, batch), before)


def test_chosen_and_rejected_replies_share_pictures_and_deepstack(tiny_qwen3: Path) -> None:
    model, collator = built(tiny_qwen3)
    batch = collator.preference(EXAMPLES[:3])
    assert len(batch["pixel_values"]) * 2 == int(batch["image_grid_thw"].prod(-1).sum())
    seen = model.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    for features in (seen.pooler_output, *seen.deepstack_features):
        assert [torch.equal(features[row], features[row + 3]) for row in range(3)] == [True] * 3
    alone = collator.sft(EXAMPLES[:3])
    width = alone["input_ids"].shape[1]
    expected = logits(model, alone)[alone["attention_mask"].bool()]
    assert torch.allclose(
        logits(model, batch)[:3, :width][alone["attention_mask"].bool()], expected, atol=1e-4
    )


def test_questions_and_patches_are_the_processors_own(tiny_qwen3: Path) -> None:
    _, collator = built(tiny_qwen3)
    one = EXAMPLES[0]
    assert collator.layout == LAYOUT
    asked = trained_question(one.source, one.edited, one.en, one.cn, LAYOUT)
    assert asked.images[0].shape == (128, 64, 3)
    from resources.vlms.in_vllm import chat_text

    picture = Image.fromarray(stacked(one.source, one.edited, LAYOUT))
    text = chat_text(collator.processor, asked)
    theirs = collator.processor(text=[text], images=[picture], return_tensors="pt")
    ours = collator.prompts([one])
    for name in ("input_ids", "mm_token_type_ids", "image_grid_thw"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert torch.allclose(ours["pixel_values"], theirs["pixel_values"], atol=1e-6)


def test_the_fast_vision_tower_is_transformers_own(tiny_qwen3: Path) -> None:
    model, _ = built(tiny_qwen3)
    theirs = Qwen3VLForConditionalGeneration.from_pretrained(tiny_qwen3, dtype=torch.float32)
    pixels = torch.randn(64, 3 * 2 * 16 * 16)
    for grid in ([[1, 4, 4]] * 4, [[1, 8, 4], [1, 4, 8]], [[1, 8, 4], [1, 4, 4], [1, 4, 4]]):
        made = [
            one.model.visual(pixels, grid_thw=torch.tensor(grid), return_dict=True)
            for one in (model, theirs)
        ]
        assert torch.allclose(*(one.pooler_output for one in made), atol=1e-4)
        for levels in zip(*(one.deepstack_features for one in made), strict=True):
            assert torch.allclose(*levels, atol=1e-4)


def train(work: Path, method: Method, base: Path, **changes: Any) -> Path:
    rows = [one for one in EXAMPLES if method is Method.SFT or one.rejected]
    values = settings(**changes).model_dump(mode="json")
    return QwenVerifyTrainer().train(TrainingJob(method, str(base), rows, values, work)).folder


HALF = {"precision": "bfloat16", "gradient_checkpointing": True}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("changes", "learnt"),
    [({}, True), ({**HALF, "lora_rank": 4, "train_vision": False}, False),
     ({**HALF, "lora_rank": 4}, True)],
    ids=["all-weights", "lora", "lora-and-vision"],
)  # fmt: skip
def test_the_pipeline_trains_both_stages(
    tiny_qwen3: Path, tmp_path: Path, changes: dict[str, Any], learnt: bool
) -> None:
    sft = train(tmp_path / "sft", Method.SFT, tiny_qwen3, **changes)
    final = train(tmp_path / "d2po", Method.D2PO, sft, **changes)
    config = json.loads((final / "config.json").read_text())
    assert (config["model_type"], config["difference"]) == ("qwen3_verify", "add")
    assert panels_of(config) == {
        "panels": 2, "panel_side": 0, "panel_max_pixels": 4900, "panel_cell": 32,
    }  # fmt: skip
    states = [load_file(folder / "model.safetensors") for folder in (tiny_qwen3, sft, final)]
    base, first, second = states
    assert set(first) == set(second) == set(base) | {"model.diff_proj.weight"}
    assert first["model.diff_proj.weight"].any()
    changed = {
        name for name in base if not torch.equal(base[name].to(second[name].dtype), second[name])
    }
    for layer in ("self_attn.q_proj", "mlp.down_proj"):
        assert f"model.language_model.layers.0.{layer}.weight" in changed
    seen = {name.split(".", 4)[4] for name in changed if "visual.blocks." in name}
    weights = {
        f"{name}.weight" for name in ("attn.qkv", "attn.proj", "mlp.linear_fc1", "mlp.linear_fc2")
    }
    assert weights <= seen if learnt else not seen


def test_a_saved_one_comes_back_and_is_served_by_its_name(tiny_qwen3: Path, tmp_path: Path) -> None:
    from resources.project import open_project
    from resources.qwen_verify.sizes import save_model
    from resources.vlms.schema_bound import SchemaBound
    from unicedit_assets.vlm.verifier import SCHEMA

    model, collator = built(tiny_qwen3)
    torch.nn.init.normal_(model.model.diff_proj.weight, std=0.3)
    folder = save_model(model, collator.processor, tmp_path / "w")
    again = from_qwen(folder, "none", dtype=torch.float32).eval()  # the folder's own way counts
    batch = collator.sft(EXAMPLES[:2])
    assert torch.equal(logits(again, batch), logits(model, batch))
    asked = collator.prompts(EXAMPLES[:1])
    bound = SchemaBound(collator.processor.tokenizer, model.config.text_config.vocab_size, ())
    held = [bound.processor(SCHEMA)]
    made = model.generate(**asked, do_sample=False, max_new_tokens=40, logits_processor=held)[0]
    text = collator.processor.tokenizer.decode(
        made[asked["input_ids"].shape[1] :], skip_special_tokens=True
    )
    home = tmp_path / "home"
    home.mkdir()
    Versions(open_store(str(home / "lake"))).add("three-1", folder, "sft", {})
    found = open_project(home).backends.verifiers["three-1"]
    assert isinstance(found, RegisteredVerifier)
    built_one = found._build()
    assert built_one._options.layout == LAYOUT
    one = EXAMPLES[0]
    question = trained_question(one.source, one.edited, one.en, one.cn, LAYOUT, max_tokens=40)
    said = [built_one._vlm.ask(question).text for _ in range(2)]
    assert said == [text] * 2
    assert text
    other = trained_question(one.source, 255 - one.source, one.en, one.cn, LAYOUT, max_tokens=40)
    assert built_one._vlm.ask(other).text != text
    built_one._vlm.close()


@pytest.mark.parametrize("kind", ["qwen3_vl_moe", "qwen3", "qwen2_vl"])
def test_another_kind_of_model_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ValueError, match=f"is a {kind} model: .* a dense Qwen3-VL"):
        from_qwen(tmp_path, "add")
