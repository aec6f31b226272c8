"""Hallucinated texts from true ones: one claim is altered, everything else stays word for word.

Rejected texts of preference pairs for what the pipeline itself verified. The closer a rejected text
is to the chosen one, the more it teaches; so a colour, a side, a number or another word of the
embedded language's lexicon is exchanged, in both languages alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from unicedit_assets.domain import language
from unicedit_assets.domain.identity import seed_from
from unicedit_assets.domain.language import Intent, Wording
from unicedit_assets.qwen_verify import claims

# What free texts are searched for; words that mean one thing wherever they stand.
_WORDS = ("colour", "count", "place", "size", "turn")
_WORDINGS = 8


def altered(wording: Wording) -> Wording | None:
    """Return a wording with one claim altered; the same for the same text. None: nothing to alter.

    A text of the embedded language is altered by its meaning, any other where both of its texts
    name the same word of the lexicon.
    """
    intent = language.parse(wording.en)
    found = list(_by_meaning(wording, intent) if intent else _by_word(wording))
    if not found:
        return None
    return found[seed_from("altered", wording.en, wording.cn) % len(found)]


def altered_claim(true: Wording, said: Wording) -> str:
    """Return the claim in which two texts differ; empty where that cannot be read."""
    one, two = claims.read(true.en), claims.read(said.en)
    if one is None or two is None:
        return ""
    return next((name for name in claims.CLAIMS if one.get(name) != two.get(name)), "")


def _by_meaning(wording: Wording, intent: Intent) -> Iterator[Wording]:
    if language.parse(wording.cn) != intent:
        return
    en, cn = (_variant(intent, wording, name) for name in ("en", "cn"))
    for other in _other_intents(intent):
        yield Wording(language.phrase(other, en).en, language.phrase(other, cn).cn)


def _variant(intent: Intent, wording: Wording, name: str) -> int:
    """Return which wording of an intent a text is, so that only the altered word differs."""
    text = getattr(wording, name)
    same = (v for v in range(_WORDINGS) if getattr(language.phrase(intent, v), name) == text)
    return next(same, 0)


def _other_intents(intent: Intent) -> Iterator[Intent]:
    for place, step in enumerate(intent.steps):
        for other in _other_intents(step):
            yield replace(intent, steps=(*intent.steps[:place], other, *intent.steps[place + 1 :]))
    for slot, word in intent.slots.items():
        for instead in _other_words(slot, word):
            # Painting a red thing red is no edit, so nobody would write it.
            if instead not in intent.slots.values():
                yield replace(intent, slots={**intent.slots, slot: instead})


def _other_words(slot: str, word: str) -> list[str]:
    try:
        return [key for key in language.lexicon(slot) if key != word]
    except KeyError:  # a literal: a number is doubled, letters are not touched
        number = re.fullmatch(r"\d+(\.\d+)?", word)
        return [f"{2 * float(word):g}"] if number else []


def _by_word(wording: Wording) -> Iterator[Wording]:
    for slot in _WORDS:
        lexicon = language.lexicon(slot)
        for key, (en, cn) in lexicon.items():
            spot = re.compile(rf"\b{re.escape(en)}\b", re.IGNORECASE)
            # Once in each: which of two to alter is anybody's guess.
            if len(spot.findall(wording.en)) != 1 or wording.cn.count(cn) != 1:
                continue
            for other, (other_en, other_cn) in lexicon.items():
                if other != key and other_en not in wording.en and other_cn not in wording.cn:
                    yield Wording(spot.sub(other_en, wording.en), wording.cn.replace(cn, other_cn))
