from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from published.samples import png, release_row
from unicedit_assets.published.schema import RELEASE_SCHEMA, data_file
from unicedit_assets.published.writer import InvalidRowError, write_data_file


def rows(count: int):
    return [release_row(seed) for seed in range(count)]


def test_rows_read_back(tmp_path: Path):
    path = tmp_path / "part"
    written = write_data_file(path, iter(rows(7)))
    table = pq.read_table(path)
    assert table.schema.equals(RELEASE_SCHEMA, check_metadata=True)
    assert (written.rows, written.bytes) == (7, path.stat().st_size)
    first, row = table.to_pylist()[0], release_row(0)
    assert first["src_image"] == {"bytes": row.source_png, "path": f"{row.key}_src.png"}
    assert first["edit_image"] == {"bytes": row.edit_png, "path": f"{row.key}_edit.png"}
    assert (first["edit_task"], first["prompt_cn"]) == ("Attribute Editing", row.prompt_cn)


def test_equal_rows_give_equal_bytes(tmp_path: Path):
    write_data_file(tmp_path / "a", rows(9))
    write_data_file(tmp_path / "b", iter(rows(9)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_row_groups_end_before_their_bytes_or_rows_are_passed(tmp_path: Path):
    size = len(png(0)) + len(png(1))
    by_bytes = write_data_file(tmp_path / "a", rows(9), row_group_bytes=2 * size + size // 2)
    by_rows = write_data_file(tmp_path / "b", rows(9), row_group_rows=4)
    assert (by_bytes.row_groups, by_rows.row_groups) == (5, 3)
    counts = pq.ParquetFile(tmp_path / "b").metadata
    assert [counts.row_group(i).num_rows for i in range(3)] == [4, 4, 1]


def test_a_row_larger_than_a_group_gets_its_own(tmp_path: Path):
    assert write_data_file(tmp_path / "a", rows(3), row_group_bytes=1).row_groups == 3


def test_pictures_are_stored_as_they_are_and_texts_compressed(tmp_path: Path):
    write_data_file(tmp_path / "a", rows(3))
    group = pq.ParquetFile(tmp_path / "a").metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("src_image.bytes", "edit_image.bytes"):
        assert columns[name].compression == "UNCOMPRESSED"
        assert "RLE_DICTIONARY" not in columns[name].encodings
        assert not columns[name].is_stats_set
    assert columns["prompt_en"].compression == "ZSTD"


def test_a_flipped_bit_is_found_by_the_page_checksum(tmp_path: Path):
    path = tmp_path / "a"
    write_data_file(path, rows(3))
    data = bytearray(path.read_bytes())
    data[data.index(release_row(1).edit_png) + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "xyz"}, "32 hexadecimal"),
        ({"subtask": "把车改成红色"}, "not a subtask"),
        ({"prompt_en": "  "}, "prompt is empty"),
        ({"edit_png": b"\xff\xd8jpeg"}, "edited picture is not PNG"),
    ],
)
def test_a_dirty_row_is_refused_and_leaves_no_file(tmp_path: Path, change, message):
    bad = dataclasses.replace(release_row(3), **change)
    with pytest.raises(InvalidRowError, match=message):
        write_data_file(tmp_path / "a", [*rows(3), bad], row_group_rows=1)
    assert not list(tmp_path.iterdir())


def test_a_failing_source_of_rows_leaves_no_file(tmp_path: Path):
    def failing():
        yield from rows(3)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_data_file(tmp_path / "a", failing(), row_group_rows=1)
    assert not list(tmp_path.iterdir())


def test_load_dataset_yields_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    (tmp_path / "release" / "data").mkdir(parents=True)
    for index in range(2):
        write_data_file(
            tmp_path / "release" / data_file(index, 2),
            [release_row(seed) for seed in range(4 * index, 4 * index + 4)],
        )
    loaded = datasets.load_dataset(
        str(tmp_path / "release"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == 8
    assert loaded[5]["src_image"].size == (32, 48)
    assert loaded[5]["key"] == release_row(5).key
