"""Writes what an edit claims, in both languages, and reads canonical texts back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from unicedit_assets.prompts import Prompt, load_prompt
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.pair import Wording

_FIELD = re.compile(r"\{(?:(a|many|one|measure):)?(\w+)\}")


@cache
def prompt() -> Prompt:
    """Return the wordings file with its hash."""
    return load_prompt("synthetic.yaml")


@cache
def templates() -> Mapping[str, Any]:
    """Return the wordings of every operation."""
    return MappingProxyType(prompt().data["operations"])


def held_out(operation: str) -> str:
    """Return the name of an operation's held-out template."""
    return f"{operation}/{len(templates()[operation]['said']) - 1}"


def trained(operation: str) -> int:
    """Return how many of an operation's templates are not held out."""
    return len(templates()[operation]["said"]) - 1


def _english(template: str, slots: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        form, name = match.groups()
        shape = {"a": words.article, "many": words.plural}.get(form, str)
        return shape(slots[name])

    text = _FIELD.sub(fill, template)
    return text[0].upper() + text[1:]


def _chinese(template: str, slots: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        form, name = match.groups()
        if form == "one":
            return words.measured(slots[name])
        return words.measure(slots[name]) if form == "measure" else words.chinese(slots[name])

    return _FIELD.sub(fill, template)


def _written(pair: tuple[str, str], slots: Mapping[str, str]) -> Wording:
    return Wording(_english(pair[0], slots), _chinese(pair[1], slots), MappingProxyType({**slots}))


def canonical(slots: Mapping[str, str]) -> Wording:
    """Return the one text that states these slots.

    Raises:
        KeyError: the operation is unknown, or a slot that it needs is missing.
    """
    return _written(templates()[slots["operation"]]["canonical"], slots)


def asked(slots: Mapping[str, str], template: str) -> Wording:
    """Return an instruction with these slots by the template ``operation/number``."""
    number = int(template.rpartition("/")[2])
    return _written(templates()[slots["operation"]]["said"][number], slots)


def vague(slots: Mapping[str, str]) -> Wording | None:
    """Return the instruction with a claim left open, or None when the operation has none."""
    pair = templates()[slots["operation"]].get("vague")
    if pair is None:
        return None
    left = {"operation": slots["operation"]}
    left |= {name: slots[name] for _, name in _FIELD.findall(pair[0])}
    return _written(pair, left)


@cache
def _readers() -> tuple[tuple[str, re.Pattern[str], tuple[tuple[str, str], ...]], ...]:
    """One pattern per canonical text; the longest first, as some begin like others."""
    readers = []
    for operation, entry in templates().items():
        english = entry["canonical"][0]
        fields = tuple((name, form) for form, name in _FIELD.findall(english))
        pattern, at = "", 0
        for match in _FIELD.finditer(english):
            pattern += re.escape(english[at : match.start()])
            before = "(?:an?) " if match[1] == "a" else ""
            pattern += f"{before}(?P<{match[2]}>{_values(operation, match[2])})"
            at = match.end()
        readers.append((operation, re.compile(pattern + re.escape(english[at:])), fields))
    return tuple(sorted(readers, key=lambda reader: -len(reader[1].pattern)))


def _values(operation: str, name: str) -> str:
    if name == "direction":
        return "|".join(words.DIRECTIONS_OF[operation])
    return r"\d+" if name == "count" else "[^.]+?"


def slots_of(text_en: str) -> Mapping[str, str] | None:
    """Return what a canonical English text claims, or None when it is not one.

    The inverse of ``canonical(...).en``: ``slots_of(canonical(slots).en) == slots``.
    """
    for operation, pattern, fields in _readers():
        found = pattern.fullmatch(text_en)
        if found:
            slots = {"operation": operation}
            for name, form in fields:
                value = found[name]
                slots[name] = words.singular(value) if form == "many" else value
            return slots if _known(slots) else None
    return None


def _known(slots: Mapping[str, str]) -> bool:
    try:
        for name, value in slots.items():
            if name != "operation":
                words.chinese(value)
    except KeyError:
        return False
    return True
