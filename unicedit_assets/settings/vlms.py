"""The settings of vision-language models: ``[vlms.NAME]`` in ``unicedit.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unicedit_assets.settings.fields import identity, runtime


class HttpVlm(BaseModel):
    """A model behind any OpenAI-compatible endpoint, such as a vLLM server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openai"] = runtime("openai", "How the model is reached.")
    model: str = identity(..., "Name under which the server knows the model.")
    base_url: str = runtime(..., "Where the server is, such as http://127.0.0.1:8000/v1.")


class TransformersVlm(BaseModel):
    """A model loaded by transformers in this process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["transformers"] = runtime("transformers", "How the model is reached.")
    model: str = identity(..., "Folder with the weights, or hub id.")


VlmModel = Annotated[HttpVlm | TransformersVlm, Field(discriminator="kind")]
