"""``unicedit.toml`` as it is written for a new project, and the tables that it can hold besides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from unicedit_assets.settings.editors import EditorModel
from unicedit_assets.settings.project import Settings
from unicedit_assets.settings.vlms import VlmModel

# Tables of which there may be any number, by what their KIND may be.
_NAMED: Mapping[str, tuple[type[BaseModel], ...]] = {
    "editors": get_args(get_args(EditorModel)[0]),
    "vlms": get_args(get_args(VlmModel)[0]),
}


def settings_text(changed: Mapping[str, object]) -> str:
    """Return a commented ``unicedit.toml``: every field with its meaning; defaults commented out.

    Args:
        changed: dotted name, such as ``raw_images.licence`` -> value that differs from the default.
    """
    lines = [
        "# Settings of this UnicEdit project. Lines that start with '#' show the defaults.",
        "# Editors and vision-language models are tables of their own: `unicedit settings editors`",
        "# and `unicedit settings vlms` show what they can hold.",
        "",
    ]
    lines += _field_lines(Settings, "", changed)
    for name in Settings.model_fields:
        part = getattr(Settings(), name)
        if isinstance(part, BaseModel):
            lines += ["", f"[{name}]", *_field_lines(type(part), f"{name}.", changed)]
    return "\n".join(lines) + "\n"


def tables() -> Mapping[str, str]:
    """Return every table that ``unicedit.toml`` can hold, by name, each as TOML to copy."""
    found = {
        name: "\n".join([f"[{name}]", *_field_lines(type(part), f"{name}.", {})])
        for name in Settings.model_fields
        if isinstance(part := getattr(Settings(), name), BaseModel)
    }
    return {**found, **{family: "\n\n".join(_kinds(family)) for family in _NAMED}}


def _kinds(family: str) -> Iterator[str]:
    """Yield one table a kind, what must be given first."""
    for model in _NAMED[family]:
        purpose = " ".join((model.__doc__ or "").split())
        lines = _field_lines(model, "", {})
        kind = f'kind = "{model.model_fields["kind"].default}"'
        told = lines.index(f"# {kind}")
        del lines[told - 1 : told + 1]
        yield "\n".join([f"# {purpose}", f"[{family}.NAME]", kind, *lines])


def _field_lines(model: type[BaseModel], prefix: str, changed: Mapping[str, object]) -> list[str]:
    lines = []
    for name, info in model.model_fields.items():
        value = info.get_default(call_default_factory=True)
        if isinstance(value, BaseModel) and model is Settings:
            continue
        lines += [f"# {info.description}", _value_line(name, info, changed.get(f"{prefix}{name}"))]
    return lines


def _value_line(name: str, info: FieldInfo, chosen: object) -> str:
    if chosen is not None:
        return f"{name} = {_toml(chosen)}"
    if info.is_required():
        return f"{name} =  # must be given"
    default = info.get_default(call_default_factory=True)
    return f"# {name} =  # none" if default is None else f"# {name} = {_toml(default)}"


def _toml(value: object) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    # JSON and TOML agree about strings, booleans and numbers.
    return json.dumps(value, ensure_ascii=False)


def with_value(text: str, table: str, name: str, value: object) -> str:
    """Return a settings file's text with one field of a table set; the rest stays as it was.

    The line that shows the default, or an earlier value, is replaced; a missing table is added.
    """
    line = f"{name} = {_toml(value)}"
    head = re.search(rf"^\[{re.escape(table)}\][^\n]*\n?", text, re.MULTILINE)
    if head is None:
        return f"{text.rstrip()}\n\n[{table}]\n{line}\n".lstrip()
    after = re.compile(r"^\[", re.MULTILINE).search(text, head.end())
    end = after.start() if after else len(text)
    body = text[head.end() : end]
    # A live line wins over a commented default.
    for pattern in (rf"^{name}[ \t]*=[^\n]*", rf"^#[ \t]*{name}[ \t]*=[^\n]*"):
        changed, number = re.subn(pattern, lambda _: line, body, count=1, flags=re.MULTILINE)
        if number:
            return text[: head.end()] + changed + text[end:]
    return text[: head.end()].rstrip("\n") + f"\n{line}\n{body}" + text[end:]
