"""Do a rewritten instruction and the listed differences agree about sides and numbers?

A rule, not a model: left for right and two for three are the slips that models make and that models
overlook. It speaks only when both sides name a side or a number and none of them is shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Letters in the picture say nothing about it.
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|「[^」]*」|《[^》]*》')
_SIDES = {
    "left": re.compile(r"\bleft(?:most|-hand)?\b|左", re.IGNORECASE),
    "right": re.compile(r"\bright(?:most|-hand)?\b|右", re.IGNORECASE),
}
_NUMBERS = {
    2: ("two", "pair of", "both", "两", "二", "双"),
    3: ("three", "三"),
    4: ("four", "四"),
    5: ("five", "五"),
    6: ("six", "六"),
    7: ("seven", "七"),
    8: ("eight", "八"),
    9: ("nine", "九"),
    10: ("ten", "十"),
}
_COUNTED = "个|只|条|辆|匹|朵|棵|本|张|把|件|位|名|头|颗|根|座|架|艘|盏|块"


def conflict(text: str, differences: Iterable[str]) -> str:
    """Return where a text contradicts the differences, or nothing."""
    said, shown = _QUOTED.sub("", text), _QUOTED.sub("", "; ".join(differences))
    told, seen = _sides(said), _sides(shown)
    if told and seen and not told & seen:
        return f"the text says {told.pop()}, the differences say {seen.pop()}"
    counted, found = numbers(said), numbers(shown)
    if counted and found and not counted & found:
        return f"the text counts {sorted(counted)}, the differences count {sorted(found)}"
    return ""


def _sides(text: str) -> set[str]:
    return {side for side, pattern in _SIDES.items() if pattern.search(text)}


def numbers(text: str) -> set[int]:
    """Return the numbers from two up that a text counts with, in words or digits."""
    found = {int(n) for n in re.findall(r"(?<![\d.#%])\b(\d{1,3})\b(?![.%°]?\d|%|°)", text)}
    for number, words in _NUMBERS.items():
        for word in words:
            latin = word.isascii()
            pattern = rf"\b{word}\b" if latin else rf"{word}(?:{_COUNTED})"
            if re.search(pattern, text, re.IGNORECASE):
                found.add(number)
    found |= {int(n) for n in re.findall(rf"(\d{{1,3}})(?:{_COUNTED})", text)}
    return found - {0, 1}
