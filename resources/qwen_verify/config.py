"""The configuration of a Qwen-Verify: Qwen2.5-VL's, and how the difference context enters."""

from __future__ import annotations

from dataclasses import replace

from transformers import AutoConfig
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLConfig

from unicedit_assets.vlm.stacking import Layout

MODEL_TYPE = "qwen_verify"
NONE, ADD, TOKENS = "none", "add", "tokens"
# Way of the difference context -> panels of the one tall picture: source, edit, room for c_v.
PANELS = {NONE: 2, ADD: 2, TOKENS: 3}


class QwenVerifyConfig(Qwen2_5_VLConfig):
    """Qwen2.5-VL's configuration with the visual difference context.

    Attributes:
        difference: how c_v enters: ``none``; ``add``, to the edited panel's tokens; ``tokens``, as
            tokens of its own in the place of a third panel.
        panel: side of the square panels that the model was trained on, pixels; 0: any size.
        panel_max_pixels: most pixels of a panel of any size that it was trained on; 0: not known.
    """

    model_type = MODEL_TYPE

    difference: str = ADD
    panel: int = 0
    panel_max_pixels: int = 0

    def __post_init__(self, **kwargs: object) -> None:
        super().__post_init__(**kwargs)
        if self.difference not in PANELS:
            raise ValueError(
                f"difference must be one of {', '.join(PANELS)}, not {self.difference!r}"
            )

    @property
    def layout(self) -> Layout:
        """How the one tall picture is made."""
        layout = Layout(panels=PANELS[self.difference], side=self.panel)
        if not self.panel_max_pixels:
            return layout
        return replace(layout, max_pixels=self.panel_max_pixels)


def register_config() -> None:
    """Let ``AutoConfig`` know the model type; twice does no harm."""
    AutoConfig.register(MODEL_TYPE, QwenVerifyConfig, exist_ok=True)
