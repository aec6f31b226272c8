"""Qwen-Verify for transformers: a Qwen-VL whose picture tokens carry what differs.

One tall picture holds the source above the edited one, so both share a grid and everything that
depends on both lies within one item. The vision tower sees each panel for itself; c_v = V(I_o, I_e)
is a projection of the difference of its latents (paper, D2PO). What Qwen2.5-VL and Qwen3-VL have
in common is written once, above the thin classes of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLModel,
)
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLForConditionalGeneration,
    Qwen3VLModel,
)

from resources.qwen_verify.config import (
    NONE,
    DifferenceConfig,
    Qwen3VerifyConfig,
    QwenVerifyConfig,
    register_config,
)
from resources.qwen_verify.context import (
    DifferenceProjection,
    looked_at,
    panel_grids,
    with_context,
)
from resources.qwen_verify.vision import make_fast

# Names of weights in Qwen2.5-VL's folders -> ours. transformers renames them by the model type,
# and so not for ours. Qwen3-VL's are ours already.
_NAMES = {
    r"^visual\.": "model.visual.",
    r"^model\.(?!language_model\.|visual\.|diff_proj\.)": "model.language_model.",
}


class _Ours(nn.Module):
    """Starts c_v at zero, so that a pretrained model starts as itself; the rest as ever."""

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, DifferenceProjection):
            nn.init.zeros_(module.weight)
        else:
            super()._init_weights(module)


class _Body(_Ours):
    """A Qwen-VL without its head; ``context`` switches c_v off where it is false."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.context = True
        make_fast(self.visual)
        if config.difference != NONE:
            self.diff_proj = DifferenceProjection(config.text_config.hidden_size)
            self.post_init()

    def get_image_features(
        self, pixel_values: Tensor, image_grid_thw: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPooling:
        """Return the tokens of each tall picture; see ``resources.qwen_verify.context``.

        Rows that come twice, as chosen and rejected, share their pictures: with half as many
        patches as grids the second half of the rows sees the pictures of the first.
        """
        difference, merge = self.config.difference, self.visual.spatial_merge_size
        assert image_grid_thw is not None
        grids = image_grid_thw.tolist()
        held = len(grids) * len(pixel_values) // int(image_grid_thw.prod(-1).sum())
        panels = torch.tensor(
            panel_grids(grids[:held], difference, merge), device=image_grid_thw.device
        )
        seen = looked_at(pixel_values.type(self.visual.dtype), grids[:held], difference)
        kwargs.pop("return_dict", None)
        outputs = self.visual(seen, grid_thw=panels, return_dict=True, **kwargs)

        def laid(features: Tensor, project: Any = None) -> tuple[Tensor, ...]:
            tokens = with_context(features, grids[:held], difference, merge, project)
            return tuple(tokens * (len(grids) // held))

        project = self.diff_proj if self.context and difference != NONE else None
        outputs.pooler_output = laid(outputs.pooler_output, project)
        # Qwen3-VL adds these to the states after its first layers (DeepStack): as they are, and
        # nothing to the tokens of c_v.
        if "deepstack_features" in outputs:
            outputs.deepstack_features = [laid(level) for level in outputs.deepstack_features]
        return outputs


class _Head(_Ours):
    """A Qwen-VL with its head: what is trained, saved, loaded and served."""

    _parent: Any
    _body: Any

    def __init__(self, config: Any) -> None:
        # Not the parent's own: it would build a whole model only to drop it.
        super(self._parent, self).__init__(config)
        self.model = self._body(config)
        text = config.text_config
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()

    def enable_input_require_grads(self) -> None:
        """Do nothing, whoever asks.

        Only reentrant checkpoints need gradients at their inputs. Ours are not, and a frozen vision
        tower would be run backwards for nobody.
        """


class QwenVerifyModel(_Body, Qwen2_5_VLModel):
    """On Qwen2.5-VL, without its head."""

    config_class = QwenVerifyConfig


class QwenVerifyForConditionalGeneration(_Head, Qwen2_5_VLForConditionalGeneration):
    """On Qwen2.5-VL."""

    config_class = QwenVerifyConfig
    _parent, _body = Qwen2_5_VLForConditionalGeneration, QwenVerifyModel


class Qwen3VerifyModel(_Body, Qwen3VLModel):
    """On Qwen3-VL, without its head."""

    config_class = Qwen3VerifyConfig


class Qwen3VerifyForConditionalGeneration(_Head, Qwen3VLForConditionalGeneration):
    """On Qwen3-VL."""

    config_class = Qwen3VerifyConfig
    _parent, _body = Qwen3VLForConditionalGeneration, Qwen3VerifyModel


_MODELS: tuple[Any, ...] = (QwenVerifyForConditionalGeneration, Qwen3VerifyForConditionalGeneration)
# Model type of a base -> its Qwen-Verify, and how its folders' names of weights become ours.
_BASES: dict[str, tuple[Any, dict[str, str] | None]] = {
    "qwen2_5_vl": (QwenVerifyForConditionalGeneration, _NAMES),
    "qwen3_vl": (Qwen3VerifyForConditionalGeneration, None),
}


def register() -> None:
    """Let transformers' ``Auto`` classes know Qwen-Verify; twice does no harm."""
    register_config()
    for model in _MODELS:
        AutoModelForImageTextToText.register(model.config_class, model, exist_ok=True)


def from_scratch(config: Any, seed: int) -> Any:
    """Return a model with random weights, the difference path included; the same for one seed."""
    torch.manual_seed(seed)
    (kind,) = (model for model in _MODELS if model.config_class is type(config))
    model = kind(config)
    if config.difference != NONE:
        nn.init.normal_(model.model.diff_proj.weight, std=config.text_config.hidden_size**-0.5)
    return model


def from_qwen(folder: str | Path, difference: str, **how: Any) -> Any:
    """Return a pretrained Qwen2.5-VL or Qwen3-VL as a Qwen-Verify; a Qwen-Verify as it is.

    It starts as itself, c_v counting nothing.

    Raises:
        ValueError: the folder holds another kind of model.
    """
    register()
    found = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    how = {"trust_remote_code": False, "use_safetensors": True, **how}
    if isinstance(found, DifferenceConfig):
        return AutoModelForImageTextToText.from_pretrained(folder, **how)
    if found.model_type not in _BASES:
        raise ValueError(
            f"{folder} is a {found.model_type} model: Qwen-Verify is trained from a Qwen2.5-VL or "
            f"a dense Qwen3-VL (model_type {' or '.join(_BASES)}), or goes on from a Qwen-Verify"
        )
    kind, names = _BASES[found.model_type]
    values = {key: value for key, value in found.to_dict().items() if key != "model_type"}
    config = kind.config_class(**{**values, "difference": difference})
    model = kind.from_pretrained(folder, config=config, key_mapping=names, **how)
    model._weight_conversions = []  # else it would be saved under the old names again
    return model


@contextmanager
def without_context(model: Any) -> Iterator[None]:
    """Switch the difference context off, in a model or whatever wraps it, for as long as this."""
    inner = [part for part in model.modules() if isinstance(part, _Body)]
    before = [part.context for part in inner]
    for part in inner:
        part.context = False
    try:
        yield
    finally:
        for part, was in zip(inner, before, strict=True):
            part.context = was
