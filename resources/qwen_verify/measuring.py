"""How right a checkpoint's chains are, by class of pair; the quick look while training.

The whole evaluation, with baselines and intervals by subtask, is ``unicedit_assets.qwen_verify``'s.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from unicedit_assets.qwen_verify.question import Example
from unicedit_assets.synthetic.generator import slots_of
from unicedit_assets.truth.outcomes import rate
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.verifier import SCHEMA

FIGURES = ("readable", "is_changed", "class", "exact_en", "exact_cn")
CLAIMS = "claims"
COLUMNS = (*FIGURES, CLAIMS)


def right(target: str, said: str) -> dict[str, bool]:
    """Return which figures one reply gets right; nothing of an unreadable one is."""
    true = json.loads(target)
    try:
        told = parse_reply(said, SCHEMA)
    except ParseError:
        return dict.fromkeys(FIGURES, False)
    return {
        "readable": True,
        "is_changed": told["is_changed"] == true["is_changed"],
        "class": told["class"] == true["class"],
        "exact_en": told["rewritten_en"] == true["rewritten_en"],
        "exact_cn": told["rewritten_cn"] == true["rewritten_cn"],
    }


def claims_right(target: str, said: str) -> tuple[int, int]:
    """Return how many of the true instruction's claims a reply's instruction makes, of how many.

    Claims are the slots of canonical texts; a text that is not canonical makes none.
    """
    true = slots_of(json.loads(target)["rewritten_en"]) or {}
    try:
        told = slots_of(parse_reply(said, SCHEMA)["rewritten_en"]) or {}
    except ParseError:
        told = {}
    return sum(told.get(name) == value for name, value in true.items()), len(true)


def tally(
    examples: Sequence[Example], said: Sequence[str], by: str = "kind"
) -> dict[str, dict[str, Any]]:
    """Return kind (or subtask) -> figure -> [right, of]; ``all`` sums them."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: {name: [0, 0] for name in COLUMNS})
    for example, reply in zip(examples, said, strict=True):
        rights = {name: (int(ok), 1) for name, ok in right(example.target, reply).items()}
        rights[CLAIMS] = claims_right(example.target, reply)
        for group in (getattr(example, by), "all"):
            for name, (hits, cases) in rights.items():
                found[group][name][0] += hits
                found[group][name][1] += cases
    return {group: found[group] for group in sorted(found)}


def table(counts: dict[str, dict[str, Any]]) -> Iterable[str]:
    """Yield a tally as lines of a table."""
    yield f"{'':24}" + "".join(f"{name:>12}" for name in COLUMNS) + f"{'of':>7}"
    for group, figures in counts.items():
        cells = "".join(f"{rate(*figures[name]).share:12.3f}" for name in COLUMNS)
        yield f"{group:24}{cells}{figures['readable'][1]:7d}"
