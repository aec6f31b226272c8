"""The published Arrow schemas: the data files themselves and the side tables beside them.

The seven columns and their order are those of the released UnicEdit-10M files. The ``huggingface``
schema metadata is what makes ``datasets.load_dataset(folder)`` yield pictures instead of dicts.
"""

from __future__ import annotations

import json
import re

import pyarrow as pa

_TEXT_COLUMNS = ("key", "edit_task", "edit_subtask", "prompt_cn", "prompt_en")
IMAGE_COLUMNS = ("src_image", "edit_image")

IMAGE_TYPE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])

_COLUMNS = (
    pa.field("key", pa.string()),
    pa.field("edit_task", pa.string()),
    pa.field("edit_subtask", pa.string()),
    pa.field("src_image", IMAGE_TYPE),
    pa.field("edit_image", IMAGE_TYPE),
    pa.field("prompt_cn", pa.string()),
    pa.field("prompt_en", pa.string()),
)


def _features() -> dict[str, dict[str, str]]:
    return {
        column.name: {"dtype": "string", "_type": "Value"}
        if column.name in _TEXT_COLUMNS
        else {"_type": "Image"}
        for column in _COLUMNS
    }


RELEASE_SCHEMA = pa.schema(
    list(_COLUMNS), metadata={"huggingface": json.dumps({"info": {"features": _features()}})}
)

PROVENANCE_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("instruction_id", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("original_en", pa.string()),
        pa.field("original_cn", pa.string()),
        pa.field("rewritten_en", pa.string()),
        pa.field("rewritten_cn", pa.string()),
        pa.field("published_text", pa.string()),
        pa.field("instructor", pa.string()),
        pa.field("editor", pa.string()),
        pa.field("editor_revision", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("settings", pa.string()),
        pa.field("prompt_hashes", pa.map_(pa.string(), pa.string())),
        pa.field("verifier", pa.string()),
        pa.field("verifier_version", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("evidence", pa.string()),
        pa.field("differences", pa.list_(pa.string())),
        pa.field("source_caption", pa.string()),
        pa.field("edit_caption", pa.string()),
        pa.field("manifests", pa.map_(pa.string(), pa.string())),
    ]
)
"""One row a key: everything that made it, and nothing that a second run would write differently.

``source`` is the photograph's path below the registered root; where the root is stays private.
``published_text`` is ``original`` or ``rewritten``; ``settings`` and ``evidence`` are canonical
JSON; ``manifests`` maps ``stage/partition`` to the fingerprint the row was read from. Wall-clock
timings stay in the lake: a release is byte-reproducible.
"""

REJECTS_SCHEMA = pa.schema(
    [
        pa.field("edit_id", pa.string()),
        pa.field("instruction_id", pa.string()),
        pa.field("image_id", pa.string()),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("edit_subtask", pa.string()),
        pa.field("prompt_en", pa.string()),
        pa.field("prompt_cn", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("evidence", pa.string()),
    ]
)
"""The negatives: one row for each image, instruction or edit that did not go on, and why.

Ids that a row never got (an image that could not be decoded has no edit) are null.
"""

ORIGINAL = "original"
REWRITTEN = "rewritten"

_KEY = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"train-(\d{5,})-of-(\d{5,})\.parquet")


def is_key(text: str) -> bool:
    """Tell whether a text is a key: 32 lower-case hexadecimal digits."""
    return _KEY.fullmatch(text) is not None


def data_file(index: int, total: int) -> str:
    """Return the name of one data file, relative to the release's root.

    Raises:
        ValueError: the index is not one of ``total`` files.
    """
    if not 0 <= index < total:
        raise ValueError(f"file {index} of {total} does not exist")
    return f"data/train-{index:05d}-of-{total:05d}.parquet"


def parse_data_file(name: str) -> tuple[int, int] | None:
    """Read index and total from a data file's base name; None when it is not named like one."""
    match = _FILE.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None
