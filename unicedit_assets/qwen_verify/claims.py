"""What an instruction claims: operation, target, attribute, direction, count.

Two texts mean the same exactly when their claims are equal, whatever their words; that is what
makes a rewritten instruction right or wrong without a judge. A text is read back through the two
languages that this project writes, the scene generator's and the embedded editor's; a text in
neither has no claims, and is right only where it is the very text that was expected.
"""

from __future__ import annotations

from collections.abc import Mapping

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent

CLAIMS = ("operation", "target", "attribute", "direction", "count")

Claims = Mapping[str, str]

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


def read(text: str) -> Claims | None:
    """Return what an instruction claims, in either language; None when it cannot be read."""
    intent = language.parse(text)
    return of_intent(intent) if intent else None


def agreement(true: Claims, said: Claims | None) -> float:
    """Return the share of all claims, made or missing, that both make alike (0-1).

    The intersection over the union: an invented claim costs as much as a missing one.
    """
    if said is None:
        return 0.0
    together = {*true, *said}
    same = sum(name in true and name in said and true[name] == said[name] for name in together)
    return same / len(together) if together else 1.0
