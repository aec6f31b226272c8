"""Each defect planted into an otherwise clean data set is found, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from published.samples import Record, clean, key, png, record, write_file, write_folder
from unicedit_assets.published.audit import (
    AuditReport,
    AuditSettings,
    Defect,
    NoDataError,
    audit,
)
from unicedit_assets.published.schema import RELEASE_SCHEMA, data_file

Plant = Callable[[list[Record]], object]

LAST = "train-00001-of-00002.parquet"


def put(index: int, **change: object) -> Plant:
    return lambda rows: rows[index].update(change)


def put_image(index: int, column: str, data: bytes | None) -> Plant:
    return lambda rows: rows[index].update({column: {"bytes": data, "path": "x.png"}})


def reencoded(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def flipped(data: bytes) -> bytes:
    broken = bytearray(data)
    broken[len(broken) // 2] ^= 0xFF
    return bytes(broken)


def gif() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 48), color) for color in ("red", "blue")]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def examine(folder: Path, **settings: object) -> AuditReport:
    return audit(folder, AuditSettings(**settings))


def places(report: AuditReport, defect: Defect) -> list[tuple[str, int | None, str | None]]:
    return [(f.file, f.row, f.key) for f in report.examples[defect]]


def test_a_clean_data_set_has_no_findings(tmp_path: Path):
    report = examine(write_folder(tmp_path, clean()))
    assert report.counts == {}
    assert (report.files, report.rows) == (2, 22)
    assert (report.texts_examined, report.pairs_examined) == (22, 22)
    assert report.balance.factor == 1.0


ROW_DEFECTS = [
    (Defect.MALFORMED_KEY, put(13, key="not-a-key"), "'not-a-key'"),
    (Defect.MALFORMED_KEY, put(13, key=None), "null"),
    (Defect.REPEATED_KEY, put(13, key=key(2)), "row 2, another source"),
    (Defect.DIRTY_TASK, put(13, edit_task="Scene editing"), "Scene editing"),
    (Defect.EMPTY_TEXT, put(13, prompt_en=" "), "prompt_en"),
    (Defect.EMPTY_TEXT, put(13, prompt_cn=None), "prompt_cn"),
    (Defect.BROKEN_TEXT, put(13, prompt_en="Paint it r\ufffdd"), "prompt_en"),
    (Defect.WRONG_LANGUAGE, put(13, prompt_cn="Paint it red"), "prompt_cn"),
    (Defect.WRONG_LANGUAGE, put(13, prompt_en="把车改成红色"), "prompt_en"),
    (Defect.WRONG_LANGUAGE, put(13, prompt_en="Paint the 车 red"), "prompt_en"),
    (Defect.WRONG_LANGUAGE, put(13, prompt_en="Сделай красным"), "prompt_en"),
    (Defect.MISSING_IMAGE, put(13, src_image=None), "src_image"),
    (Defect.MISSING_IMAGE, put_image(13, "edit_image", None), "edit_image"),
    (Defect.MISSING_IMAGE, put_image(13, "edit_image", b""), "edit_image"),
    (Defect.UNDECODABLE_IMAGE, put_image(13, "edit_image", b"<html>"), "edit_image"),
    (Defect.UNDECODABLE_IMAGE, put_image(13, "src_image", png(1)[:-900]), "src_image"),
    (Defect.UNDECODABLE_IMAGE, put_image(13, "src_image", flipped(png(1))), "src_image"),
    (Defect.UNDECODABLE_IMAGE, put_image(13, "src_image", gif()), "more than one frame"),
    (Defect.UNEQUAL_SIZES, put_image(13, "edit_image", png(9, 31)), "source 32x48, edit 31x48"),
    (Defect.IDENTICAL_PAIR, put_image(13, "edit_image", png(26)), "the same bytes"),
    (Defect.IDENTICAL_PAIR, put_image(13, "edit_image", reencoded(png(26))), "differently"),
]


@pytest.mark.parametrize(("defect", "plant", "detail"), ROW_DEFECTS)
def test_a_planted_row_defect_is_found_where_it_is(tmp_path: Path, defect, plant, detail):
    rows = clean()
    plant(rows)
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {defect: 1}
    assert places(report, defect) == [(LAST, 2, rows[13]["key"])]
    assert detail in report.examples[defect][0].detail


def test_a_chinese_sentence_for_a_subtask(tmp_path: Path):
    rows = [*clean(), record(22, "Color Alteration")]
    rows[22]["edit_subtask"] = "把图中的汽车改成红色"
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.DIRTY_SUBTASK: 1}
    assert "把图中的汽车改成红色" in report.examples[Defect.DIRTY_SUBTASK][0].detail
    assert report.balance.outside == 1


def test_a_subtask_under_another_task(tmp_path: Path):
    rows = clean()
    rows[13]["edit_task"] = "Object Editing"
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.TASK_MISMATCH: 1}


def test_the_same_text_twice_is_also_in_the_wrong_language(tmp_path: Path):
    rows = clean()
    rows[13]["prompt_cn"] = rows[13]["prompt_en"]
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.WRONG_LANGUAGE: 1, Defect.SAME_TEXT: 1}


@pytest.mark.parametrize(
    ("en", "cn"),
    [
        ('Change the sign from "出口" to "入口"', "把标牌“出口”改成“入口”"),
        ("Change 「出口」 to “EXIT”", '将"EXIT"的字体加粗'),
        ("Make the man's shirt match the woman's", "给T恤加上NIKE AIR字样"),
    ],
)
def test_quoted_words_of_the_other_language_are_no_defect(tmp_path: Path, en: str, cn: str):
    rows = clean()
    rows[13].update(prompt_en=en, prompt_cn=cn)
    assert examine(write_folder(tmp_path, rows)).counts == {}


def test_the_same_source_under_the_same_key_with_another_edit(tmp_path: Path):
    """The released files have 5,181 of these."""
    rows = clean()
    rows[13].update(key=rows[2]["key"], src_image=rows[2]["src_image"])
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.REPEATED_KEY: 1}
    detail = report.examples[Defect.REPEATED_KEY][0].detail
    assert detail == "first in train-00000-of-00002.parquet row 2, the same source, another edit"


def test_a_repeated_pair_is_found_through_another_encoding(tmp_path: Path):
    rows = clean()
    for column in ("src_image", "edit_image"):
        rows[13][column] = {"bytes": reencoded(rows[2][column]["bytes"]), "path": "x"}
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.REPEATED_PAIR: 1}
    assert places(report, Defect.REPEATED_PAIR) == [(LAST, 2, key(13))]


def test_every_occurrence_after_the_first_counts(tmp_path: Path):
    rows = clean()
    for index in (5, 13, 20):
        rows[index]["key"] = rows[1]["key"]
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.REPEATED_KEY: 3}
    assert [f.row for f in report.examples[Defect.REPEATED_KEY]] == [5, 2, 9]


def test_gaps_in_the_numbering(tmp_path: Path):
    write_folder(tmp_path, clean(), files=4)
    (tmp_path / data_file(2, 4)).unlink()
    (tmp_path / data_file(3, 4)).unlink()
    report = examine(tmp_path, quick=True)
    assert report.counts[Defect.MISSING_SHARD] == 2
    assert [f.file for f in report.examples[Defect.MISSING_SHARD]] == [
        "train-00002-of-00004.parquet",
        "train-00003-of-00004.parquet",
    ]


def test_the_numbering_of_the_released_files(tmp_path: Path):
    rows = clean()
    for place, index in enumerate((0, 7, 680)):
        write_file(tmp_path / data_file(index, 681), rows[place * 8 : place * 8 + 8])
    report = examine(tmp_path, quick=True)
    assert report.counts == {Defect.MISSING_SHARD: 678}
    assert len(report.examples[Defect.MISSING_SHARD]) == 10


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["00000-of-00002", "00001-of-00002", "00001-of-00003"], {Defect.MIXED_TOTALS: 1}),
        (["00000-of-00002", "00001-of-00002", "00002-of-00002"], {Defect.MISNUMBERED_SHARD: 1}),
        (["00000-of-00002", "00001-of-00002", "1-of-2"], {Defect.MISNAMED_FILE: 1}),
        (
            ["00000-of-00003", "00001-of-00003", "00002-of-00007"],
            {Defect.MIXED_TOTALS: 1},
        ),
        (
            ["00000-of-00003", "00001-of-00003", "copy"],
            {Defect.MISNAMED_FILE: 1, Defect.MISSING_SHARD: 1},
        ),
    ],
)
def test_wrong_file_names(tmp_path: Path, names: list[str], expected):
    for index, name in enumerate(names):
        write_file(tmp_path / "data" / f"train-{name}.parquet", clean(24)[index * 8 :][:8])
    assert examine(tmp_path, quick=True).counts == expected


def test_an_absurd_total_is_one_finding_and_not_a_million(tmp_path: Path):
    write_file(tmp_path / "data" / "train-00000-of-99999999.parquet", clean())
    assert examine(tmp_path, quick=True).counts == {Defect.MISNUMBERED_SHARD: 1}


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"PAR1 and then nothing of use", "magic bytes"),
    ],
)
def test_an_unreadable_file(tmp_path: Path, content: bytes, detail: str):
    write_folder(tmp_path, clean(), files=1)
    (tmp_path / data_file(0, 1)).rename(tmp_path / data_file(0, 2))
    (tmp_path / data_file(1, 2)).write_bytes(content)
    report = examine(tmp_path)
    assert report.counts == {Defect.UNREADABLE_FILE: 1}
    assert detail in report.examples[Defect.UNREADABLE_FILE][0].detail
    assert report.pairs_examined == 22


def test_a_truncated_file(tmp_path: Path):
    write_folder(tmp_path, clean() + clean(22))
    path = tmp_path / data_file(1, 2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert examine(tmp_path).counts == {Defect.UNREADABLE_FILE: 1}


@pytest.mark.parametrize(
    ("needle", "what"), [(png(2 * 13 + 1), "pictures of rows"), (b"Paint car 13", "texts of rows")]
)
def test_flipped_bits_are_found_by_checksum_and_the_rest_is_still_examined(
    tmp_path: Path, needle: bytes, what: str
):
    write_folder(tmp_path, clean())
    path = tmp_path / data_file(1, 2)
    data = bytearray(path.read_bytes())
    data[data.index(needle) + len(needle) // 2] ^= 4
    path.write_bytes(data)
    report = examine(tmp_path, max_imbalance=99)
    counts = {d: n for d, n in report.counts.items() if d is not Defect.MISSING_SUBTASK}
    assert counts == {Defect.CORRUPT_ROWS: 1}
    finding = report.examples[Defect.CORRUPT_ROWS][0]
    assert finding.detail.startswith(what)
    assert (finding.file, finding.row) == (LAST, 0)
    assert report.texts_examined + report.pairs_examined == 2 * 22 - 5


def test_an_empty_file(tmp_path: Path):
    write_folder(tmp_path, clean(), files=1)
    (tmp_path / data_file(0, 1)).rename(tmp_path / data_file(0, 2))
    write_file(tmp_path / data_file(1, 2), [])
    assert examine(tmp_path).counts == {Defect.EMPTY_FILE: 1}


def drop(schema: pa.Schema, name: str) -> pa.Schema:
    return schema.remove(schema.get_field_index(name))


@pytest.mark.parametrize(
    ("schema", "detail"),
    [
        (drop(RELEASE_SCHEMA, "prompt_cn"), "prompt_cn is there 0 times"),
        (drop(RELEASE_SCHEMA, "edit_image"), "edit_image is there 0 times"),
        (drop(RELEASE_SCHEMA, "key").insert(0, pa.field("key", pa.binary())), "key is binary"),
        (RELEASE_SCHEMA.append(pa.field("score", pa.float64())), "'score' is not a published"),
    ],
)
def test_a_wrong_schema_is_said_once_and_the_rest_is_still_examined(tmp_path: Path, schema, detail):
    rows = clean()
    rows[3]["prompt_en"] = ""
    for row in rows:
        if pa.types.is_binary(schema.field(0).type):
            row["key"] = row["key"].encode()
    write_file(tmp_path / data_file(0, 1), rows, schema)
    report = examine(tmp_path)
    assert report.counts == {Defect.WRONG_SCHEMA: 1, Defect.EMPTY_TEXT: 1}
    assert detail in report.examples[Defect.WRONG_SCHEMA][0].detail


def test_another_order_of_columns(tmp_path: Path):
    fields = list(RELEASE_SCHEMA)
    write_file(tmp_path / data_file(0, 1), clean(), pa.schema([fields[6], *fields[:6]]))
    assert examine(tmp_path).counts == {Defect.WRONG_COLUMN_ORDER: 1}


def test_a_column_that_is_there_twice(tmp_path: Path):
    table = pa.Table.from_pylist(clean(), RELEASE_SCHEMA)
    path = tmp_path / data_file(0, 1)
    path.parent.mkdir()
    pq.write_table(table.append_column("key", table["key"]), path)
    report = examine(tmp_path)
    assert set(report.counts) == {Defect.WRONG_SCHEMA, Defect.WRONG_COLUMN_ORDER}


def test_large_types_are_the_same_schema(tmp_path: Path):
    image = pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())])
    large = [
        pa.field(f.name, image if pa.types.is_struct(f.type) else pa.large_string())
        for f in RELEASE_SCHEMA
    ]
    write_file(tmp_path / data_file(0, 1), clean(), pa.schema(large))
    assert examine(tmp_path).counts == {}


def test_text_that_is_not_utf8(tmp_path: Path):
    rows = clean()
    table = pa.Table.from_pylist(rows, RELEASE_SCHEMA)
    raw = [row["prompt_en"].encode() for row in rows]
    raw[4] = b"Paint it r\xffd"
    column = pa.array(raw, pa.binary()).view(pa.string())
    path = tmp_path / data_file(0, 1)
    path.parent.mkdir()
    pq.write_table(table.set_column(6, RELEASE_SCHEMA.field(6), column), path)
    report = examine(tmp_path)
    assert report.counts == {Defect.BROKEN_TEXT: 1}
    assert places(report, Defect.BROKEN_TEXT) == [("train-00000-of-00001.parquet", 4, key(4))]


def test_subtasks_without_rows_and_imbalance_are_notices(tmp_path: Path):
    rows = [record(i, "Background Change") for i in range(12)] + [record(12, "Counting Change")]
    report = examine(write_folder(tmp_path, rows))
    assert report.counts == {Defect.MISSING_SUBTASK: 20, Defect.IMBALANCE: 1}
    assert (report.errors, report.notices) == (0, 21)
    assert report.balance.factor == 12.0
    detail = report.examples[Defect.IMBALANCE][0].detail
    assert detail == "12.0: Background Change 12, Counting Change 1"


def test_a_folder_without_the_data_subfolder(tmp_path: Path):
    write_folder(tmp_path, clean())
    assert examine(tmp_path / "data").counts == {}


def test_side_tables_are_not_data(tmp_path: Path):
    write_folder(tmp_path, clean())
    write_file(tmp_path / "provenance" / "part-00000.parquet", [], pa.schema({"x": pa.int64()}))
    assert examine(tmp_path).counts == {}


def test_a_folder_without_parquet_files_is_an_error(tmp_path: Path):
    with pytest.raises(NoDataError, match=r"holds no \.parquet"):
        audit(tmp_path)
    with pytest.raises(NoDataError, match="not a folder"):
        audit(tmp_path / "nothing")
