"""From ``--editor`` to an editor for the benchmark; nothing is loaded before its first edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resources.editors.build import editor_from
from resources.embedded import embedded_backends
from resources.neural import neural_backends
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain.roles import Editor
from unicedit_assets.settings import Settings
from unicedit_assets.settings.editors import (
    DiffusionEditor,
    FluxKontextEditor,
    QwenImageEditor,
    QwenImagePlusEditor,
)

_INDEX = "model_index.json"
_PIPELINES: dict[str, type[DiffusionEditor]] = {
    "FluxKontextPipeline": FluxKontextEditor,
    "QwenImageEditPipeline": QwenImageEditor,
    "QwenImageEditPlusPipeline": QwenImagePlusEditor,
}


def editor_from_text(text: str, home: Path) -> tuple[str, Editor]:
    """Return a name and the editor that a text stands for.

    Args:
        text: an editor of the project, ``classical``, ``identity``, or a folder with a pipeline.
        home: the project.

    Raises:
        BenchError: it stands for nothing.
        SettingsError: a package is missing, or the settings cannot be used.
    """
    settings = Settings.load(home)
    embedded = embedded_backends(settings)
    if text in settings.editors:
        return text, neural_backends(settings).models[text]
    if text in embedded.models:
        return text, embedded.models[text]
    if (Path(text) / _INDEX).is_file():
        return Path(text).resolve().name, _pipeline(Path(text), settings)
    known = ", ".join(dict.fromkeys([*settings.editors, *embedded.models]))
    raise BenchError(f"no editor {text!r}: give a folder with {_INDEX}, or one of {known}")


def _pipeline(folder: Path, settings: Settings) -> Editor:
    try:
        name = json.loads((folder / _INDEX).read_text("utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError) as error:
        raise BenchError(f"{folder / _INDEX} cannot be read: {error}") from error
    if name not in _PIPELINES:
        raise BenchError(f"{folder} is a {name}; there are: {', '.join(_PIPELINES)}")
    try:
        chosen: Any = _PIPELINES[name](model=str(folder.resolve()))
    except ValidationError as error:
        raise BenchError(f"{folder}: {error.errors()[0]['msg']}") from error
    return editor_from(folder.resolve().name, chosen, settings.gpu)
