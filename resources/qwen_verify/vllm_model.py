"""Qwen-Verify for vLLM: its Qwen2.5-VL with our encoding of each tall picture.

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
from vllm.model_executor.models.utils import WeightsMapper
from vllm.multimodal import MULTIMODAL_REGISTRY

from resources.qwen_verify.config import NONE, PANELS
from resources.qwen_verify.context import (
    DifferenceProjection,
    looked_at,
    panel_grids,
    with_context,
)


class PanelsDummyInputsBuilder(Qwen2_5_VLDummyInputsBuilder):
    """Dummy pictures, by which vLLM measures its memory, that can be cut into panels."""

    def _get_dummy_images(self, *, width: int, height: int, **how: Any) -> Any:
        config = self.info.get_hf_config()
        vision = config.vision_config
        unit = vision.patch_size * vision.spatial_merge_size * PANELS[config.difference]
        rows = max(1, height // unit) * unit
        return super()._get_dummy_images(width=width, height=rows, **how)


class PanelsProcessor(Qwen2_5_VLMultiModalProcessor):
    """Refuses, with its request alone, a picture that is no stack; the engine never sees it."""

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Any, out_mm_kwargs: Any
    ) -> Any:
        config = self.info.get_hf_config()
        items = [item for item in out_mm_kwargs.get("image", []) if item is not None]
        grids = [item["image_grid_thw"].data.tolist() for item in items]
        panel_grids(grids, config.difference, config.vision_config.spatial_merge_size)
        return super()._get_prompt_updates(mm_items, hf_processor_mm_kwargs, out_mm_kwargs)


@MULTIMODAL_REGISTRY.register_processor(
    PanelsProcessor,
    info=Qwen2_5_VLProcessingInfo,
    dummy_inputs=PanelsDummyInputsBuilder,
)
class QwenVerifyForConditionalGeneration(Qwen2_5_VLForConditionalGeneration):
    """vLLM's Qwen2.5-VL with the visual difference context."""

    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix={
            "model.diff_proj.": "diff_proj.",
            "model.language_model.": "language_model.model.",
            "model.visual.": "visual.",
            "lm_head.": "language_model.lm_head.",
        }
    )

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        self._difference = self.config.difference
        if self._difference != NONE:
            with self._mark_tower_model(vllm_config, {"image", "video"}):
                self.diff_proj = DifferenceProjection(self.config.text_config.hidden_size)

    def _process_image_input(self, image_input: Any) -> tuple[torch.Tensor, ...]:
        grids = image_input["image_grid_thw"].tolist()
        merge = self.visual.spatial_merge_size
        panels = panel_grids(grids, self._difference, merge)
        pixels = looked_at(image_input["pixel_values"], grids, self._difference)
        features = self.visual(pixels, grid_thw=panels)
        project = self.diff_proj if self._difference != NONE else None
        return tuple(with_context(features, grids, self._difference, merge, project))
