"""A part is written the way images need, and a flipped bit is never read silently."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage_samples import chunk

from unicedit_assets.storage.blobs import LocalStore
from unicedit_assets.storage.parts import (
    ROW_GROUP_BYTES,
    CorruptPart,
    encode,
    iter_part,
    metadata_columns,
    read_part,
    verify_part,
)

TABLE = chunk(0, rows=40, image_bytes=50).tables["rows"]
LIGHT = ["edit_id", "subtask", "score", "pair.path"]


def columns_of(data: bytes) -> dict[str, pq.ColumnChunkMetaData]:
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    return {column.path_in_schema: column for column in columns}


def test_image_columns_are_plain_and_the_rest_is_compressed() -> None:
    columns = columns_of(encode(TABLE).data)
    for name in ("edit_image", "pair.bytes"):
        assert columns[name].compression == "UNCOMPRESSED"
        assert not columns[name].has_dictionary_page
        assert not columns[name].is_stats_set
    for name in ("edit_id", "subtask", "pair.path", "score"):
        assert columns[name].compression == "ZSTD"
        assert columns[name].is_stats_set
    assert columns["subtask"].has_dictionary_page
    assert metadata_columns(TABLE.schema) == ["edit_id", "subtask", "pair.path", "score"]


def test_a_text_column_called_image_is_metadata() -> None:
    schema = pa.schema({"image": pa.string(), "bytes": pa.int64(), "thumb_image": pa.binary()})
    assert metadata_columns(schema) == ["image", "bytes"]


def test_row_groups_are_sized_by_bytes() -> None:
    blob = bytes(ROW_GROUP_BYTES // 4)
    heavy = pa.table({"id": range(10), "image": pa.array([blob] * 10, pa.binary())})
    file = pq.ParquetFile(io.BytesIO(encode(heavy).data))
    sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert sizes == [3, 3, 3, 1]
    huge = pa.table({"image": pa.array([blob * 5] * 2, pa.binary())})
    assert pq.ParquetFile(io.BytesIO(encode(huge).data)).num_row_groups == 2


def test_equal_tables_give_equal_bytes_however_they_are_chunked() -> None:
    source = random.Random(0)
    pictures = pa.array([source.randbytes(50) for _ in range(40_000)], pa.binary())
    whole = pa.table({"id": range(40_000), "image": pictures})
    pieces = pa.concat_tables([whole[:777], whole[777:30_000], whole[30_000:]])
    assert pieces["id"].num_chunks == 3
    assert encode(pieces) == encode(whole)


def test_empty_tables_keep_their_schema(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    metadata = {"huggingface": "{}"}
    empty = TABLE.schema.empty_table().replace_schema_metadata(metadata)
    encoded = encode(empty)
    store.put("x", encoded.data)
    part = encoded.part("x")
    assert read_part(store, part, None).schema.equals(empty.schema, check_metadata=True)
    assert read_part(store, part, ["score"]).num_rows == 0
    assert sum(batch.num_rows for batch in iter_part(store, part, None, 8)) == 0


def test_batches_have_the_asked_columns_and_at_most_the_asked_rows(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    encoded = encode(TABLE)
    store.put("x", encoded.data)
    batches = list(iter_part(store, encoded.part("x"), ["score", "pair.path"], 7))
    assert max(batch.num_rows for batch in batches) == 7
    table = pa.Table.from_batches(batches)
    assert table["score"].equals(TABLE["score"])
    assert table["pair"].to_pylist()[3] == {"path": "0000-0003.png"}


@pytest.mark.parametrize("column", ["nothing", "pai", "pair.nothing", "edit_id.x", ""])
def test_an_unknown_column_is_an_error(tmp_path: Path, column: str) -> None:
    store = LocalStore(tmp_path)
    encoded = encode(TABLE)
    store.put("x", encoded.data)
    with pytest.raises(KeyError, match="no column"):
        read_part(store, encoded.part("x"), ["edit_id", column])
    with pytest.raises(KeyError, match="no column"):
        next(iter_part(store, encoded.part("x"), [column], 1))


def outcomes_of_flips(folder: Path, flips: list[tuple[int, int]]) -> dict[str, int]:
    """Flip one bit at a time and read: the right table, an error, or (never) something else."""
    store, encoded = LocalStore(folder), encode(TABLE)
    part, path = encoded.part("x"), folder / "x"
    expected = pq.ParquetFile(io.BytesIO(encoded.data)).read(columns=LIGHT)
    seen = {"same": 0, "corrupt": 0, "wrong": 0}
    for position, bit in flips:
        data = bytearray(encoded.data)
        data[position] ^= 1 << bit
        path.write_bytes(data)
        with pytest.raises(CorruptPart, match="x is corrupt"):
            read_part(store, part, None)
        with pytest.raises(CorruptPart, match="x is corrupt"):
            verify_part(store, part)
        try:
            same = read_part(store, part, LIGHT).equals(expected)
            seen["same" if same else "wrong"] += 1
        except CorruptPart:
            seen["corrupt"] += 1
    return seen


def test_a_flipped_bit_is_found_or_irrelevant(tmp_path: Path) -> None:
    source = random.Random(0)
    size = len(encode(TABLE).data)
    flips = [(source.randrange(size), source.randrange(8)) for _ in range(300)]
    seen = outcomes_of_flips(tmp_path, flips)
    assert seen["wrong"] == 0
    assert seen["corrupt"] > 50
    assert seen["same"] > 50


@pytest.mark.slow
def test_every_byte_of_a_part_is_guarded(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 8, len(encode(TABLE).data))
    seen = outcomes_of_flips(tmp_path, list(enumerate(bits.tolist())))
    assert seen["wrong"] == 0


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"x", lambda _: b""]
)
@pytest.mark.parametrize("columns", [None, ["score"]])
def test_a_file_of_another_size_is_corrupt(tmp_path: Path, change: object, columns: object) -> None:
    store, encoded = LocalStore(tmp_path), encode(TABLE)
    (tmp_path / "x").write_bytes(change(encoded.data))  # type: ignore[operator]
    with pytest.raises(CorruptPart, match="x is corrupt"):
        read_part(store, encoded.part("x"), columns)  # type: ignore[arg-type]


def test_a_missing_file_is_corrupt_by_every_way_of_reading(tmp_path: Path) -> None:
    store, part = LocalStore(tmp_path), encode(TABLE).part("folder/x")
    for read in (
        lambda: read_part(store, part, None),
        lambda: read_part(store, part, ["score"]),
        lambda: next(iter_part(store, part, None, 1)),
        lambda: verify_part(store, part),
    ):
        with pytest.raises(CorruptPart, match="folder/x is missing"):
            read()
