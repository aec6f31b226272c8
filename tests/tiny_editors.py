"""Tiny random checkpoints of the true architectures, saved as folders that production code loads.

About a megabyte each. The pictures mean nothing; shapes, seeds, batches and files are real.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLQwenImage,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

HIDDEN = 32
TEXTS = [
    "Paint the left of the picture red. Replace the sky by a starry night.",
    "Describe the key features of the input image (color, shape, size, texture, objects).",
    "把图片的左边涂成红色。",
]
QWEN_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


def byte_level(special: list[str], size: int = 400) -> Tokenizer:
    """Train a byte-level BPE on a few sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def bpe_parts(special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return vocabulary and merges of a trained byte-level BPE."""
    model = json.loads(byte_level(special).to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def qwen_tokenizer() -> Any:
    vocab, merges = bpe_parts(QWEN_TOKENS)
    return Qwen2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=QWEN_TOKENS[1:])


def qwen_processor(tokenizer: Any, max_pixels: int = 56 * 56) -> Any:
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            min_pixels=28 * 28, max_pixels=max_pixels, patch_size=14, merge_size=2
        ),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
    )


def qwen_text_encoder(tokenizer: Any) -> Any:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_TOKENS}
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": len(tokenizer),
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 1,
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def qwen_pipeline(kind: type[DiffusionPipeline]) -> DiffusionPipeline:
    """Build a random Qwen-Image-Edit, or its Plus."""
    tokenizer = qwen_tokenizer()
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1] * 4,
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=qwen_text_encoder(tokenizer),
        tokenizer=tokenizer,
        processor=qwen_processor(tokenizer),
        transformer=QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=HIDDEN,
            axes_dims_rope=(4, 6, 6),
        ),
    )


def clip_tokenizer() -> Any:
    vocab, merges = bpe_parts(["<|startoftext|>", "<|endoftext|>"])
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def t5_tokenizer() -> Any:
    letters = sorted({letter for text in TEXTS for letter in text} - {" "})
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocab += [(letter, -3.0) for letter in letters]
    return T5TokenizerFast(vocab=vocab, extra_ids=0, model_max_length=512)


def flux_pipeline() -> DiffusionPipeline:
    """Build a random FLUX.1-Kontext."""
    clip, t5 = clip_tokenizer(), t5_tokenizer()
    text = {"num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": len(clip)}
    clip_config = CLIPTextConfig(
        hidden_size=HIDDEN,
        intermediate_size=37,
        projection_dim=HIDDEN,
        bos_token_id=clip.bos_token_id,
        eos_token_id=clip.eos_token_id,
        **text,
    )
    t5_config = T5Config(
        d_model=HIDDEN, d_kv=16, d_ff=37, num_layers=1, num_heads=2, vocab_size=len(t5)
    )
    return FluxKontextPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKL(
            block_out_channels=(8,) * 4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=4,
            latent_channels=4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.0609,
            scaling_factor=1.5035,
        ),
        text_encoder=CLIPTextModel(clip_config).eval(),
        tokenizer=clip,
        text_encoder_2=T5EncoderModel(t5_config).eval(),
        tokenizer_2=t5,
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=HIDDEN,
            pooled_projection_dim=HIDDEN,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
    )


def save_tiny(kind: str, folder: Path, seed: int = 0) -> Path:
    """Save a tiny checkpoint of an editor's kind; another seed, other weights."""
    torch.manual_seed(seed)
    pipeline = {
        "flux-kontext": flux_pipeline,
        "qwen-image-edit": lambda: qwen_pipeline(QwenImageEditPipeline),
        "qwen-image-edit-plus": lambda: qwen_pipeline(QwenImageEditPlusPipeline),
    }[kind]()
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder
