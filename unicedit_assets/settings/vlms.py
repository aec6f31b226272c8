"""The settings of vision-language models: ``[vlms.NAME]`` in ``unicedit.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unicedit_assets.domain.identity import Json
from unicedit_assets.settings.fields import identity, identity_of, runtime
from unicedit_assets.vlm.stacking import CELL, Layout

_LATER = ("panels", "panel_side", "panel_max_pixels", "panel_cell")


class VlmSettings(BaseModel):
    """What all vision-language models have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = identity(
        ..., "Name under which the server knows the model; else a folder or a hub id."
    )
    revision: str = identity(
        "", "Revision on the hub, or of what is served; empty for a folder (its content counts)."
    )
    max_pixels: int = identity(
        1_100_000, "Larger pictures are shrunk to this many pixels before they are sent.", ge=1024
    )
    panels: Literal[0, 2, 3] = identity(
        0,
        "Of a trained Qwen-Verify: panels of the one tall picture that it is shown, 2, or 3 with "
        "difference tokens; 0: any other model.",
    )
    panel_side: int = identity(
        0, "Of a trained Qwen-Verify: side of its square panels, pixels; 0: any aspect.", ge=0
    )
    panel_max_pixels: int = identity(
        0,
        "Of a trained Qwen-Verify: most pixels of a panel of any aspect, as it was trained; 0: "
        "its share of `max_pixels`.",
        ge=0,
    )
    panel_cell: int = identity(
        0,
        "Of a trained Qwen-Verify: side of a cell of its pictures, pixels; 32 on Qwen3-VL; 0: 28, "
        "as on Qwen2.5-VL.",
        ge=0,
    )
    concurrency: int = runtime(16, "Questions in flight at once.", ge=1)
    deadline: float = runtime(600.0, "Seconds for one question, repeated tries included.", gt=0)
    cache: str = runtime("", "Folder in which replies are kept; empty: none are.")
    cache_bytes: int = runtime(
        2 << 30, "Most bytes of kept replies; the oldest go first.", ge=1 << 20
    )

    def identity_fields(self) -> dict[str, Json]:
        """Return the fields that can change a reply, as JSON."""
        fields = identity_of(self)
        # What came later must not change the fingerprints of those who do not use it.
        return {name: value for name, value in fields.items() if value or name not in _LATER}

    @property
    def layout(self) -> Layout | None:
        """How a trained Qwen-Verify is shown both pictures; None for any other model."""
        if not self.panels:
            return None
        most = self.panel_max_pixels or self.max_pixels // self.panels
        return Layout(self.panels, self.panel_side, most, self.panel_cell or CELL)

    @property
    def sent_pixels(self) -> int:
        """Most pixels of a picture as it is sent; a stack of whole panels is never shrunk."""
        return max(self.max_pixels, self.panels * self.panel_max_pixels)


class HttpVlm(VlmSettings):
    """A model behind any OpenAI-compatible endpoint, such as a vLLM server."""

    kind: Literal["openai"] = runtime("openai", "How the model is reached.")
    base_url: str = runtime(
        ..., "Where the server is, such as http://127.0.0.1:8000/v1.", pattern="^https?://"
    )
    key_variable: str = runtime(
        "OPENAI_API_KEY", "Environment variable that holds the key; may be unset."
    )
    structured: Literal["json_schema", "json_object", "none"] = identity(
        "json_schema", "How the server is told to reply in JSON; what comes is checked anyway."
    )
    logprobs: bool = identity(
        True, "Ask for token probabilities, which become the verifier's confidence."
    )
    tries: int = runtime(6, "Most tries of one question, the first included.", ge=1)
    timeout: float = runtime(180.0, "Seconds for one try.", gt=0)


class VllmVlm(VlmSettings):
    """A model that vLLM serves inside this process; many threads' questions become batches."""

    kind: Literal["vllm"] = runtime("vllm", "How the model is reached.")
    concurrency: int = runtime(64, "Questions in flight at once.", ge=1)
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = identity(
        "auto", "Type of the weights."
    )
    max_model_len: int | None = identity(
        None, "Longest question and reply, tokens; none: what the model can.", ge=16
    )
    tensor_parallel: int = runtime(1, "GPUs that share the model.", ge=1)
    gpu_memory: float = runtime(0.9, "Share of the GPU's memory for model and cache.", gt=0, le=1)
    engine: dict[str, bool | int | float | str] = identity(
        {}, "Further arguments of vLLM's engine."
    )


class TransformersVlm(VlmSettings):
    """A model loaded by transformers in this process; always the likeliest reply, one at a time."""

    kind: Literal["transformers"] = runtime("transformers", "How the model is reached.")
    concurrency: Literal[1] = runtime(1, "Questions in flight at once.")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = identity(
        "auto", "Type of the weights."
    )
    device: str = runtime("auto", "Where it runs: `auto`, `cuda`, `cuda:1`, `cpu`.")


VlmModel = Annotated[HttpVlm | VllmVlm | TransformersVlm, Field(discriminator="kind")]
