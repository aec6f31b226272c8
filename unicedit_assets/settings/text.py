"""``unicedit.toml`` as it is written for a new project: every field with its meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import BaseModel

from unicedit_assets.settings.fields import StageSettings
from unicedit_assets.settings.project import Settings


def settings_text(changed: Mapping[str, object]) -> str:
    """Return a commented ``unicedit.toml``: every field with its meaning; defaults commented out.

    Args:
        changed: dotted name, such as ``raw_images.licence`` -> value that differs from the default.
    """
    lines = [
        "# Settings of this UnicEdit project. Lines that start with '#' show the defaults.",
        "",
    ]
    lines += _field_lines(Settings(), "", changed)
    for name in Settings.model_fields:
        part = getattr(Settings(), name)
        if isinstance(part, StageSettings):
            lines += ["", f"[{name}]", *_field_lines(part, f"{name}.", changed)]
    return "\n".join(lines) + "\n"


def _field_lines(model: BaseModel, prefix: str, changed: Mapping[str, object]) -> list[str]:
    lines = []
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, StageSettings):
            continue
        lines.append(f"# {info.description}")
        if value is None and f"{prefix}{name}" not in changed:
            lines.append(f"# {name} =  # none")
        elif f"{prefix}{name}" in changed:
            lines.append(f"{name} = {_toml(changed[f'{prefix}{name}'])}")
        else:
            lines.append(f"# {name} = {_toml(value)}")
    return lines


def _toml(value: object) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    # JSON and TOML agree about strings, booleans and numbers.
    return json.dumps(value, ensure_ascii=False)
