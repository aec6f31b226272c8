"""Random checkpoints of the true architectures, at any size: tokenizers, parts, whole pipelines.

Tests build tiny ones (``tiny_editors``, ``tiny_vlm``), the benchmarks of a GPU those of the real
sizes. A size is what is passed on to a configuration of transformers or diffusers; everything that
holds the parts together is written here once. What such models say or paint means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

Size = Mapping[str, Any]

TEXTS = (
    "Paint the left of the picture red. Replace the sky by a starry night.",
    "Describe the key features of the input image (color, shape, size, texture, objects).",
    "把图片的左边涂成红色。",
)
QWEN_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

# Qwen2.5-VL as published; "vision" and "mrope" (sections of the rotary embedding) stand apart.
QWEN_VL_7B: Size = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "vision": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "fullatt_block_indexes": [7, 15, 23, 31],
    },
    "mrope": [16, 24, 24],
}
QWEN_VL_3B: Size = {
    **QWEN_VL_7B,
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
}


# Enough of a chat template for a text encoder that takes a message.
MESSAGE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def bpe_parts(
    special: Sequence[str], texts: Sequence[str] = TEXTS
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return vocabulary and merges of a byte-level BPE trained on a few sentences."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def qwen_tokenizer(texts: Sequence[str] = TEXTS, **options: Any) -> Any:
    vocab, merges = bpe_parts(QWEN_TOKENS, texts)
    special = list(QWEN_TOKENS[1:])
    return Qwen2Tokenizer(vocab=vocab, merges=merges, extra_special_tokens=special, **options)


def clip_tokenizer() -> Any:
    vocab, merges = bpe_parts(["<|startoftext|>", "<|endoftext|>"])
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def t5_tokenizer() -> Any:
    letters = sorted({letter for text in TEXTS for letter in text} - {" "})
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocab += [(letter, -3.0) for letter in letters]
    return T5TokenizerFast(vocab=vocab, extra_ids=0, model_max_length=512)


def qwen_processor(tokenizer: Any, max_pixels: int, kind: Any = Qwen2VLProcessor) -> Any:
    """Return a processor that shrinks pictures to ``max_pixels``; it takes the chat template."""
    return kind(
        image_processor=Qwen2VLImageProcessor(
            min_pixels=28 * 28, max_pixels=max_pixels, patch_size=14, merge_size=2
        ),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=getattr(tokenizer, "chat_template", None),
    )


def qwen_vl_processor(tokenizer: Any, max_pixels: int) -> Any:
    return qwen_processor(tokenizer, max_pixels, Qwen2_5_VLProcessor)


def qwen_vl(tokenizer: Any, size: Size, **options: Any) -> Any:
    """Return a random Qwen2.5-VL of a size; ``options`` are of its configuration."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_TOKENS}
    text = {name: value for name, value in size.items() if name not in ("vision", "mrope")}
    vision = dict(size["vision"])
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "rope_scaling": {"type": "mrope", "mrope_section": size["mrope"]},
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids["<|im_end|>"],
            **text,
        },
        vision_config={
            "out_hidden_size": size["hidden_size"],
            "fullatt_block_indexes": [vision["depth"] - 1],
            **vision,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        **options,
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def qwen3_vl_processor(tokenizer: Any, max_pixels: int) -> Any:
    """Return a processor of Qwen3-VL: patches of 16 pixels, other means."""
    half = [0.5, 0.5, 0.5]
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            min_pixels=32 * 32, max_pixels=max_pixels, patch_size=16, merge_size=2,
            image_mean=half, image_std=half,
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(),
        chat_template=getattr(tokenizer, "chat_template", None),
    )  # fmt: skip


def qwen3_vl(tokenizer: Any, size: Size, **options: Any) -> Any:
    """Return a random Qwen3-VL of a size; ``options`` are of its configuration."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_TOKENS}
    text = {name: value for name, value in size.items() if name not in ("vision", "mrope")}
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5_000_000.0,
                "mrope_interleaved": True,
                "mrope_section": size["mrope"],
            },
            "bos_token_id": ids["<|im_start|>"],
            "eos_token_id": ids["<|im_end|>"],
            **text,
        },
        vision_config={"out_hidden_size": size["hidden_size"], **size["vision"]},
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        **options,
    )
    return Qwen3VLForConditionalGeneration(config).eval()


def qwen_edit(kind: str, text: Size, vae: Size, transformer: Size, max_pixels: int) -> Any:
    """Return a random Qwen-Image-Edit, or its Plus, by the name of its pipeline."""
    import diffusers as d

    tokenizer = qwen_tokenizer()
    return getattr(d, kind)(
        scheduler=d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=d.AutoencoderKLQwenImage(**vae),
        text_encoder=qwen_vl(tokenizer, text),
        tokenizer=tokenizer,
        processor=qwen_processor(tokenizer, max_pixels),
        transformer=d.QwenImageTransformer2DModel(**transformer),
    )


def flux_kontext(clip: Size, t5: Size, vae: Size, transformer: Size) -> Any:
    """Return a random FLUX.1-Kontext."""
    import diffusers as d

    clip_words, t5_words = clip_tokenizer(), t5_tokenizer()
    ends = {name: getattr(clip_words, name) for name in ("bos_token_id", "eos_token_id")}
    clip_config = CLIPTextConfig(**{"vocab_size": len(clip_words), **ends, **clip})
    t5_config = T5Config(**{"vocab_size": len(t5_words), **t5})
    return d.FluxKontextPipeline(
        scheduler=d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=d.AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            **vae,
        ),
        text_encoder=CLIPTextModel(clip_config).eval(),
        tokenizer=clip_words,
        text_encoder_2=T5EncoderModel(t5_config).eval(),
        tokenizer_2=t5_words,
        transformer=d.FluxTransformer2DModel(guidance_embeds=True, **transformer),
    )


def flux2_klein(text: Size, vae: Size, transformer: Size) -> Any:
    """Return a random FLUX.2-klein, step-distilled; it reads layers 9, 18 and 27 of its Qwen3."""
    import diffusers as d

    tokenizer = qwen_tokenizer(pad_token="<|endoftext|>", eos_token="<|im_end|>")
    tokenizer.chat_template = MESSAGE
    config = Qwen3Config(**{"vocab_size": len(tokenizer), **text})
    return d.Flux2KleinPipeline(
        scheduler=d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=d.AutoencoderKLFlux2(**vae),
        text_encoder=Qwen3ForCausalLM(config).eval(),
        tokenizer=tokenizer,
        transformer=d.Flux2Transformer2DModel(
            guidance_embeds=False, joint_attention_dim=3 * text["hidden_size"], **transformer
        ),
        is_distilled=True,
    )
