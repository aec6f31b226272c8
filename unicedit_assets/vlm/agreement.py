"""Do a rewritten instruction and the listed differences agree about sides and numbers?

A rule, not a model: left for right and two for three are the slips that models make and that models
overlook. It speaks only when both sides name a side or a number and none of them is shared; a word
that may mean something else (right above, an iPhone 15) is no side and no number. Letters in the
picture say nothing about it, so quoted passages do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from unicedit_assets.domain.texts import outside_quotes

# Words behind "right" and "left" that make them something else than a side.
_EXACTLY = (
    "next above below behind beside beneath under underneath over before after in inside on onto "
    "at by near where when there here now away up down between against across along around through "
    "into out outside off beyond opposite angle angles amount size kind"
)
_REMAINING = "over behind out alone unchanged untouched intact empty blank open as undisturbed"
_RIGHT = rf"\bright(?:most|-hand)?\b(?!-angled)(?!\s+(?:{'|'.join(_EXACTLY.split())})\b)"
_LEFT = rf"\bleft(?:most|-hand)?\b(?!\s+(?:{'|'.join(_REMAINING.split())})\b)"
_SIDES = {
    "left": re.compile(rf"{_LEFT}|左", re.IGNORECASE),
    "right": re.compile(rf"{_RIGHT}|右", re.IGNORECASE),
}

_WORDS = {
    **{"two": 2, "both": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12},
}
# Things in the plural, at most two words behind their number; units are no things.
_PEOPLE = "people|children|men|women|sheep|fish|deer|mice|geese|teeth"
_UNITS = (
    "times|degrees|percents?|pixels|seconds|minutes|hours|days|weeks|months|years|decades|inches|"
    "met(?:er|re)s|centimet(?:er|re)s|levels|stops|steps|points|sizes|shades|thirds|quarters|"
    "halves|sides|ends|hands|colou?rs|parts"
)
_SMALL = "of|in|on|at|to|and|or|with|is|are|was|were|has|by|from|for|its|his|as|this|than"
_THINGS = rf"(?!(?:{_UNITS})\b)(?:(?:{_PEOPLE})\b|[a-z]+(?<![sui])s\b)"
_COUNTS = re.compile(
    rf"(?<![\w.,#/:-])(\d{{1,3}}|{'|'.join(_WORDS)})"
    rf"(?:\s+(?!(?:{_SMALL}|{_UNITS})\b)[a-z]+(?:-[a-z]+)*){{0,2}}?\s+{_THINGS}",
    re.IGNORECASE,
)
# So many characters before a number may hold its name.
_BEFORE = 40
# A name before a number makes it part of the name: iPhone 15, EXIT 5, Route 66, page 3.
_NAMED = re.compile(
    r"(?:\w*[a-z]\w*[A-Z]\w*|[A-Z]{2,}|(?<=[\w,] )[A-Z]\w*|\b(?:number|no\.|page|level|step))\s+$"
)

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_MEASURES = "个(?!小时|月|星期|钟头)|只|条|辆|匹|朵|棵|本|张|把|件|位|名|头|颗|根|座|架|艘|盏|块"
# 第二个 is the second one; 几十只, 十多只 are about as many.
_CHINESE = re.compile(
    rf"(?<![第几数\d.])([〇零一二两三四五六七八九十百]+|\d{{1,3}})\s*(?:{_MEASURES})"
)


def conflict(text: str, differences: Iterable[str]) -> str:
    """Return where a text contradicts the differences, or nothing."""
    said, shown = outside_quotes(text), "; ".join(map(outside_quotes, differences))
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
    """Return the numbers from two up that a text counts things with, in words or digits."""
    return {*_english(text), *_chinese(text)} - {0, 1}


def _english(text: str) -> Iterator[int]:
    for found in _COUNTS.finditer(text):
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        if not _NAMED.search(before):
            said = found.group(1).lower()
            yield _WORDS[said] if said in _WORDS else int(said)


def _chinese(text: str) -> Iterator[int]:
    for found in _CHINESE.finditer(text):
        said = found.group(1)
        yield int(said) if said.isdecimal() and said.isascii() else _value(said)


def _value(numeral: str) -> int:
    """Return a Chinese numeral below a thousand as a number: 两, 十二, 二十, 一百零五."""
    total, digit = 0, 0
    for char in numeral:
        if char in _DIGITS:
            digit = _DIGITS[char]
        else:
            total, digit = total + (digit or 1) * (10 if char == "十" else 100), 0
    return total + digit
