"""The vision towers with the same weights and the same mathematics, for equal panels.

transformers splits the panels and attends to one after another; ours are equal most of the time,
and one batched call takes a third of the time on a CPU. The patch embedding is a convolution whose
kernel is its stride: one matrix product. Qwen2.5-VL and Qwen3-VL differ in how the parts are made.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionPatchEmbed,
    Qwen2_5_VLVisionAttention,
    apply_rotary_pos_emb_vision,
    eager_attention_forward,
)
from transformers.models.qwen3_vl.modeling_qwen3_vl import (
    Qwen3VLVisionAttention,
    Qwen3VLVisionPatchEmbed,
)


class _EqualPanels(nn.Module):
    """Attends within all panels at once where they are equal; else, and with flash, as ever."""

    def forward(
        self,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        **kwargs: Any,
    ) -> Tensor:
        lengths = (cu_seqlens[1:] - cu_seqlens[:-1]).tolist()
        how = self.config._attn_implementation
        if how not in ("eager", "sdpa") or len(set(lengths)) != 1 or position_embeddings is None:
            seen: Tensor = super().forward(
                hidden_states, cu_seqlens, position_embeddings=position_embeddings, **kwargs
            )
            return seen
        panels, length = len(lengths), lengths[0]
        qkv = self.qkv(hidden_states).view(panels * length, 3, self.num_heads, self.head_dim)
        query, key, value = qkv.unbind(1)
        query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        query, key, value = (
            one.view(panels, length, self.num_heads, self.head_dim).transpose(1, 2)
            for one in (query, key, value)
        )
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(how, eager_attention_forward)
        seen, _ = attend(
            self, query, key, value, attention_mask=None, scaling=self.scaling, dropout=0.0,
            is_causal=False,
        )  # fmt: skip
        out: Tensor = self.proj(seen.reshape(panels * length, -1).contiguous())
        return out


class _Linear(nn.Module):
    """The patch embedding as one matrix product."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        weight = self.proj.weight
        return functional.linear(hidden_states.to(weight.dtype), weight.flatten(1), self.proj.bias)


class EqualPanelsAttention(_EqualPanels, Qwen2_5_VLVisionAttention):
    """Qwen2.5-VL's."""


class EqualPanelsAttention3(_EqualPanels, Qwen3VLVisionAttention):
    """Qwen3-VL's."""


class LinearPatchEmbed(_Linear, Qwen2_5_VisionPatchEmbed):
    """Qwen2.5-VL's."""

    def __init__(self, config: Any) -> None:
        super().__init__(
            config.patch_size, config.temporal_patch_size, config.in_channels, config.hidden_size
        )


class LinearPatchEmbed3(_Linear, Qwen3VLVisionPatchEmbed):
    """Qwen3-VL's, with a bias."""


def make_fast(visual: Any) -> None:
    """Give a vision tower these two; before weights are loaded, names and shapes stay."""
    newer = isinstance(visual.patch_embed, Qwen3VLVisionPatchEmbed)
    visual.patch_embed = (LinearPatchEmbed3 if newer else LinearPatchEmbed)(visual.config)
    for block in visual.blocks:
        block.attn = (EqualPanelsAttention3 if newer else EqualPanelsAttention)(visual.config)
