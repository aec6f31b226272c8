"""Identities: stable hashes of what makes a thing. Wall clocks never enter one.

image_id = hash(source bytes); instruction_id = hash(image_id, subtask, texts);
edit_id = hash(instruction_id, editor identity, seed). The release's ``key`` is the 32-hex edit_id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"

ID_LENGTH = 32


def canonical(value: Json) -> bytes:
    """Serialise a JSON value so that equal values give equal bytes.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value is not JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(*parts: Json) -> str:
    """Return the 32-hex hash of JSON values; the number and order of parts count."""
    return hashlib.sha256(canonical(list(parts))).hexdigest()[:ID_LENGTH]


def image_id(source_bytes: bytes) -> str:
    """Return the identity of a source image: the hash of its bytes as they were found."""
    return hashlib.sha256(source_bytes).hexdigest()[:ID_LENGTH]


def instruction_id(image: str, subtask: str, en: str, cn: str) -> str:
    """Return the identity of one instruction on one image."""
    return digest("instruction", image, subtask, en, cn)


def edit_id(instruction: str, editor_identity: Mapping[str, Json], seed: int) -> str:
    """Return the identity of one edit; it becomes the release's ``key``."""
    return digest("edit", instruction, editor_identity, seed)


def seed_from(*parts: Json) -> int:
    """Return a 63-bit seed that depends on nothing but its parts."""
    return int.from_bytes(hashlib.sha256(canonical(list(parts))).digest()[:8], "big") >> 1
