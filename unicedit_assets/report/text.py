"""Making texts from data safe to show: bounded, and with nothing invisible in them.

Escaping for HTML is Jinja's work. What escaping leaves in is dealt with here: control characters,
which HTML forbids, and the marks that turn reading direction around, which can make a text look
like another one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from markupsafe import Markup

Box: TypeAlias = tuple[float, float, float, float]

MAX_TEXT = 600
_MAX_FIGURES = 40
_MAX_BOXES = 40
# Controls, direction marks and isolates, invisible joiners, line separators, byte-order marks; and
# lone surrogates and noncharacters, which cannot be written as UTF-8, or not as HTML.
_NONCHARACTERS = "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    f"\ud800-\udfff{_NONCHARACTERS}]"
)


def visible(value: object) -> object:
    """Return a template's value with what cannot be seen written out, such as ``⟨U+202E⟩``."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub(_written_out, value)


def _written_out(found: re.Match[str]) -> str:
    return " " if found[0] in "\t\n\r" else f"⟨U+{ord(found[0]):04X}⟩"


def bounded(value: object, limit: int = MAX_TEXT) -> str:
    """Return a value as text of at most ``limit`` characters and a note of what was cut."""
    text = "" if value is None else str(value)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters)"


def parsed(text: object) -> Any:
    """Return JSON text as a value, or None when it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def flat(value: object, prefix: str = "") -> str:
    """Return a JSON mapping, or its text, as ``name: value`` pairs; anything else as it is."""
    loaded = parsed(value) if isinstance(value, str) else value
    if not isinstance(loaded, Mapping):
        return str(value)
    pairs = (
        flat(each, f"{prefix}{name}.") if isinstance(each, Mapping) else f"{prefix}{name}: {each}"
        for name, each in loaded.items()
    )
    return "; ".join(pairs)


def figures(value: object) -> Mapping[str, float]:
    """Return measured figures from JSON text or a mapping; what is no number is left out."""
    loaded = parsed(value) if isinstance(value, str) else value
    if not isinstance(loaded, Mapping):
        return {}
    numbers = {
        bounded(name, 60): float(number)
        for name, number in sorted(loaded.items())
        if isinstance(number, int | float) and math.isfinite(number)
    }
    return dict(list(numbers.items())[:_MAX_FIGURES])


def boxes(value: object) -> tuple[Box, ...]:
    """Return boxes (x0, y0, x1, y1), clipped to 0-1, from JSON text; what is no box is left out."""
    loaded = parsed(value) if isinstance(value, str) else value
    if not isinstance(loaded, list):
        return ()
    found = (_box(entry) for entry in loaded)
    return tuple(box for box in found if box)[:_MAX_BOXES]


def _box(value: object) -> Box | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(side, int | float) and math.isfinite(side) for side in value):
        return None
    x0, y0, x1, y1 = (min(max(float(side), 0.0), 1.0) for side in value)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
