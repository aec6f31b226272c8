"""The settings of editors: ``[editors.NAME]`` in ``unicedit.toml``, for the neural profile.

A field is identity when it can change the pixels, so that another value makes edits stale. Even a
field that should only save time is identity when it is known to change bits: compiled or other
attention kernels round differently, a step cache skips steps, and rows of a batch are padded and
multiplied together. Where the work is done is runtime: like the kind of accelerator itself, which
also changes the last bits, it is no property of the data that anybody asked for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unicedit_assets.settings.fields import identity, runtime


class EmbeddedEditor(BaseModel):
    """The classical editor under the neural profile: no model, for comparisons and trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["classical"] = identity("classical", "Which editor this is.")


class LoraSettings(BaseModel):
    """A low-rank adapter fused into the model when it is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = identity(..., "Folder with the adapter, its file, or hub id.")
    revision: str = identity("", "Revision on the hub; empty for a folder or file.")
    weight_name: str = identity("", "File below a folder or hub id; empty: the only one there.")
    scale: float = identity(1.0, "Strength of the adapter.", gt=0)


class DiffusionEditor(BaseModel):
    """What all diffusers pipelines that edit pictures have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = identity(..., "Folder with the weights (its contents count), or hub id.")
    revision: str = identity("", "Revision on the hub, best a commit; empty for a folder.")
    dtype: Literal["bfloat16", "float16", "float32"] = identity("bfloat16", "Numbers' type.")
    steps: int = identity(50, "Denoising steps.", ge=1)
    true_cfg_scale: float = identity(
        1.0, "Classifier-free guidance; above 1 each step costs two model calls.", ge=1
    )
    negative_prompt: str = identity(" ", "What to guide away from, where true_cfg_scale > 1.")
    max_sequence_length: int = identity(512, "Most tokens of an instruction.", ge=1, le=1024)
    lora: LoraSettings | None = identity(None, "A low-rank adapter, step-distilled ones included.")
    schedule: Literal["model", "lightning"] = identity(
        "model", "Noise schedule: the model's own, or that of step-distilled Lightning adapters."
    )
    quantization: Literal["none", "int8"] = identity(
        "none", "`int8`: the transformer's weights in 8 bits (extra `quantization`)."
    )
    cache: Literal["none", "first_block", "taylorseer"] = identity(
        "none", "Reuse of earlier steps: faster and not the same picture."
    )
    cache_threshold: float = identity(
        0.05,
        "`first_block`: change of its output below which a step is reused.",
        gt=0,
    )
    attention: str = identity(
        "native", "Attention backend as diffusers names it: `native`, `flash`, `sage` ..."
    )
    compile: bool = identity(False, "Compile the transformer's blocks at the first edit.")
    vae_tiling: bool = identity(False, "Decode in tiles: less memory, other pixels at the seams.")
    batch_size: int = identity(
        1, "Most samples a model call; only 1 makes a row independent of its neighbours.", ge=1
    )
    device: str = runtime("auto", "Where it runs: `auto`, `cuda`, `cuda:1`, `cpu`.")
    offload: Literal["none", "model", "group"] = runtime(
        "none", "Keep weights in main memory and fetch them when needed: less memory, slower."
    )
    offline: bool = runtime(False, "Never ask the hub; what is not there already is an error.")


class FluxKontextEditor(DiffusionEditor):
    """FLUX.1-Kontext; 28 steps and embedded guidance 3.5, the pipeline's published defaults."""

    kind: Literal["flux-kontext"] = identity("flux-kontext", "Which pipeline this is.")
    steps: int = identity(28, "Denoising steps.", ge=1)
    max_sequence_length: int = identity(512, "Most tokens of an instruction.", ge=1, le=512)
    guidance: float = identity(3.5, "Guidance that the distilled model takes as an input.", ge=0)


class QwenImageEditor(DiffusionEditor):
    """Qwen-Image-Edit as in the paper: 50 steps, true_cfg_scale 4, negative prompt " ", bf16."""

    kind: Literal["qwen-image-edit"] = identity("qwen-image-edit", "Which pipeline this is.")
    true_cfg_scale: float = identity(
        4.0, "Classifier-free guidance; above 1 each step costs two model calls.", ge=1
    )


class QwenImagePlusEditor(DiffusionEditor):
    """Qwen-Image-Edit-2509 and later ("Plus"); the pipeline takes one sample a call."""

    kind: Literal["qwen-image-edit-plus"] = identity(
        "qwen-image-edit-plus", "Which pipeline this is."
    )
    steps: int = identity(40, "Denoising steps.", ge=1)
    true_cfg_scale: float = identity(
        4.0, "Classifier-free guidance; above 1 each step costs two model calls.", ge=1
    )
    batch_size: int = identity(1, "Samples a model call; the pipeline takes one.", ge=1, le=1)


class Flux2KleinEditor(DiffusionEditor):
    """FLUX.2-klein, step-distilled: 4 steps, no guidance; its base model: 50 steps, guidance 4."""

    # The pipeline guides away from an empty text only and shifts its schedule by itself; a list of
    # pictures means several sources of one edit, so it takes one sample a call.
    kind: Literal["flux2-klein"] = identity("flux2-klein", "Which pipeline this is.")
    steps: int = identity(4, "Denoising steps; the base model takes 50.", ge=1)
    true_cfg_scale: float = identity(
        1.0,
        "Classifier-free guidance; the distilled model ignores it, the base model takes 4.",
        ge=1,
    )
    negative_prompt: Literal[""] = identity("", "What to guide away from; nothing else here.")
    max_sequence_length: int = identity(512, "Most tokens of an instruction.", ge=1, le=512)
    schedule: Literal["model"] = identity("model", "Noise schedule: the pipeline's own.")
    # diffusers' first-block cache does not know what the last block of this transformer returns.
    cache: Literal["none", "taylorseer"] = identity(
        "none", "Reuse of earlier steps: faster and not the same picture."
    )
    batch_size: int = identity(1, "Samples a model call; the pipeline takes one.", ge=1, le=1)


class EndpointEditor(BaseModel):
    """A server that speaks the OpenAI-style ``POST {base_url}/images/edits``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openai-images"] = identity("openai-images", "How the editor is reached.")
    model: str = identity(..., "Name under which the server knows the model.")
    revision: str = identity("", "What the server runs, as you know it; another text makes stale.")
    options: dict[str, str | int | float | bool] = identity(
        {}, "Further form fields, such as num_inference_steps or quality, sent as they are."
    )
    size: str = identity(
        "source", "Size asked for: `source` is the source's own; else sent as is, such as `auto`."
    )
    send_seed: bool = identity(True, "Send the row's seed; hosted editors may not know the field.")
    response_format: str = runtime("b64_json", "Sent as is; empty: not sent.")
    base_url: str = runtime(..., "Where the server is, such as http://127.0.0.1:8000/v1.")
    api_key_variable: str = runtime("", "Environment variable that holds the key; empty: no key.")
    concurrency: int = runtime(8, "Requests at once.", ge=1)
    timeout: float = runtime(600.0, "Seconds that one answer may take.", gt=0)
    deadline: float = runtime(1800.0, "Seconds for one edit, all attempts together.", gt=0)
    attempts: int = runtime(6, "The most times one edit is asked for.", ge=1)
    max_response_bytes: int = runtime(64 << 20, "Larger answers are refused.", gt=0)


EditorModel = Annotated[
    EmbeddedEditor
    | FluxKontextEditor
    | Flux2KleinEditor
    | QwenImageEditor
    | QwenImagePlusEditor
    | EndpointEditor,
    Field(discriminator="kind"),
]
