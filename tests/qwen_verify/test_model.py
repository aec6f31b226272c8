"""The model: what the panels are, where the difference enters, what stays a Qwen2.5-VL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from qwen_verify.conftest import Tiny, make_tiny  # noqa: E402
from resources.qwen_verify.context import DifferenceError  # noqa: E402
from resources.qwen_verify.model import (  # noqa: E402
    Qwen3VerifyForConditionalGeneration,
    QwenVerifyForConditionalGeneration,
    from_qwen,
    without_context,
)

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]


def features(tiny: Tiny, rows: int = 2, **changes: object) -> list[torch.Tensor]:
    batch = tiny.collator.sft([replace(one, **changes) for one in tiny.examples[:rows]])
    with torch.no_grad():
        made = tiny.model.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    return list(made.pooler_output)


def test_the_difference_context_is_exactly_the_projected_difference() -> None:
    tiny = make_tiny("add")
    with without_context(tiny.model):
        bare = features(tiny)
    for with_c, without in zip(features(tiny), bare, strict=True):
        source, edit = without.chunk(2)
        assert torch.equal(with_c[: len(source)], source)
        expected = edit + tiny.model.model.diff_proj(edit - source)
        assert torch.allclose(with_c[len(source) :], expected, atol=1e-6)


def test_difference_tokens_stand_where_the_third_panel_is() -> None:
    tiny = make_tiny("tokens")
    source, edit, context = features(tiny, 1)[0].chunk(3)
    assert torch.allclose(context, tiny.model.model.diff_proj(edit - source), atol=1e-6)


def test_equal_pictures_have_no_difference() -> None:
    tiny = make_tiny("tokens")
    same = tiny.examples[0].source
    assert not features(tiny, 1, source=same, edited=same)[0].chunk(3)[2].any()


def test_each_panel_is_seen_alone(tiny: Tiny) -> None:
    one = tiny.examples[0]
    with without_context(tiny.model):
        first = features(tiny, 1, source=one.source, edited=one.edited)[0].chunk(2)[0]
        other = features(tiny, 1, source=one.source, edited=255 - one.edited)[0].chunk(2)[0]
    assert torch.equal(first, other)


def test_the_fast_vision_tower_is_transformers_own() -> None:
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
        Qwen2_5_VisionTransformerPretrainedModel,
    )

    tiny = make_tiny()
    ours = tiny.model.model.visual
    theirs = Qwen2_5_VisionTransformerPretrainedModel._from_config(ours.config)
    theirs.load_state_dict(ours.state_dict())
    batch = tiny.collator.sft(tiny.examples[:2])
    for grid in ([[1, 4, 4]] * 4, [[1, 8, 4], [1, 4, 8]]):  # equal panels, and unequal ones
        pixels, panels = batch["pixel_values"][:64], torch.tensor(grid)
        made = [one(pixels, grid_thw=panels).pooler_output for one in (ours, theirs)]
        assert torch.allclose(*made, atol=1e-5)


def test_a_picture_that_is_no_stack_is_refused(tiny: Tiny) -> None:
    with pytest.raises(DifferenceError, match="cannot be cut into 2 panels"):
        tiny.model.model.get_image_features(torch.zeros(24, 1176), torch.tensor([[1, 6, 4]]))


def test_rows_that_come_twice_share_their_pictures(tiny: Tiny) -> None:
    batch = tiny.collator.preference(tiny.examples[:3])
    assert len(batch["input_ids"]) == 6
    assert len(batch["pixel_values"]) * 2 == int(batch["image_grid_thw"].prod(-1).sum())
    made = tiny.model.model.get_image_features(batch["pixel_values"], batch["image_grid_thw"])
    assert [torch.equal(*made.pooler_output[i::3]) for i in range(3)] == [True] * 3


def test_a_pretrained_model_starts_as_itself(tiny_folder: Path) -> None:
    """All its weights arrive, and c_v counts nothing at first."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    model = from_qwen(tiny_folder, "add", dtype=torch.float32)
    theirs = Qwen2_5_VLForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32)
    ours = model.state_dict()
    assert set(ours) - set(theirs.state_dict()) == {"model.diff_proj.weight"}
    assert all(torch.equal(ours[name], value) for name, value in theirs.state_dict().items())
    assert isinstance(model, QwenVerifyForConditionalGeneration)
    assert not model.model.diff_proj.weight.any()
    pixels, grid = torch.randn(32, 1176), torch.tensor([[1, 8, 4]])
    with torch.no_grad():
        seen = model.model.get_image_features(pixels, grid).pooler_output[0]
        with without_context(model):
            bare = model.model.get_image_features(pixels, grid).pooler_output[0]
    assert torch.equal(seen, bare)


def test_saved_weights_come_back_with_the_difference_path(tiny: Tiny, tmp_path: Path) -> None:
    tiny.model.save_pretrained(tmp_path)
    again = from_qwen(tmp_path, "none")  # the folder's own way of the context counts
    assert torch.equal(again.model.diff_proj.weight, tiny.model.model.diff_proj.weight)
    assert again.config.layout == tiny.collator.layout


def test_what_was_loaded_from_a_qwen_is_saved_under_names_that_are_found_again(
    tiny_folder: Path, tmp_path: Path
) -> None:
    model = from_qwen(tiny_folder, "add", dtype=torch.float32)
    model.save_pretrained(tmp_path)
    again = from_qwen(tmp_path, "add", dtype=torch.float32).state_dict()
    assert all(torch.equal(again[name], value) for name, value in model.state_dict().items())


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(ValueError, match=r"Qwen2\.5-VL"):
        from_qwen(tmp_path, "add")


def test_fsdp_wraps_layers_that_there_are() -> None:
    import yaml
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl
    from transformers.models.qwen3_vl import modeling_qwen3_vl

    file = Path(__file__).parents[2] / "deploy" / "accelerate-fsdp.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))["fsdp_config"]
    assert settings["fsdp_auto_wrap_policy"] == "TRANSFORMER_BASED_WRAP"
    # Without a list there, accelerate wraps what the model itself names.
    assert "fsdp_transformer_layer_cls_to_wrap" not in settings
    for model, there in (
        (QwenVerifyForConditionalGeneration, modeling_qwen2_5_vl),
        (Qwen3VerifyForConditionalGeneration, modeling_qwen3_vl),
    ):
        names = model._no_split_modules
        assert len(names) > 1 and all(hasattr(there, name) for name in names)
