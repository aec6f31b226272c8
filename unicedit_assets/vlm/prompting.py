"""Our prompts as questions: a system text and a text with slots, versioned and hashed.

What fills a slot (an instruction, a list of differences) is data: it is quoted as JSON, so it
cannot end its own quotation, and it cannot hold a model's special tokens, which begin with ``<``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from string import Template
from typing import Any

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.prompts import Prompt, load_prompt
from unicedit_assets.vlm.roles import Question


@cache
def prompt(name: str) -> Prompt:
    """Return one of our prompts by its file name without ``.yaml``."""
    return load_prompt(f"{name}.yaml")


def prompt_sha256(*names: str) -> str:
    """Return one hash for a player's prompts; one prompt alone keeps its file's hash."""
    hashes = [prompt(name).sha256 for name in names]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def quoted(value: Json) -> str:
    """Return data as JSON for a prompt, ``<`` as an escape."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def question(
    name: str,
    images: Sequence[Pixels],
    schema: Mapping[str, Json],
    slots: Mapping[str, str],
    **how: Any,
) -> Question:
    """Fill a prompt.

    Raises:
        KeyError: the prompt has a slot that nothing fills.
    """
    data = prompt(name).data
    return Question(
        name=name,
        system=data["system"].strip(),
        images=tuple(images),
        text=Template(data["text"]).substitute(slots).strip(),
        schema=schema,
        **how,
    )


def json_object(**properties: Mapping[str, Json]) -> dict[str, Json]:
    """Return the schema of an object with exactly these keys, in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT: Mapping[str, Json] = {"type": "string"}
FLAG: Mapping[str, Json] = {"type": "boolean"}


def choice(*words: str) -> dict[str, Json]:
    """Return the schema of one of a few words."""
    return {"type": "string", "enum": list(words)}


def array(items: Mapping[str, Json], least: int, most: int) -> dict[str, Json]:
    """Return the schema of a list."""
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}
