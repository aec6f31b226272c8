"""Frames of metadata that the suites look at: one row a row, or one row of sums for a release."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain import codec, schemas, texts
from unicedit_assets.domain.resolutions import PREFERRED
from unicedit_assets.domain.roles import Scores
from unicedit_assets.domain.taxonomy import is_subtask, needs_reasoning, task_of
from unicedit_assets.domain.unicbench import overall
from unicedit_assets.pipeline.backdrops import chosen
from unicedit_assets.pipeline.instructions import quota_weights
from unicedit_assets.pipeline.photograph_groups import photographs
from unicedit_assets.pipeline.project import MAIN
from unicedit_assets.pipeline.release import release_folder
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.synthetic_pairs import remade
from unicedit_assets.published.schema import RELEASE_SCHEMA, data_file, is_key
from unicedit_assets.synthetic.pair import Kind

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project
    from unicedit_assets.storage.manifests import Manifest

# Decoding every picture again would double a stage's work; a few a part catch a broken encoder,
# and a flipped bit is caught by the checksums on every read.
_DECODED_A_PART = 2


# What is counted over a release; each must be zero.
RELEASE_FAULTS = (
    "repeated_keys",
    "malformed_keys",
    "dirty_subtasks",
    "wrong_language",
    "missing_files",
    "unreadable_files",
    "wrong_schema",
    "miscounted_files",
    "undecodable",
    "unequal_sizes",
)


def _frame(project: Project, manifest: Manifest, schema: pa.Schema) -> pd.DataFrame:
    columns = [field.name for field in schema if not pa.types.is_binary(field.type)]
    frame: pd.DataFrame = project.ledger.read(manifest, schemas.ROWS, columns).to_pandas()
    return frame


def _sampled(project: Project, manifest: Manifest, key: str, image: str) -> dict[str, bool]:
    """Return id -> whether the picture decodes to its recorded size, for a few rows a part."""
    verdicts = {}
    for number in range(len(manifest.tables[schemas.ROWS])):
        table = project.ledger.read_part(manifest, number, [key, "width", "height", image])
        for row in table.slice(0, _DECODED_A_PART).to_pylist():
            verdicts[row[key]] = _decodes(row[image], row["width"], row["height"])
    return verdicts


def _decodes(data: bytes, width: int, height: int) -> bool:
    try:
        return codec.decode(data).shape == (height, width, 3)
    except (OSError, ValueError):
        return False


def _sizes(frame: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(frame["width"], frame["height"], strict=True))


def raw_images(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Photographs: preferred sizes, multiples of 16, a sample decoded."""
    frame = _frame(project, manifest, schemas.RAW_IMAGES)
    preferred = {(size.width, size.height) for size in PREFERRED}
    decodes = _sampled(project, manifest, "image_id", "image")
    frame["preferred_size"] = [size in preferred for size in _sizes(frame)]
    frame["multiple_of_16"] = [w % 16 == 0 and h % 16 == 0 for w, h in _sizes(frame)]
    frame["decodes"] = [decodes.get(key, True) for key in frame["image_id"]]
    return frame


