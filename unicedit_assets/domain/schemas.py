"""The Arrow schemas of the tables that stages commit to the lake, in one place.

Columns named ``image`` or ``*_image`` hold encoded pictures and are never read by the catalogue.
``evidence``, ``detail_json`` and the like hold canonical JSON text.
"""

from __future__ import annotations

import pyarrow as pa

_text, _int, _float = pa.string(), pa.int64(), pa.float64()
_texts = pa.list_(pa.string())

ROWS, REJECTS, TRUTH = "rows", "rejects", "truth"

RAW_IMAGES = pa.schema(
    {
        "image_id": _text,
        "source": _text,
        "root": _text,
        "licence": _text,
        "width": _int,
        "height": _int,
        "original_width": _int,
        "original_height": _int,
        "original_format": _text,
        "crop_share": _float,
        "phash": _text,
        "pixel_sha256": _text,
        "sharpness": _float,
        "mean_luma": _float,
        "clipped_dark": _float,
        "clipped_light": _float,
        "entropy": _float,
        "colourfulness": _float,
        "scores": _text,
        "image": pa.binary(),
    }
)

INSTRUCTIONS = pa.schema(
    {
        "instruction_id": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "reasoning_points": _texts,
        "reasoning_points_cn": _texts,
        "instructor": _text,
        "prompt_sha256": _text,
        "seed": _int,
    }
)

EDITS = pa.schema(
    {
        "edit_id": _text,
        "instruction_id": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "language": _text,
        "instructor": _text,
        "prompt_sha256": _text,
        "editor": _text,
        "revision": _text,
        "settings": _text,
        "seed": _int,
        "width": _int,
        "height": _int,
        "seconds": _float,
        "edit_image": pa.binary(),
    }
)

# Hidden: what the editor really did. Only the truth report may read it.
TRUTHS = pa.schema({"edit_id": _text, "fault": _text, "operation": _text, "detail": _text})

VERIFIED_EDITS = pa.schema(
    {
        "edit_id": _text,
        "instruction_id": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "rewritten_en": _text,
        "rewritten_cn": _text,
        "is_changed": pa.bool_(),
        "confidence": _float,
        "source_caption": _text,
        "edit_caption": _text,
        "differences": _texts,
        "evidence": _text,
        "regions": _text,
        "verifier": _text,
        "verifier_version": _text,
        "seconds": _float,
    }
)

UNICBENCH = pa.schema(
    {
        "key": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "reasoning_points": _texts,
        "reasoning_points_cn": _texts,
        "phash": _text,
        # Of the picture as intake would crop it; null where that is the picture as it is.
        "cropped_phash": _text,
        "width": _int,
        "height": _int,
        "image": pa.binary(),
    }
)

UNICBENCH_EDITS = pa.schema(
    {
        "key": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "model": _text,
        "language": _text,
        "prompt": _text,
        "settings": _text,
        "seed": _int,
        "width": _int,
        "height": _int,
        "seconds": _float,
        "edit_image": pa.binary(),
    }
)

UNICBENCH_SCORES = pa.schema(
    {
        "key": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "model": _text,
        "language": _text,
        "prompt": _text,
        "instruction_following": _float,
        "non_edit_consistency": _float,
        "visual_quality": _float,
        "reasoning_accuracy": _float,
        "overall": _float,
        "replies": _text,
        "judge": _text,
        "seconds": _float,
    }
)

# Training sets of verifiers: chat format, one picture pair a row. ``origin_fingerprint`` is the
# partition that a row was read from, ``origin_id`` its row there; ``altered`` is the claim in
# which a rejected chain is wrong.
PICTURE = pa.struct([("bytes", pa.binary()), ("path", _text)])
_PARTS = pa.list_(pa.struct([("type", _text), ("text", _text)]))
_MESSAGES = pa.list_(pa.struct([("role", _text), ("content", _PARTS)]))

VERIFY_SFT = pa.schema(
    {
        "key": _text,
        "split": _text,
        "held_out": _text,
        "origin": _text,
        "origin_partition": _text,
        "origin_fingerprint": _text,
        "origin_id": _text,
        "group": _text,
        "kind": _text,
        "subtask": _text,
        "images": pa.list_(PICTURE),
        "messages": _MESSAGES,
        "prompt_en": _text,
        "prompt_cn": _text,
        "target": _text,
    }
)

VERIFY_PREFERENCE = pa.schema(
    [*VERIFY_SFT, *pa.schema({"chosen": _text, "rejected": _text, "altered": _text})]
)

# One figure of one step of a training.
TRAINING_CURVE = pa.schema({"step": _int, "elapsed": _float, "figure": _text, "value": _float})

# The frozen pairs that verifiers are measured on; ``true_*`` is what no verifier may see.
VERIFIER_TESTS = pa.schema(
    {
        "key": _text,
        "test": _text,
        "cluster": _text,
        "kind": _text,
        "verdict": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "is_changed": pa.bool_(),
        "true_en": _text,
        "true_cn": _text,
        "language": _text,
        "source_image": pa.binary(),
        "edited_image": pa.binary(),
    }
)

# One verifier's answer to each test pair; what it could not answer is a reject.
VERIFIER_ANSWERS = pa.schema(
    {
        "key": _text,
        "is_changed": pa.bool_(),
        "verdict": _text,
        "en": _text,
        "cn": _text,
        "confidence": _float,
        "suspicion": _float,
        "judged": _float,
        "seconds": _float,
    }
)

REJECTED = pa.schema(
    {
        "unit_id": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "en": _text,
        "cn": _text,
        "outcome": _text,
        "reason": _text,
        "detail": _text,
        "extra": _text,
    }
)

# Close to ``synthetic.pair.SyntheticPair``; ``*_slots`` are JSON objects, ``true_*`` and
# ``rejected_*`` are null where nothing changed, ``mask_image`` is a grey PNG of 0 and 255;
# ``photograph`` is the image_id of what is behind the source, null where that is drawn.
SYNTHETIC_PAIRS = pa.schema(
    {
        "key": _text,
        "scene_id": _text,
        "seed": _int,
        "split": _text,
        "style": _text,
        "task": _text,
        "subtask": _text,
        "kind": _text,
        "strength": _float,
        "said_en": _text,
        "said_cn": _text,
        "said_slots": _text,
        "true_en": _text,
        "true_cn": _text,
        "true_slots": _text,
        "rejected_en": _text,
        "rejected_cn": _text,
        "rejected_slots": _text,
        "altered": _text,
        "source_caption": _text,
        "edit_caption": _text,
        "differences": _texts,
        "is_changed": pa.bool_(),
        "reasoning_points": _texts,
        "reasoning_points_cn": _texts,
        "classes": _texts,
        "template": _text,
        "vague": pa.bool_(),
        "photograph": _text,
        "cutouts": _texts,
        "width": _int,
        "height": _int,
        "source_image": pa.binary(),
        "edit_image": pa.binary(),
        "mask_image": pa.binary(),
    }
)

# What the lake keeps of a release: where each row went. The release's own files have the published
# schema (``published/schema.py``).
RELEASE_ROWS = pa.schema(
    {
        "edit_id": _text,
        "instruction_id": _text,
        "image_id": _text,
        "task": _text,
        "subtask": _text,
        "shard": _text,
        "file": _text,
        "row": _int,
        "editor": _text,
        "licence": _text,
        "width": _int,
        "height": _int,
        "confidence": _float,
        "rewritten": pa.bool_(),
        "en": _text,
        "cn": _text,
    }
)
