"""The configurations of a Qwen-Verify: its base's, and how the difference context enters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from transformers import AutoConfig
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLConfig

from unicedit_assets.vlm.stacking import ON_QWEN2_5, ON_QWEN3, Layout

NONE, ADD, TOKENS = "none", "add", "tokens"
# Way of the difference context -> panels of the one tall picture: source, edit, room for c_v.
PANELS = {NONE: 2, ADD: 2, TOKENS: 3}


@dataclass(init=False)
class DifferenceConfig:
    """What a Qwen-Verify's configuration has beside its base's.

    Attributes:
        difference: how c_v enters: ``none``; ``add``, to the edited panel's tokens; ``tokens``, as
            tokens of its own in the place of a third panel.
        panel: side of the square panels that the model was trained on, pixels; 0: any size.
        panel_max_pixels: most pixels of a panel of any size that it was trained on; 0: not known.
    """

    difference: str = ADD
    panel: int = 0
    panel_max_pixels: int = 0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)  # type: ignore[misc]
        if self.difference not in PANELS:
            raise ValueError(
                f"difference must be one of {', '.join(PANELS)}, not {self.difference!r}"
            )

    @property
    def layout(self) -> Layout:
        """How the one tall picture is made."""
        vision: Any = self.vision_config  # type: ignore[attr-defined]
        layout = Layout(
            panels=PANELS[self.difference],
            side=self.panel,
            cell=vision.patch_size * vision.spatial_merge_size,
        )
        if not self.panel_max_pixels:
            return layout
        return replace(layout, max_pixels=self.panel_max_pixels)


class QwenVerifyConfig(DifferenceConfig, Qwen2_5_VLConfig):
    """On Qwen2.5-VL."""

    model_type = ON_QWEN2_5


class Qwen3VerifyConfig(DifferenceConfig, Qwen3VLConfig):
    """On Qwen3-VL, the dense one."""

    model_type = ON_QWEN3


def register_config() -> None:
    """Let ``AutoConfig`` know the model types; twice does no harm."""
    for config in (QwenVerifyConfig, Qwen3VerifyConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)
