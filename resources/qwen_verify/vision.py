"""Qwen2.5-VL's vision tower with the same weights and the same mathematics, for equal panels.

transformers splits the panels and attends to one after another; ours are equal most of the time,
and one batched call takes a third of the time on a CPU. The patch embedding is a convolution whose
kernel is its stride: one matrix product.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionPatchEmbed,
    Qwen2_5_VLVisionAttention,
    apply_rotary_pos_emb_vision,
    eager_attention_forward,
)


class EqualPanelsAttention(Qwen2_5_VLVisionAttention):
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
            return super().forward(
                hidden_states, cu_seqlens, position_embeddings=position_embeddings, **kwargs
            )
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


class LinearPatchEmbed(Qwen2_5_VisionPatchEmbed):
    """The patch embedding as one matrix product."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        weight = self.proj.weight
        return functional.linear(hidden_states.to(weight.dtype), weight.flatten(1))


def make_fast(visual: Any) -> None:
    """Give a vision tower these two; before weights are loaded, names and shapes stay."""
    config = visual.config
    visual.patch_embed = LinearPatchEmbed(
        config.patch_size, config.temporal_patch_size, config.in_channels, config.hidden_size
    )
    for block in visual.blocks:
        block.attn = EqualPanelsAttention(config)