def instructions(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Instructions: languages, tasks, reasoning points, how many a photograph."""
    frame = _frame(project, manifest, schemas.INSTRUCTIONS)
    counts = Counter(frame["image_id"])
    frame["per_image"] = [counts[key] for key in frame["image_id"]]
    frame["is_english"] = [texts.is_english(text) for text in frame["en"]]
    frame["is_chinese"] = [texts.is_chinese(text) for text in frame["cn"]]
    frame["task_matches"] = _tasks_match(frame)
    frame["points_match"] = _points_match(frame)
    return frame


def _tasks_match(frame: pd.DataFrame) -> list[bool]:
    return [
        is_subtask(subtask) and task_of(subtask) == task
        for subtask, task in zip(frame["subtask"], frame["task"], strict=True)
    ]


def _points_match(frame: pd.DataFrame) -> list[bool]:
    return [
        is_subtask(subtask) and needs_reasoning(subtask) == bool(len(points))
        for subtask, points in zip(frame["subtask"], frame["reasoning_points"], strict=True)
    ]


def balance(project: Project, manifest: Manifest) -> pd.DataFrame:
    """One row: how far the most and the least frequent subtask of a shard lie apart."""
    table = project.ledger.read(manifest, schemas.ROWS, ["subtask"])
    counts = Counter(table["subtask"].to_pylist())
    asked = [counts[subtask] for subtask, weight in quota_weights(project).items() if weight > 0]
    # A subtask that never came counts as half an instruction, so that the factor stays a number.
    factor = max(asked) / max(0.5, min(asked)) if any(asked) else 1.0
    return pd.DataFrame([{"factor": factor}])


def edits(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Edits: the source's size, a sample decoded."""
    frame = _frame(project, manifest, schemas.EDITS)
    shard = manifest.partition.split("/")[0]
    raw = project.require(Ref("raw_images", shard))
    columns = ["image_id", "width", "height"]
    size_of = {
        row["image_id"]: (row["width"], row["height"])
        for row in project.ledger.read(raw, schemas.ROWS, columns).to_pylist()
    }
    decodes = _sampled(project, manifest, "edit_id", "edit_image")
    sizes = _sizes(frame)
    frame["same_size"] = [
        size == size_of.get(key) for size, key in zip(sizes, frame["image_id"], strict=True)
    ]
    frame["multiple_of_16"] = [w % 16 == 0 and h % 16 == 0 for w, h in sizes]
    frame["decodes"] = [decodes.get(key, True) for key in frame["edit_id"]]
    return frame


def verified(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Accepted edits: changed, finite evidence, rewritten texts in their languages."""
    frame = _frame(project, manifest, schemas.VERIFIED_EDITS)
    frame["consistent"] = [
        bool(changed) and bool(list(differences))
        for changed, differences in zip(frame["is_changed"], frame["differences"], strict=True)
    ]
    frame["is_english"] = [not text or texts.is_english(text) for text in frame["rewritten_en"]]
    frame["is_chinese"] = [not text or texts.is_chinese(text) for text in frame["rewritten_cn"]]
    frame["finite_evidence"] = [
        all(math.isfinite(value) for value in json.loads(text).values())
        for text in frame["evidence"]
    ]
    return frame


def unicbench(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Benchmark samples: tasks, reasoning points where they belong, a sample decoded."""
    frame = _frame(project, manifest, schemas.UNICBENCH)
    decodes = _sampled(project, manifest, "key", "image")
    frame["task_matches"] = _tasks_match(frame)
    frame["points_match"] = _points_match(frame)
    frame["decodes"] = [decodes.get(key, True) for key in frame["key"]]
    return frame


def unicbench_edits(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Benchmark edits: the source's size, a sample decoded."""
    frame = _frame(project, manifest, schemas.UNICBENCH_EDITS)
    samples = project.require(Ref("unicbench", MAIN))
    columns = ["key", "width", "height"]
    size_of = {
        row["key"]: (row["width"], row["height"])
        for row in project.ledger.read(samples, schemas.ROWS, columns).to_pylist()
    }
    decodes = _sampled(project, manifest, "key", "edit_image")
    frame["same_size"] = [
        size == size_of.get(key) for size, key in zip(_sizes(frame), frame["key"], strict=True)
    ]
    frame["decodes"] = [decodes.get(key, True) for key in frame["key"]]
    return frame


def score_coverage(project: Project, manifest: Manifest) -> pd.DataFrame:
    """One row a subtask of the benchmark: the share of its samples that was scored."""
    samples = project.require(Ref("unicbench", MAIN))
    expected, scored, unscored = (
        Counter(project.ledger.read(where, table, ["subtask"])["subtask"].to_pylist())
        for where, table in (
            (samples, schemas.ROWS),
            (manifest, schemas.ROWS),
            (manifest, schemas.REJECTS),
        )
    )
    return pd.DataFrame(
        {
            "subtask": list(expected),
            "scored_share": [scored[name] / number for name, number in expected.items()],
            "unaccounted": [
                number - scored[name] - unscored[name] for name, number in expected.items()
            ],
        }
    )


def scores(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Benchmark scores: overall recomputed, RA where it belongs."""
    frame = _frame(project, manifest, schemas.UNICBENCH_SCORES)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    frame["reasoning_scored"] = [
        is_subtask(row["subtask"])
        and needs_reasoning(row["subtask"]) == (row["reasoning_accuracy"] is not None)
        for row in rows
    ]
    frame["overall_is_geometric_mean"] = [_overall_holds(row) for row in rows]
    return frame


def synthetic(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Synthetic pairs: languages, truth where something changed, a sample made again."""
    frame = _frame(project, manifest, schemas.SYNTHETIC_PAIRS)
    decodes = _sampled(project, manifest, "key", "edit_image")
    frame["decodes"] = [decodes.get(key, True) for key in frame["key"]]
    frame["is_english"] = [texts.is_english(text) for text in frame["said_en"]]
    frame["is_chinese"] = [texts.is_chinese(text) for text in frame["said_cn"]]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    frame["truth_matches"] = [_truth_holds(row) for row in rows]
    again = remade(project, manifest.partition, rows[:_DECODED_A_PART])
    behind: dict[bool, set[str | None]] = {True: {None}, False: {None}}
    if project.settings.synthetic_pairs.backgrounds:
        sides = chosen(project, manifest.partition, photographs(project))
        behind = {held: {None, *ids} for held, ids in sides.items()}
    frame["photograph_is_of_its_split"] = [
        row["photograph"] in behind[row["split"] != "train"] for row in rows
    ]
    frame["is_repeated"] = [again.get(key, key) == key for key in frame["key"]]
    return frame


def _truth_holds(row: Mapping[Any, Any]) -> bool:
    """Tell whether truth, differences and class agree on whether anything changed."""
    changed = row["kind"] != Kind.NO_EDIT.value
    told = (row["is_changed"], row["true_en"] is not None, row["rejected_en"] is not None)
    return all(each == changed for each in (*told, bool(len(row["differences"]))))


def _overall_holds(row: Mapping[Any, Any]) -> bool:
    scores = Scores(
        row["instruction_following"],
        row["non_edit_consistency"],
        row["visual_quality"],
        row["reasoning_accuracy"],
    )
    try:
        computed = overall(scores, row["subtask"])
    except (KeyError, ValueError):  # not a subtask; a score beyond 0-10
        return False
    return computed is not None and math.isclose(computed, row["overall"], abs_tol=1e-9)


def conservation(project: Project, manifest: Manifest) -> pd.DataFrame:
    """One row: the counts against each other and against the tables."""
    counts = manifest.counts
    inputs = max(1, counts.inputs)
    return pd.DataFrame(
        [
            {
                "unaccounted": counts.inputs - counts.accepted - counts.rejected - counts.failed,
                "rows_off": manifest.rows(schemas.ROWS) - counts.accepted,
                "rejects_off": manifest.rows(schemas.REJECTS) - counts.rejected - counts.failed,
                "reject_share": counts.rejected / inputs,
                "failure_share": counts.failed / inputs,
            }
        ]
    )


def release(project: Project, manifest: Manifest) -> pd.DataFrame:
    """One row of sums over a whole release: a row a picture would not fit in memory at 12M."""
    columns = ["edit_id", "subtask", "en", "cn", "file"]
    sums: Counter[str] = Counter()
    keys: set[bytes] = set()
    per_file: Counter[str] = Counter()
    for batch in project.ledger.iter_batches(manifest, schemas.ROWS, columns, 8192):
        for row in batch.to_pylist():
            _add_release_row(row, sums, keys)
            per_file[row["file"]] += 1
    _add_files(project, manifest, per_file, sums)
    return pd.DataFrame([{name: sums[name] for name in RELEASE_FAULTS}])


def _add_release_row(row: Mapping[str, Any], sums: Counter[str], keys: set[bytes]) -> None:
    sums["malformed_keys"] += not is_key(row["edit_id"])
    # 16 raw bytes a key keep 12M of them near 1 GB.
    key = bytes.fromhex(row["edit_id"]) if is_key(row["edit_id"]) else row["edit_id"].encode()
    sums["repeated_keys"] += key in keys
    keys.add(key)
    sums["dirty_subtasks"] += not is_subtask(row["subtask"])
    sums["wrong_language"] += not (texts.is_english(row["en"]) and texts.is_chinese(row["cn"]))


def _add_files(
    project: Project, manifest: Manifest, per_file: Mapping[str, int], sums: Counter[str]
) -> None:
    folder = release_folder(manifest.partition, manifest.fingerprint)
    store = project.ledger.store
    expected = [data_file(index, len(per_file)) for index in range(len(per_file))]
    sums["missing_files"] += len(set(expected) ^ set(per_file))
    for name in expected:
        if not store.exists(f"{folder}/{name}"):
            sums["missing_files"] += 1
            continue
        try:
            with store.open(f"{folder}/{name}") as stream:
                _add_file(stream, per_file[name], sums)
        except (OSError, pa.ArrowException):  # cut off, or a checksum that does not hold
            sums["unreadable_files"] += 1


def _add_file(stream: IO[bytes], rows: int, sums: Counter[str]) -> None:
    file = pq.ParquetFile(stream, pre_buffer=False, page_checksum_verification=True)
    sums["miscounted_files"] += file.metadata.num_rows != rows
    if not file.schema_arrow.equals(RELEASE_SCHEMA, check_metadata=True):
        sums["wrong_schema"] += 1
        return
    first = next(file.iter_batches(_DECODED_A_PART), None)
    _add_pictures(first.to_pylist() if first is not None else [], sums)


def _add_pictures(rows: Iterable[Mapping[str, Any]], sums: Counter[str]) -> None:
    for row in rows:
        try:
            source = codec.decode(row["src_image"]["bytes"])
            edited = codec.decode(row["edit_image"]["bytes"])
        except (OSError, ValueError):
            sums["undecodable"] += 1
            continue
        sums["unequal_sizes"] += source.shape != edited.shape
