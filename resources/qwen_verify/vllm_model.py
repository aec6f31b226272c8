"""Qwen-Verify for vLLM: its Qwen2.5-VL and Qwen3-VL with our encoding of each tall picture.

vLLM finds it through the entry point ``vllm.general_plugins`` = ``unicedit``, in each of its
processes. All that depends on source and edit lies within one picture, so its cache of encoded
pictures holds what it should.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.config import VllmConfig
from vllm.model_executor.models.qwen2_5_vl import (
    Qwen2_5_VLDummyInputsBuilder,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLMultiModalProcessor,
    Qwen2_5_VLProcessingInfo,
)
from vllm.model_executor.models.qwen3_vl import (
    Qwen3VLDummyInputsBuilder,
    Qwen3VLForConditionalGeneration,
    Qwen3VLMultiModalProcessor,
    Qwen3VLProcessingInfo,
)
from vllm.model_executor.models.utils import WeightsMapper
from vllm.multimodal import MULTIMODAL_REGISTRY

from resources.qwen_verify.config import NONE, PANELS
from resources.qwen_verify.context import (
    DifferenceProjection,
    looked_at,
    panel_grids,
    with_context,
)


class _PanelDummies:
    """Dummy pictures, by which vLLM measures its memory, that can be cut into panels."""

    info: Any

    def _get_dummy_images(self, *, width: int, height: int, **how: Any) -> Any:
        config = self.info.get_hf_config()
        vision = config.vision_config
        unit = vision.patch_size * vision.spatial_merge_size * PANELS[config.difference]
        rows = max(1, height // unit) * unit
        parent: Any = super()
        return parent._get_dummy_images(width=width, height=rows, **how)


class _StacksOnly:
    """Refuses, with its request alone, a picture that is no stack; the engine never sees it."""

    info: Any

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Any, out_mm_kwargs: Any
    ) -> Any:
        config = self.info.get_hf_config()
        items = [item for item in out_mm_kwargs.get("image", []) if item is not None]
        grids = [item["image_grid_thw"].data.tolist() for item in items]
        panel_grids(grids, config.difference, config.vision_config.spatial_merge_size)
        parent: Any = super()
        return parent._get_prompt_updates(mm_items, hf_processor_mm_kwargs, out_mm_kwargs)


class _Ours(torch.nn.Module):
    """The visual difference context of both; see ``resources.qwen_verify.context``."""

    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.diff_proj.": "diff_proj.",
            "model.language_model.": "language_model.model.",
            "model.visual.": "visual.",
            "lm_head.": "language_model.lm_head.",
        }
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        if vllm_config.compilation_config.cudagraph_mm_encoder:
            # Recorded graphs would encode pictures without asking us: no panels, no c_v.
            raise ValueError("a Qwen-Verify is not served with cudagraph_mm_encoder: leave it off")
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        self._difference = self.config.difference
        if self._difference != NONE:
            with self._mark_tower_model(vllm_config, {"image", "video"}):
                self.diff_proj = DifferenceProjection(self.config.text_config.hidden_size)

    def _process_image_input(self, image_input: Any) -> tuple[torch.Tensor, ...]:
        grids = image_input["image_grid_thw"].tolist()
        how = self._difference, self.visual.spatial_merge_size
        panels = panel_grids(grids, *how)
        pixels = looked_at(image_input["pixel_values"], grids, self._difference)
        project = self.diff_proj if self._difference != NONE else None
        # Beside its latents Qwen3-VL's tower gives what DeepStack adds to later layers, in the
        # same rows: as it is.
        latents, deep = _split(self.visual(pixels, grid_thw=panels), self.config)
        made = with_context(latents, grids, *how, project)
        if not deep.shape[1]:
            return tuple(made)
        kept = with_context(deep, grids, *how, None)
        return tuple(torch.cat(both, dim=1) for both in zip(made, kept, strict=True))


def _split(features: torch.Tensor, config: Any) -> tuple[torch.Tensor, torch.Tensor]:
    width = config.vision_config.out_hidden_size
    return features[:, :width], features[:, width:]


class PanelsDummyInputsBuilder(_PanelDummies, Qwen2_5_VLDummyInputsBuilder):
    """Qwen2.5-VL's."""


class PanelsProcessor(_StacksOnly, Qwen2_5_VLMultiModalProcessor):
    """Qwen2.5-VL's."""


@MULTIMODAL_REGISTRY.register_processor(
    PanelsProcessor,
    info=Qwen2_5_VLProcessingInfo,
    dummy_inputs=PanelsDummyInputsBuilder,
)
class QwenVerifyForConditionalGeneration(_Ours, Qwen2_5_VLForConditionalGeneration):
    """On vLLM's Qwen2.5-VL."""


class Panels3DummyInputsBuilder(_PanelDummies, Qwen3VLDummyInputsBuilder):
    """Qwen3-VL's."""


class Panels3Processor(_StacksOnly, Qwen3VLMultiModalProcessor):
    """Qwen3-VL's."""


@MULTIMODAL_REGISTRY.register_processor(
    Panels3Processor,
    info=Qwen3VLProcessingInfo,
    dummy_inputs=Panels3DummyInputsBuilder,
)
class Qwen3VerifyForConditionalGeneration(_Ours, Qwen3VLForConditionalGeneration):
    """On vLLM's Qwen3-VL."""
