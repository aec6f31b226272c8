"""Reading a model's reply strictly: exactly one JSON object that keeps to its schema, or an error.

Fences, prose or a closed ``<think>`` passage around the one object are tolerated; a thought that
does not end, a second object, a bare value beside the object, a repeated key, NaN, an unknown key,
a number out of range or of another type are not. A reply is never mended into something the model
did not say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.texts import is_text

_BRACKETS = frozenset("{}[]")
_THOUGHT, _THOUGHT_END = "<think>", "</think>"
_BETWEEN = re.compile(r"[\s,;`]+")


class ParseError(ValueError):
    """A reply is not the one JSON object asked for; the message says what is wrong with it."""


def parse_reply(text: str, schema: Mapping[str, Json]) -> dict[str, Any]:
    """Return the one object of a reply, checked against the schema.

    Raises:
        ParseError: see above.
    """
    value = parse_object(text)
    flaw = next(flaws(value, schema), None)
    if flaw:
        raise ParseError(flaw)
    return value


def parse_object(text: str) -> dict[str, Any]:
    """Return the one JSON object in a text.

    Raises:
        ParseError: there is none, more than one, or it is not strict JSON.
    """
    _, _, said = text.rpartition(_THOUGHT_END)
    start = said.find("{")
    if start < 0:
        raise ParseError("there is no JSON object in the reply")
    if _THOUGHT in said[:start]:
        raise ParseError("the thought before the JSON object does not end")
    try:
        value, end = _DECODER.raw_decode(said, start)
    except RecursionError:
        raise ParseError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise ParseError(f"not valid JSON: {error}") from None
    before, after = said[:start], said[end:]
    if _BRACKETS & set(before + after) or _is_bare(before) or _is_bare(after):
        raise ParseError("more than one JSON value in the reply")
    if not isinstance(value, dict):
        raise ParseError("the reply is not a JSON object")
    return value


def _is_bare(text: str) -> bool:
    """Tell whether a text is nothing but JSON values, such as a number behind the object."""
    pieces = [piece for piece in _BETWEEN.split(text) if piece]
    return bool(pieces) and (_is_json(text.strip(" \t\r\n,;`")) or all(map(_is_json, pieces)))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ParseError(f"the key {key!r} occurs twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ParseError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ParseError(f"{text} is too large for a number")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, strict=True
)


def flaws(value: Any, schema: Mapping[str, Any], path: str = "the reply") -> Iterator[str]:
    """Yield what in a value breaks a schema; knows the few words that our schemas use."""
    kind = schema["type"]
    if not _IS[kind](value):
        yield f"{path} must be of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path} must be one of {', '.join(map(str, schema['enum']))}, not {value!r}"
    if kind == "object":
        yield from _object_flaws(value, schema["properties"], path)
    elif kind == "array":
        yield from _array_flaws(value, schema, path)
    elif kind in ("number", "integer"):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if not low <= value <= high:
            yield f"{path} must be from {low} to {high}, not {value}"
    elif kind == "string" and not is_text(value):
        yield f"{path} holds characters that cannot be stored"


def _object_flaws(value: dict[str, Any], properties: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in value.keys() - properties.keys():
        yield f"{path} has an unknown key {name!r}"
    for name, schema in properties.items():
        if name in value:
            yield from flaws(value[name], schema, name)
        else:
            yield f"{path} lacks the key {name!r}"


def _array_flaws(value: list[Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if not least <= len(value) <= most:
        yield f"{path} must have from {least} to {most} items, not {len(value)}"
    for index, item in enumerate(value):
        yield from flaws(item, schema["items"], f"{path}[{index}]")


_IS = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


class Token(NamedTuple):
    """One token of a reply as it was generated."""

    text: str
    logprob: float


def value_probability(tokens: Sequence[Token], field: str) -> float | None:
    """Return the probability of the tokens that spell a field's boolean or word; None when absent.

    Tokens that begin before or end after the value count too: a token such as ``": true"`` decides
    it as well. A field that is named twice has no one value.
    """
    text = "".join(token.text for token in tokens)
    found = list(re.finditer(rf'"{re.escape(field)}"\s*:\s*("[^"]*"|true|false)', text))
    if len(found) != 1:
        return None
    start, end = found[0].span(1)
    total, at = 0.0, 0
    for token in tokens:
        if at < end and at + len(token.text) > start:
            total += token.logprob
        at += len(token.text)
    probability = math.exp(min(0.0, total))
    return probability if math.isfinite(probability) else None


def weighed(tokens: Sequence[Token], fields: Sequence[str]) -> dict[str, float]:
    """Return field -> probability of its value, for those that the tokens tell."""
    found = {field: value_probability(tokens, field) for field in fields}
    return {field: value for field, value in found.items() if value is not None}
