"""Tiny random checkpoints of the true architectures, saved as folders that production code loads.

About a megabyte each. The pictures mean nothing; shapes, seeds, batches and files are real.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from random_models import flux2_klein, flux_kontext, qwen_edit

HIDDEN = 32


def _qwen(kind: str) -> Any:
    return qwen_edit(
        kind,
        text={
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vision": {
                "depth": 1,
                "hidden_size": HIDDEN,
                "intermediate_size": 64,
                "num_heads": 2,
            },
            "mrope": [2, 3, 3],
        },
        vae={
            "base_dim": 8,
            "z_dim": 4,
            "dim_mult": [1] * 4,
            "num_res_blocks": 1,
            "temperal_downsample": [False, True, True],
            "latents_mean": [0.0] * 4,
            "latents_std": [1.0] * 4,
        },
        transformer={
            "patch_size": 2,
            "in_channels": 16,
            "out_channels": 4,
            "num_layers": 2,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": HIDDEN,
            "axes_dims_rope": (4, 6, 6),
        },
        max_pixels=56 * 56,
    )


def _flux() -> Any:
    return flux_kontext(
        clip={
            "hidden_size": HIDDEN,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "projection_dim": HIDDEN,
        },
        t5={"d_model": HIDDEN, "d_kv": 16, "d_ff": 37, "num_layers": 1, "num_heads": 2},
        vae={
            "block_out_channels": (8,) * 4,
            "norm_num_groups": 4,
            "latent_channels": 4,
            "shift_factor": 0.0609,
            "scaling_factor": 1.5035,
        },
        transformer={
            "patch_size": 1,
            "in_channels": 16,
            "num_layers": 1,
            "num_single_layers": 2,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": HIDDEN,
            "pooled_projection_dim": HIDDEN,
            "axes_dims_rope": (4, 4, 8),
        },
    )


def _klein() -> Any:
    return flux2_klein(
        text={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 28,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
        },
        vae={
            "block_out_channels": (8,) * 4,
            "layers_per_block": 1,
            "norm_num_groups": 4,
            "latent_channels": 4,
        },
        transformer={
            "in_channels": 16,
            "num_layers": 1,
            "num_single_layers": 2,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "axes_dims_rope": (4, 4, 4, 4),
        },
    )


def save_tiny(kind: str, folder: Path, seed: int = 0) -> Path:
    """Save a tiny checkpoint of an editor's kind; another seed, other weights."""
    torch.manual_seed(seed)
    pipeline = {
        "flux-kontext": _flux,
        "flux2-klein": _klein,
        "qwen-image-edit": lambda: _qwen("QwenImageEditPipeline"),
        "qwen-image-edit-plus": lambda: _qwen("QwenImageEditPlusPipeline"),
    }[kind]()
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
