"""Qwen-Verify for transformers: Qwen2.5-VL whose picture tokens carry what differs.

One tall picture holds the source above the edited one, so both share a grid and everything that
depends on both lies within one item. The vision tower sees each panel for itself; c_v = V(I_o, I_e)
is a projection of the difference of its latents (paper, D2PO).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLModel,
)

from resources.qwen_verify.config import MODEL_TYPE, NONE, QwenVerifyConfig, register_config
from resources.qwen_verify.context import (
    DifferenceProjection,
    looked_at,
    panel_grids,
    with_context,
)
from resources.qwen_verify.vision import make_fast

# Names of weights in Qwen2.5-VL's folders -> ours. transformers renames them by the model type,
# and so not for ours.
_NAMES = {
    r"^visual\.": "model.visual.",
    r"^model\.(?!language_model\.|visual\.|diff_proj\.)": "model.language_model.",
}


class QwenVerifyModel(Qwen2_5_VLModel):
    """Qwen2.5-VL without its head; ``context`` switches c_v off where it is false."""

    config_class = QwenVerifyConfig
    config: QwenVerifyConfig

    def __init__(self, config: QwenVerifyConfig) -> None:
        super().__init__(config)
        self.context = True
        make_fast(self.visual)
        if config.difference != NONE:
            self.diff_proj = DifferenceProjection(config.text_config.hidden_size)
            self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        _init_weights(super(), module)

    def get_image_features(
        self, pixel_values: Tensor, image_grid_thw: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Return the tokens of each tall picture; see ``resources.qwen_verify.context``.

        Rows that come twice, as chosen and rejected, share their pictures: with half as many
        patches as grids the second half of the rows sees the pictures of the first.
        """
        config, merge = self.config, self.visual.spatial_merge_size
        assert image_grid_thw is not None
        grids = image_grid_thw.tolist()
        held = len(grids) * len(pixel_values) // int(image_grid_thw.prod(-1).sum())
        panels = torch.tensor(
            panel_grids(grids[:held], config.difference, merge), device=image_grid_thw.device
        )
        seen = looked_at(pixel_values.type(self.visual.dtype), grids[:held], config.difference)
        kwargs.pop("return_dict", None)
        outputs = self.visual(seen, grid_thw=panels, return_dict=True, **kwargs)
        project = self.diff_proj if self.context and config.difference != NONE else None
        tokens = with_context(
            outputs.pooler_output, grids[:held], config.difference, merge, project
        )
        outputs.pooler_output = tuple(tokens * (len(grids) // held))
        return outputs


class QwenVerifyForConditionalGeneration(Qwen2_5_VLForConditionalGeneration):
    """Qwen-Verify with its head: what is trained, saved, loaded and served."""

    config_class = QwenVerifyConfig
    config: QwenVerifyConfig

    def __init__(self, config: QwenVerifyConfig) -> None:
        # Not the parent's own: it would build a whole model only to drop it.
        super(Qwen2_5_VLForConditionalGeneration, self).__init__(config)
        self.model = QwenVerifyModel(config)
        text = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        _init_weights(super(), module)

    def enable_input_require_grads(self) -> None:
        """Do nothing, whoever asks.

        Only reentrant checkpoints need gradients at their inputs. Ours are not, and a frozen vision
        tower would be run backwards for nobody.
        """


def _init_weights(parent: Any, module: nn.Module) -> None:
    """Start c_v at zero, so that a pretrained model starts as itself; the rest as ever."""
    if isinstance(module, DifferenceProjection):
        nn.init.zeros_(module.weight)
    else:
        parent._init_weights(module)


def register() -> None:
    """Let transformers' ``Auto`` classes know Qwen-Verify; twice does no harm."""
    register_config()
    AutoModelForImageTextToText.register(
        QwenVerifyConfig, QwenVerifyForConditionalGeneration, exist_ok=True
    )


def from_scratch(config: QwenVerifyConfig, seed: int) -> QwenVerifyForConditionalGeneration:
    """Return a model with random weights, the difference path included; the same for one seed."""
    torch.manual_seed(seed)
    model = QwenVerifyForConditionalGeneration(config)
    if config.difference != NONE:
        nn.init.normal_(model.model.diff_proj.weight, std=config.text_config.hidden_size**-0.5)
    return model


def from_qwen(folder: str | Path, difference: str, **how: Any) -> Any:
    """Return a pretrained Qwen2.5-VL as a Qwen-Verify; it starts as itself, c_v counting nothing.

    Raises:
        ValueError: the folder holds another kind of model.
    """
    from transformers import AutoConfig

    register()
    found = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    if isinstance(found, QwenVerifyConfig):
        return QwenVerifyForConditionalGeneration.from_pretrained(folder, **_safely(how))
    if found.model_type != "qwen2_5_vl":
        raise ValueError(
            f"{folder} is a {found.model_type} model: Qwen-Verify is trained from a Qwen2.5-VL "
            "(model_type qwen2_5_vl) or goes on from a qwen_verify folder"
        )
    values = {key: value for key, value in found.to_dict().items() if key != "model_type"}
    config = QwenVerifyConfig(**{**values, "difference": difference})
    model = QwenVerifyForConditionalGeneration.from_pretrained(
        folder, config=config, key_mapping=_NAMES, **_safely(how)
    )
    model._weight_conversions = []  # else it would be saved under the old names again
    return model


def _safely(how: dict[str, Any]) -> dict[str, Any]:
    return {"trust_remote_code": False, "use_safetensors": True, **how}


@contextmanager
def without_context(model: Any) -> Iterator[None]:
    """Switch the difference context off, in a model or whatever wraps it, for as long as this."""
    inner = [part for part in model.modules() if isinstance(part, QwenVerifyModel)]
    before = [part.context for part in inner]
    for part in inner:
        part.context = False
    try:
        yield
    finally:
        for part, was in zip(inner, before, strict=True):
            part.context = was


__all__ = ["MODEL_TYPE", "QwenVerifyConfig", "QwenVerifyForConditionalGeneration", "register"]
