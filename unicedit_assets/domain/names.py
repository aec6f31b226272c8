"""Names that people give: releases, verifier versions. Each is a folder, a key, a partition."""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

RULE = "lower case letters, digits, . _ - (63 at most, no two dots together)"


def is_name(text: str) -> bool:
    """Tell whether a text can be a folder and a partition key and leads nowhere else."""
    return _NAME.fullmatch(text) is not None and ".." not in text
