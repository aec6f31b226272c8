"""The settings of neural editors: ``[editors.NAME]`` in ``unicedit.toml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from unicedit_assets.settings.fields import identity, runtime


class EmbeddedEditor(BaseModel):
    """The classical editor under the neural profile: no model, for comparisons and trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["classical"] = identity("classical", "Which editor this is.")


class DiffusionEditor(BaseModel):
    """A diffusers pipeline that edits pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["flux-kontext", "qwen-image-edit", "qwen-image-edit-plus"] = identity(
        ..., "Which pipeline this is."
    )
    model: str = identity(..., "Folder with the weights, or hub id.")
    revision: str = identity("", "Revision on the hub; empty for a folder.")
    device: str = runtime("auto", "Where it runs: `auto`, `cuda`, `cuda:1`, `cpu`.")


EditorModel = Annotated[EmbeddedEditor | DiffusionEditor, Field(discriminator="kind")]
