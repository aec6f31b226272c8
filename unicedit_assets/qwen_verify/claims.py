"""What an instruction claims: operation, target, attribute, direction, count.

Two texts mean the same exactly when their claims are equal, whatever their words; that is what
makes a rewritten instruction right or wrong without a judge. A text is read back through the two
languages that this project writes, the scene generator's and the embedded editor's; a text in
neither has no claims, and is right only where it is the very text that was expected.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.synthetic import reading

CLAIMS = ("operation", "target", "attribute", "direction", "count")

Claims = Mapping[str, str]

_PIECE = re.compile(r"[a-z0-9]+|[^\W_a-z0-9]")

# Slot of the embedded editor's language -> the claim that it is part of; any other: the attribute.
_CLAIM_OF: Mapping[str, str] = {
    **dict.fromkeys(("colour", "kind", "place", "thing", "things"), "target"),
    **dict.fromkeys(("side", "turn", "to_place"), "direction"),
    "count": "count",
}


def of_intent(intent: Intent) -> Claims:
    """Return the claims of an instruction in the embedded editor's language."""
    found: dict[str, list[str]] = {"operation": [intent.operation]}
    steps = intent.steps or (intent,)
    if intent.steps:
        found["operation"] = [step.operation for step in steps]
    for step in steps:
        said: dict[str, list[str]] = {}
        for slot, word in sorted(step.slots.items()):
            said.setdefault(_CLAIM_OF.get(slot, "attribute"), []).append(f"{slot}={word}")
        for claim, words in said.items():
            found.setdefault(claim, []).append(" ".join(words))
    return {claim: " + ".join(words) for claim, words in found.items()}


class Language(StrEnum):
    """The languages whose texts can be read back."""

    SCENE = "scene"
    EMBEDDED = "embedded"
    FREE = "free"


def _embedded(text: str) -> Claims | None:
    intent = language.parse(text)
    return of_intent(intent) if intent else None


_READERS: Mapping[Language, Callable[[str], Claims | None]] = {
    Language.SCENE: reading.read,
    Language.EMBEDDED: _embedded,
}


def read(text: str, written_in: Language = Language.EMBEDDED) -> Claims | None:
    """Return what an instruction claims; None when it is not a text of that language."""
    reader = _READERS.get(written_in)
    found = reader(text) if reader and text else None
    return _unordered(found) if found else None


def _unordered(found: Claims) -> Claims:
    """Return claims with the two things of a symmetric edit in one order, whichever was said."""
    operation = found["operation"]
    if operation == "swap" and {"target", "attribute"} <= found.keys():
        target, attribute = sorted((found["target"], found["attribute"]))
        return {**found, "target": target, "attribute": attribute}
    if operation == "recolour both":
        joint = " and " if " and " in found["target"] else "和"
        return {**found, "target": joint.join(sorted(found["target"].split(joint)))}
    return found


def language_of(text: str) -> Language:
    """Return the language that a text can be read back in, else free text."""
    return next((each for each in _READERS if read(text, each) is not None), Language.FREE)


def alike(en: Claims, cn: Claims, written_in: Language) -> bool:
    """Tell whether an English and a Chinese text claim the same."""
    if written_in is Language.SCENE:
        # What a Chinese text of scenes claims is told in Chinese words.
        return dict(_unordered(reading.in_chinese(en))) == dict(cn)
    return dict(en) == dict(cn)


def agreement(true: Claims, said: Claims) -> float:
    """Return the share of all claims, made or missing, that both make alike (0-1).

    The intersection over the union: an invented claim costs as much as a missing one.
    """
    together = {*true, *said}
    same = sum(name in true and name in said and true[name] == said[name] for name in together)
    return same / len(together) if together else 1.0


def overlap(expected: str, text: str) -> float:
    """Return how far two texts share their words (Chinese: characters), as F1, 0-1.

    For texts that cannot be read back, such as those of a model that was never told our wordings.
    """
    one, two = Counter(_pieces(expected)), Counter(_pieces(text))
    both = (one & two).total()
    return 2 * both / (one.total() + two.total()) if both else 0.0


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(text.casefold())
