"""The embedded backends' small instruction language: intents, their wordings, and back again.

An intent is an operation with slots, such as
``recolor(colour=red, kind=object, place=left, to=blue)``. ``phrase`` words it in English and
Chinese; ``parse`` reads either text back. The wordings live in ``prompts/wordings.yaml``, whose
hash travels with every instruction made from it. An editor, a verifier and a judge that only get
the text meet here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from unicedit_assets.domain.identity import Json
from unicedit_assets.prompts import Prompt, load_prompt

COMPOUND = "compound"

# A slot that takes its words from another slot's lexicon.
_SAME_WORDS = {"to": "colour", "to_place": "place"}
_LITERALS = {"factor": r"\d+(?:\.\d+)?", "degrees": r"\d+(?:\.\d+)?", "text": r"[^\"“”]{1,60}"}
_SLOT = re.compile(r"\{(\w+)\}")
_SLOT_WITH_ARTICLE = re.compile(r"(\ba )?\{(\w+)\}")
_VOWELS = "aeiou"
_QUOTES = str.maketrans({"„": '"', "«": '"', "»": '"'})


@dataclass(frozen=True)
class Intent:
    """One edit as a meaning rather than a sentence.

    Attributes:
        operation: an operation of the wordings file, or ``compound``.
        slots: slot name -> lexicon key or literal text (numbers stay text, so that they compare).
        steps: the intents of a compound, in order; empty otherwise.
    """

    operation: str
    slots: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Intent, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the intent as JSON."""
        return {
            "operation": self.operation,
            "slots": dict(self.slots),
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Intent:
        """Read an intent written by ``to_json``.

        Raises:
            ValueError: the value is not such an intent.
        """
        operation, slots, steps = value.get("operation"), value.get("slots"), value.get("steps")
        if (
            not isinstance(operation, str)
            or not isinstance(slots, Mapping)
            or not isinstance(steps, (list, tuple))
        ):
            raise ValueError(f"not an intent: {value!r}")
        return cls(
            operation,
            {str(name): str(word) for name, word in slots.items()},
            tuple(cls.from_json(step) for step in steps if isinstance(step, Mapping)),
        )


@dataclass(frozen=True)
class Wording:
    """The same instruction in both languages."""

    en: str
    cn: str


@dataclass(frozen=True)
class _Rule:
    operation: str
    pattern: re.Pattern[str]


@cache
def prompt() -> Prompt:
    """Return the wordings file with its hash."""
    return load_prompt("wordings.yaml")


@cache
def _grammar() -> Mapping[str, Mapping[str, Mapping[str, tuple[str, str]]]]:
    lexicon = prompt().data["lexicon"]
    return {
        "lexicon": {
            slot: {key: (words[0], words[1]) for key, words in entries.items()}
            for slot, entries in lexicon.items()
        }
    }


def lexicon(slot: str) -> Mapping[str, tuple[str, str]]:
    """Return a slot's vocabulary: key -> (English, Chinese).

    Raises:
        KeyError: the slot takes literals or does not exist.
    """
    return _grammar()["lexicon"][_SAME_WORDS.get(slot, slot)]


def operations() -> tuple[str, ...]:
    """Return the names of the simple operations, in the wordings file's order."""
    return tuple(prompt().data["operations"])


def slots_of(operation: str) -> tuple[str, ...]:
    """Return the slots that an operation needs, in the order of its first wording."""
    return tuple(_SLOT.findall(prompt().data["operations"][operation]["en"][0]))


def subtask_of(operation: str) -> str:
    """Return the taxonomy subtask that an operation belongs to.

    Raises:
        KeyError: no such operation.
    """
    if operation == COMPOUND:
        return str(prompt().data["compound"]["subtask"])
    return str(prompt().data["operations"][operation]["subtask"])


def _fill(template: str, slots: Mapping[str, str], language: int) -> str:
    def word(match: re.Match[str]) -> str:
        article, slot = match[1] or "", match[2]
        said = slots[slot] if slot in _LITERALS else lexicon(slot)[slots[slot]][language]
        return ("an " if article and said[:1].lower() in _VOWELS else article) + said

    return _SLOT_WITH_ARTICLE.sub(word, template)


def _bare(text: str) -> str:
    return text.rstrip().rstrip(".。?？!！")


def phrase(intent: Intent, variant: int = 0) -> Wording:
    """Word an intent in English and Chinese; ``variant`` picks among the wordings.

    Raises:
        KeyError: an unknown operation, slot or word.
    """
    if intent.operation == COMPOUND:
        first, second = (phrase(step, variant) for step in intent.steps)
        data = prompt().data["compound"]
        follow = second.en[0].lower() + second.en[1:]
        return Wording(
            data["en"].format(first=_bare(first.en), second=_bare(follow)),
            data["cn"].format(first=_bare(first.cn), second=_bare(second.cn)),
        )
    data = prompt().data["operations"][intent.operation]
    en, cn = data["en"], data["cn"]
    return Wording(
        _fill(en[variant % len(en)], intent.slots, 0),
        _fill(cn[variant % len(cn)], intent.slots, 1),
    )


@dataclass(frozen=True)
class Points:
    """Reasoning points: plain statements of what a right result shows, in both languages."""

    en: tuple[str, ...]
    cn: tuple[str, ...]


def reasoning_points(intent: Intent) -> Points:
    """Return what a right result must show, for an intent of a Reasoning Editing subtask.

    A compound's points are its steps as instructions (``parse`` reads them) and that the rest
    stays. Other intents whose operation has no points get none.
    """
    closing = prompt().data["closing_point"]
    if intent.operation == COMPOUND:
        steps = [phrase(step) for step in intent.steps]
        return Points(
            (*(step.en for step in steps), closing["en"]),
            (*(step.cn for step in steps), closing["cn"]),
        )
    data = prompt().data["points"].get(intent.operation)
    if data is None:
        return Points((), ())
    return Points(
        (*(_fill(point, intent.slots, 0) for point in data["en"]), closing["en"]),
        (*(_fill(point, intent.slots, 1) for point in data["cn"]), closing["cn"]),
    )


@dataclass(frozen=True)
class Claim:
    """What a reasoning point says that a right result shows.

    Attributes:
        operation: whose result it speaks of.
        slots: those that the point names; not all that the operation needs.
    """

    operation: str
    slots: Mapping[str, str]


def is_closing_point(text: str) -> bool:
    """Tell whether a reasoning point says that the rest stays."""
    return text in set(prompt().data["closing_point"].values())


def parse_point(text: str) -> Claim | None:
    """Read a reasoning point that is no step of a compound; None when it is not in the language."""
    bare = _bare(" ".join(text.translate(_QUOTES).split()))
    for language in (0, 1):
        found = _first_match(bare, _point_rules(language), language)
        if found:
            return Claim(found.operation, found.slots)
    return None


@cache
def _point_rules(language: int) -> tuple[_Rule, ...]:
    field_name = ("en", "cn")[language]
    return tuple(
        _Rule(operation, _compile(_bare(template), language))
        for operation, data in prompt().data["points"].items()
        for template in data[field_name]
    )


@cache
def _rules(language: int) -> tuple[_Rule, ...]:
    field_name = ("en", "cn")[language]
    rules = []
    for operation, data in prompt().data["operations"].items():
        for template in data[field_name]:
            rules.append(_Rule(operation, _compile(_bare(template), language)))
    return tuple(rules)


def _compile(template: str, language: int) -> re.Pattern[str]:
    pieces, end = [], 0
    for match in _SLOT_WITH_ARTICLE.finditer(template):
        pieces.append(re.escape(template[end : match.start()]).replace(r"\ ", r"\s+"))
        pieces.append(r"an?\s+" if match[1] else "")
        slot = match[2]
        options = _LITERALS.get(slot) or "|".join(
            re.escape(words[language])
            for words in sorted(lexicon(slot).values(), key=lambda w: -len(w[language]))
        )
        pieces.append(f"(?P<{slot}>{options})")
        end = match.end()
    pieces.append(re.escape(template[end:]).replace(r"\ ", r"\s+"))
    return re.compile("".join(pieces), re.IGNORECASE)


def _key_of(slot: str, word: str, language: int) -> str:
    folded = word.casefold()
    return next(k for k, words in lexicon(slot).items() if words[language].casefold() == folded)


def _parse_simple(text: str, language: int) -> Intent | None:
    return _first_match(text, _rules(language), language)


def _first_match(text: str, rules: Sequence[_Rule], language: int) -> Intent | None:
    for rule in rules:
        match = rule.pattern.fullmatch(text)
        if match:
            return Intent(
                rule.operation,
                {
                    slot: word if slot in _LITERALS else _key_of(slot, word, language)
                    for slot, word in match.groupdict().items()
                },
            )
    return None


def parse(text: str) -> Intent | None:
    """Read an instruction in either language; None when it is not in the language.

    Case, repeated spaces and the closing mark do not matter.
    """
    bare = _bare(" ".join(text.translate(_QUOTES).split()))
    for language, joint in ((0, ", then "), (1, "，然后")):
        whole = _parse_simple(bare, language)
        if whole:
            return whole
        first, found, second = bare.partition(joint)
        steps = tuple(
            step for part in (first, second) if (step := _parse_simple(_bare(part), language))
        )
        if found and len(steps) == 2:
            return Intent(COMPOUND, {}, steps)
    return None
