"""What texts can be stored, and which language a short instruction is in, by its script.

Instructions are a sentence long: statistical language identifiers err on them, the script does not.
"""

from __future__ import annotations

import re
import unicodedata

MIN_SHARE = 0.5


def _is_han(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U000323af"


# A straight single quote inside a word is an apostrophe and neither opens nor closes a passage.
_SINGLE = re.compile(r"(?<![A-Za-z0-9])'(?:[^']|(?<=[A-Za-z])'(?=[A-Za-z]))*'(?![A-Za-z0-9])")
_CURLY = re.compile("‘[^‘’]*’")


def outside_quotes(text: str) -> str:
    """Drop quoted passages: the letters to be written into a picture may be in any script."""
    kept, depth_mark = [], ""
    closing = {'"': '"', "“": "”", "「": "」", "《": "》"}
    for char in text:
        if depth_mark:
            depth_mark = "" if char == depth_mark else depth_mark
        elif char in closing:
            depth_mark = closing[char]
        else:
            kept.append(char)
    return _CURLY.sub("", _SINGLE.sub("", "".join(kept)))


def _shares(text: str) -> tuple[float, float]:
    letters = [char for char in outside_quotes(text) if unicodedata.category(char)[0] == "L"]
    if not letters:
        return 0.0, 0.0
    han = sum(map(_is_han, letters))
    latin = sum("LATIN" in unicodedata.name(char, "") for char in letters)
    return latin / len(letters), han / len(letters)


def storable(text: str) -> str:
    """Return a text with what UTF-8 cannot hold written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def is_text(value: object) -> bool:
    """Tell whether a backend's answer is a text that can be stored: no lone surrogates."""
    return isinstance(value, str) and value == storable(value)


def is_english(text: str) -> bool:
    """Tell whether the text is written in Latin letters without Chinese (quoted passages aside)."""
    latin, han = _shares(text)
    return latin > MIN_SHARE and han == 0.0


def is_chinese(text: str) -> bool:
    """Tell whether most letters of the text are Han characters (quoted passages aside)."""
    return _shares(text)[1] > MIN_SHARE
