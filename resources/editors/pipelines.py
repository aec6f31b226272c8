"""diffusers pipelines: loading one as its settings say, and what one call of it needs.

Nothing here is imported before a model is loaded, so importing this module costs nothing.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from resources.editors.weights import located
from unicedit_assets.domain.roles import EditorError, EditSample
from unicedit_assets.settings.editors import (
    DiffusionEditor,
    Flux2KleinEditor,
    FluxKontextEditor,
    LoraSettings,
    QwenImageEditor,
    QwenImagePlusEditor,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES: Mapping[type[DiffusionEditor], str] = {
    FluxKontextEditor: "FluxKontextPipeline",
    Flux2KleinEditor: "Flux2KleinPipeline",
    QwenImageEditor: "QwenImageEditPipeline",
    QwenImagePlusEditor: "QwenImageEditPlusPipeline",
}
_AREA = 1024 * 1024
_LIGHTNING_SHIFT = math.log(3)
_RULE_TURNS = 8

# Area and aspect ratio -> width, height and perhaps more.
SizeRule = Callable[[int, float], tuple[Any, ...]]


def load_pipeline(settings: DiffusionEditor, device: str) -> Any:
    """Load a pipeline onto a device: safetensors only, no code from the model's folder.

    Raises:
        Exception: whatever the libraries raise when a model cannot be loaded.
    """
    import diffusers
    import torch

    kind = getattr(diffusers, CLASSES[type(settings)])
    arguments: dict[str, Any] = {
        "dtype": getattr(torch, settings.dtype),
        "use_safetensors": True,
        "local_files_only": settings.offline,
    }
    if settings.revision:
        arguments["revision"] = settings.revision
    if settings.quantization == "int8":
        arguments["quantization_config"] = _int8()
    pipeline = kind.from_pretrained(located(settings.model), **arguments)
    pipeline.set_progress_bar_config(disable=True)
    if settings.lora:
        _fuse(pipeline, settings.lora, settings.offline)
    _set_up(pipeline, settings)
    _place(pipeline, settings, device)
    if settings.compile:
        pipeline.transformer.compile_repeated_blocks(fullgraph=True)
    return pipeline


def _int8() -> Any:
    from diffusers import PipelineQuantizationConfig, TorchAoConfig
    from torchao.quantization import Int8WeightOnlyConfig

    return PipelineQuantizationConfig(
        quant_mapping={"transformer": TorchAoConfig(Int8WeightOnlyConfig())}
    )


def _fuse(pipeline: Any, lora: LoraSettings, offline: bool) -> None:
    arguments: dict[str, Any] = {"use_safetensors": True, "local_files_only": offline}
    if lora.weight_name:
        arguments["weight_name"] = lora.weight_name
    if lora.revision:
        arguments["revision"] = lora.revision
    pipeline.load_lora_weights(located(lora.path), **arguments)
    pipeline.fuse_lora(lora_scale=lora.scale)
    pipeline.unload_lora_weights()


def _set_up(pipeline: Any, settings: DiffusionEditor) -> None:
    """Choose schedule, attention, step cache and tiling."""
    if settings.schedule == "lightning":
        pipeline.scheduler = type(pipeline.scheduler).from_config(
            pipeline.scheduler.config,
            base_shift=_LIGHTNING_SHIFT,
            max_shift=_LIGHTNING_SHIFT,
            shift_terminal=None,
            use_dynamic_shifting=True,
            time_shift_type="exponential",
        )
    if settings.attention != "native":
        pipeline.transformer.set_attention_backend(settings.attention)
    if settings.cache != "none":
        _enable_cache(pipeline, settings)
    if settings.vae_tiling:
        pipeline.vae.enable_tiling()


def _enable_cache(pipeline: Any, settings: DiffusionEditor) -> None:
    from diffusers import FirstBlockCacheConfig, TaylorSeerCacheConfig

    config = (
        FirstBlockCacheConfig(threshold=settings.cache_threshold)
        if settings.cache == "first_block"
        else TaylorSeerCacheConfig()
    )
    transformer = pipeline.transformer
    transformer.enable_cache(config)
    if isinstance(settings, FluxKontextEditor):
        # This pipeline does not name its calls, and the caches ask for a name.
        forward = transformer.forward

        def named(*arguments: Any, **keywords: Any) -> Any:
            with transformer.cache_context("cond"):
                return forward(*arguments, **keywords)

        transformer.forward = named


def _place(pipeline: Any, settings: DiffusionEditor, device: str) -> None:
    import torch

    if settings.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif settings.offload == "group":
        pipeline.enable_group_offload(
            onload_device=torch.device(device),
            offload_type="leaf_level",
            use_stream=device.startswith("cuda"),
        )
    else:
        pipeline.to(device)


def run_pipeline(
    pipeline: Any, settings: DiffusionEditor, samples: Sequence[EditSample]
) -> NDArray[np.floating]:
    """Edit samples of one size; returns floats 0-1 of shape (N, H, W, 3).

    Each row draws from a generator of its own, on the CPU whatever the device, so its noise depends
    on its seed alone.

    Raises:
        EditorError: an instruction is longer than the model reads.
        Exception: whatever the libraries raise.
    """
    import torch

    prompts = [sample.prompt for sample in samples]
    _refuse_long(pipeline, settings, prompts)
    arguments = {
        "prompt": prompts,
        "generator": [torch.Generator("cpu").manual_seed(sample.seed) for sample in samples],
        "num_inference_steps": settings.steps,
        "max_sequence_length": settings.max_sequence_length,
        "output_type": "np",
        **_guidance(settings, len(samples)),
        **_pictures(pipeline, settings, samples),
    }
    try:
        made: NDArray[np.floating] = pipeline(**arguments).images
    except BaseException:
        # Step caches and offloading are only put back at the end of a call that succeeds.
        with suppress(Exception):
            pipeline.maybe_free_model_hooks()
        raise
    return made


def _refuse_long(pipeline: Any, settings: DiffusionEditor, prompts: Sequence[str]) -> None:
    """A text that is too long would be cut off in silence, or break the whole batch."""
    tokenizer = getattr(pipeline, "tokenizer_2", None) or pipeline.tokenizer
    for prompt in prompts:
        text = prompt
        if isinstance(settings, Flux2KleinEditor):
            # The limit holds for the whole message, and the pipeline cuts its end off.
            text = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,
            )
        tokens = len(tokenizer(text, verbose=False).input_ids)
        if tokens > settings.max_sequence_length:
            raise EditorError(
                f"the instruction has {tokens} tokens, the limit is {settings.max_sequence_length}"
            )


def _guidance(settings: DiffusionEditor, rows: int) -> dict[str, Any]:
    if isinstance(settings, Flux2KleinEditor):
        return {"guidance_scale": settings.true_cfg_scale}
    found: dict[str, Any] = {"true_cfg_scale": settings.true_cfg_scale}
    if settings.true_cfg_scale > 1:
        found["negative_prompt"] = [settings.negative_prompt] * rows
    if isinstance(settings, FluxKontextEditor):
        found["guidance_scale"] = settings.guidance
    return found


def _pictures(
    pipeline: Any, settings: DiffusionEditor, samples: Sequence[EditSample]
) -> dict[str, Any]:
    """Return pictures and sizes such that the pipeline works at the source's own size."""
    height, width = samples[0].image.shape[:2]
    pictures = [Image.fromarray(sample.image) for sample in samples]
    found: dict[str, Any] = {"height": height, "width": width}
    if isinstance(settings, FluxKontextEditor):
        # Unless told otherwise it scales to 1024 x 1024 pixels' area and snaps the aspect ratio.
        found |= {"max_area": height * width, "_auto_resize": False}
    elif isinstance(settings, QwenImageEditor) and settings.batch_size > 1:
        # A list skips a resize that a single picture gets, so it is done here.
        size = condition_size(_rule_of(pipeline), width, height)
        pictures = [picture.resize(size, Image.Resampling.LANCZOS) for picture in pictures]
    elif isinstance(settings, QwenImageEditor):
        # One picture, not a list of one: exactly the library's own call.
        return {**found, "image": pictures[0]}
    return {**found, "image": pictures}


def condition_size(rule: SizeRule, width: int, height: int) -> tuple[int, int]:
    """Return the size at which a batch of sources is looked at: about a megapixel.

    The pipeline applies its rule to what it is given once more and would resize again where that
    gives another size (4 of the 17 preferred ones), so the rule is applied until it changes
    nothing.
    """
    size = (width, height)
    for _ in range(_RULE_TURNS):
        found = rule(_AREA, size[0] / size[1])
        if found[:2] == size:
            break
        size = found[0], found[1]
    return size


def _rule_of(pipeline: Any) -> SizeRule:
    rule: SizeRule = importlib.import_module(type(pipeline).__module__).calculate_dimensions
    return rule
