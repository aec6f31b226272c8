"""Folders that settings name: a relative one means below the project's home, from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unicedit_assets.settings.editors import DiffusionEditor, EditorModel
from unicedit_assets.settings.vlms import HttpVlm, VlmModel


def below(home: Path, place: str) -> str:
    """Return a place that means the same from any working directory."""
    return place if not place or "://" in place else str(home.absolute() / place)


def there_below(home: Path, place: str) -> str:
    """Return a place below ``home`` where there is one; a hub id stays a hub id."""
    found = below(home, place)
    return found if Path(found).exists() else place


def placed_editor(home: Path, editor: EditorModel) -> EditorModel:
    """Return an editor whose weights and adapter are found from any working directory."""
    if not isinstance(editor, DiffusionEditor):
        return editor
    update: dict[str, Any] = {"model": there_below(home, editor.model)}
    if editor.lora:
        path = there_below(home, editor.lora.path)
        update["lora"] = editor.lora.model_copy(update={"path": path})
    return editor.model_copy(update=update)


def placed_vlm(home: Path, vlm: VlmModel) -> VlmModel:
    """Return a model whose weights and kept replies are found from any working directory."""
    update: dict[str, Any] = {}
    if not isinstance(vlm, HttpVlm):
        update["model"] = there_below(home, vlm.model)
    if vlm.cache and not vlm.cache.startswith("~"):
        update["cache"] = below(home, vlm.cache)
    return vlm.model_copy(update=update)
