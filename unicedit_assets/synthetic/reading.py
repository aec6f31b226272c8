"""Reads what an instruction in the scenes' language claims, in either language, in any wording.

The vocabulary is closed, so patterns are made of it: a text is read back exactly or not at all.
English claims are canonical English words; Chinese claims are the Chinese words themselves, as two
English words can be one in Chinese: what a Chinese text claims is compared in Chinese
(``in_chinese``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.wording import templates

_FIELD = re.compile(r"\{(?:(a|many|one|measure):)?(\w+)\}")
_OPERATION = "operation"
_FLAT = (
    *(words.BACKDROPS, words.STYLES, words.TONES, words.POSES, words.EFFECTS),
    *(words.EXPRESSIONS, words.EVENTS),
)

_ADJECTIVES = dict((*words.MATERIALS.values(), *words.TEXTURES.values()))

Slots = Mapping[str, str]


class _Reader(NamedTuple):
    operation: str
    pattern: re.Pattern[str]
    plurals: frozenset[str]


@lru_cache(maxsize=4096)
def read(text: str) -> Slots | None:
    """Return what a text claims; None when it is none of the wordings."""
    for language in (0, 1):
        for reader in _readers(language):
            match = reader.pattern.fullmatch(text)
            if match:
                return {_OPERATION: reader.operation} | {
                    name: words.singular(word) if name in reader.plurals else word
                    for name, word in match.groupdict().items()
                }
    return None


def in_chinese(slots: Slots) -> Slots:
    """Return English claims as the Chinese text of the same meaning makes them.

    Raises:
        KeyError: a word is not of the vocabulary.
    """
    return {
        name: word if name == _OPERATION else words.chinese(word) for name, word in slots.items()
    }


@cache
def _readers(language: int) -> tuple[_Reader, ...]:
    """Return a pattern for each wording of a language, the most telling first."""
    found = [
        (rank, -len(pair[language]), _reader(operation, pair[language], language))
        for operation, entry in templates().items()
        for rank, pair in _wordings(entry)
    ]
    return tuple(reader for *_, reader in sorted(found, key=lambda each: each[:2]))


def _wordings(entry: Mapping[str, Iterable[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield an operation's wordings with their rank: the canonical one is read before others."""
    yield 0, list(entry["canonical"])
    yield from ((1, list(pair)) for pair in entry["said"])
    if "vague" in entry:
        yield 2, list(entry["vague"])


def _reader(operation: str, template: str, language: int) -> _Reader:
    pattern, at = "", 0
    plurals: set[str] = set()
    named: set[str] = set()
    for match in _FIELD.finditer(template):
        form, name = match[1] or "", match[2]
        pattern += re.escape(template[at : match.start()])
        pattern += _field(operation, form, name, name in named, language)
        named |= {name} if form != "measure" else set()
        plurals |= {name} if form == "many" else set()
        at = match.end()
    # A sentence begins with a capital, whatever its first word is.
    flags = re.IGNORECASE if template.startswith("{") else re.NOFLAG
    whole = re.compile(pattern + re.escape(template[at:]), flags)
    return _Reader(operation, whole, frozenset(plurals))


def _field(operation: str, form: str, name: str, again: bool, language: int) -> str:
    if form == "measure":
        return "一."
    before = {"a": "(?:an? )", "one": "一."}.get(form, "")
    if again:
        return f"{before}(?P={name})"
    return f"{before}(?P<{name}>{_words_of(operation, name, form, language)})"


def _words_of(operation: str, name: str, form: str, language: int) -> str:
    if name == "count":
        return r"\d+"
    if name == "direction":
        known = {each: words.DIRECTIONS[each] for each in words.DIRECTIONS_OF[operation]}
        return _any(_side(known, language))
    thing = _thing(language, form == "many")
    if name == "target":
        joint = (" and ", "和")[language]
        # Several things are the target of just those operations that say so.
        return f"{thing}{joint}{thing}" if operation.endswith(" both") else thing
    colours = (list(words.COLOURS), [colour for _, colour in words.COLOURS.values()])[language]
    made = [*words.MATERIALS, *words.TEXTURES]
    if language:
        made = [words.chinese(word) for word in made]
    flat = [word for table in _FLAT for word in _side(table, language)]
    return f"{thing}|{_any([*colours, *made, *flat, *words.TEXTS])}|\\d+"


def _side(table: Mapping[str, str], language: int) -> list[str]:
    return list(table.values() if language else table)


def _any(found: Iterable[str]) -> str:
    longest = sorted(set(found), key=lambda word: (-len(word), word))
    return f"(?:{'|'.join(map(re.escape, longest))})"


@cache
def _thing(language: int, many: bool) -> str:
    """Return the pattern of an object phrase: adjectives and a noun, or a person and a colour."""
    places, colours = _side(words.PLACES, language), list(words.COLOURS)
    adjectives = [*_ADJECTIVES, *places, *colours]
    if language == 0:
        things = [noun for noun in words.CLASSES if noun != "person"]
        if many:
            things = [words.plural(noun) for noun in things]
        people = words.plural("person") if many else "person"
        person = f"(?:{_any(places)} )*{people} in {_any(colours)}"
        return f"(?:{person}|(?:{_any(adjectives)} )*{_any(things)})"
    colours = [colour for _, colour in words.COLOURS.values()]
    adjectives = [*_ADJECTIVES.values(), *places, *colours]
    person = f"(?:{_any(places)}的)*穿{_any(colours)}衣服的人"
    plain = f"(?:{_any(adjectives)}的)*{_any(noun for noun, _ in words.CLASSES.values())}"
    return f"(?:{person}|{plain})"
