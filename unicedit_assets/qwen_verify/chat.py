"""Training rows in chat format: the very question that the pipeline asks, and the chain to answer.

``images`` are the source and the edited picture, in that order, as ``datasets`` stores pictures;
``messages`` name them by two parts of type ``image``. A preference row's messages end before the
reply: ``chosen`` and ``rejected`` are the two replies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from unicedit_assets.domain import schemas
from unicedit_assets.qwen_verify.candidates import Candidate
from unicedit_assets.vlm.prompting import prompt_sha256 as hash_of
from unicedit_assets.vlm.prompting import question, quoted
from unicedit_assets.vlm.verifier import SCHEMA

_PROMPT = "verifier"


def prompt_sha256() -> str:
    """Return the hash of the question; it enters the fingerprint of a training set."""
    return hash_of(_PROMPT)


def messages_of(en: str, cn: str, reply: str | None) -> list[dict[str, Any]]:
    """Return a conversation about two pictures; without a reply it ends with the question."""
    asked = question(_PROMPT, [], SCHEMA, {"en": quoted(en), "cn": quoted(cn)})
    found = [
        _message("system", _text(asked.system)),
        _message("user", _picture(), _picture(), _text(asked.text)),
    ]
    return found if reply is None else [*found, _message("assistant", _text(reply))]


def _message(role: str, *parts: dict[str, str | None]) -> dict[str, Any]:
    return {"role": role, "content": list(parts)}


def _text(text: str) -> dict[str, str | None]:
    return {"type": "text", "text": text}


def _picture() -> dict[str, str | None]:
    return {"type": "image", "text": None}


def row_of(candidate: Candidate, pair: tuple[bytes, bytes], preference: bool) -> dict[str, Any]:
    """Return a candidate as a row of a training set, without its split.

    Args:
        candidate: what is true of the pair.
        pair: the encoded source and edited picture.
        preference: whether the row is one of ``verify_preference_set``.

    Raises:
        ValueError: a preference row needs a rejected chain.
    """
    target = candidate.chosen.text()
    row: dict[str, Any] = {
        "key": candidate.key,
        "origin": candidate.origin.value,
        "origin_partition": candidate.partition,
        "origin_id": candidate.edited_id,
        "group": candidate.group,
        "kind": candidate.kind.value,
        "subtask": candidate.subtask,
        "images": [
            {"bytes": data, "path": f"{candidate.key}-{name}{_suffix(data)}"}
            for name, data in zip(("source", "edited"), pair, strict=True)
        ],
        "messages": messages_of(candidate.en, candidate.cn, None if preference else target),
        "prompt_en": candidate.en,
        "prompt_cn": candidate.cn,
        "target": target,
    }
    if not preference:
        return row
    if candidate.rejected is None:
        raise ValueError(f"{candidate.key} has no rejected chain to prefer the chosen one to")
    return {
        **row,
        "chosen": target,
        "rejected": candidate.rejected.text(),
        "altered": candidate.altered,
    }


def _suffix(data: bytes) -> str:
    return ".png" if data.startswith(b"\x89PNG") else ".webp"


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return a schema that makes ``datasets.load_dataset`` yield pictures instead of dicts."""
    features = {field.name: _feature(field.name, field.type) for field in schema}
    info = {"info": {"features": features}}
    return schema.with_metadata({"huggingface": json.dumps(info)})


def _feature(name: str, kind: pa.DataType) -> Mapping[str, Any]:
    if kind == schemas.PICTURE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"feature": _feature(name, kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.name, field.type) for field in kind.fields}
    return {"dtype": str(kind), "_type": "Value"}
