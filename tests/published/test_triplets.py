from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from published.samples import clean, key, write_file, write_folder
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.published.schema import data_file
from unicedit_assets.published.triplets import (
    MAX_LINE,
    BadRow,
    InputError,
    Triplet,
    read_triplets,
)

GOOD = {"src": "a.png", "edit": "b.png", "prompt_en": "Paint it red"}


def read_lines(folder: Path, *lines: bytes, root: Path | None = None) -> list[Triplet | BadRow]:
    path = folder / "triplets.jsonl"
    path.write_bytes(b"\n".join(lines))
    return list(read_triplets(path, root))


def line(**change: object) -> bytes:
    return json.dumps({**GOOD, **change}, ensure_ascii=False).encode("utf-8", "surrogatepass")


def bad(folder: Path, raw: bytes, root: Path | None = None) -> BadRow:
    (row,) = read_lines(folder, raw, root=root)
    assert isinstance(row, BadRow), row
    return row


def test_a_line_with_a_key_and_both_texts(tmp_path: Path):
    (row,) = read_lines(tmp_path, line(key="k1", prompt_cn="涂成红色", extra=1))
    assert row == Triplet(
        "k1", "line 1", tmp_path / "a.png", tmp_path / "b.png", "Paint it red", "涂成红色"
    )


def test_without_a_key_equal_lines_get_equal_keys_and_others_do_not(tmp_path: Path):
    one, two, three = read_lines(tmp_path, line(), line(extra="x"), line(prompt_en="Other"))
    assert one.key == two.key != three.key
    assert len(one.key) == 32


def test_empty_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path):
    rows = read_lines(tmp_path, b"\xef\xbb\xbf" + line(), b"", b"  ", line(key="z"))
    assert [(type(row), row.place) for row in rows] == [(Triplet, "line 1"), (Triplet, "line 4")]


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"{", "JSONDecodeError"),
        (b"\xff\xfe", "UnicodeDecodeError"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"src": "a", "src": "b"}', "there twice"),
        (b"[" * 100_000, "RecursionError"),
        (line(src=None), "src is missing"),
        (line(src=3), "src is not a text"),
        (line(edit=""), "edit is missing"),
        (line(prompt_en=""), "neither prompt_en nor prompt_cn"),
        (line(prompt_cn=["x"]), "prompt_cn is not a text"),
        (line(key=""), "key is not"),
        (line(key=7), "key is not"),
        (b'{"src": "a", "edit": "b", "prompt_en": "\\ud800"}', "surrogates"),
    ],
)
def test_a_bad_line_is_a_row_with_a_reason(tmp_path: Path, raw: bytes, detail: str):
    row = bad(tmp_path, raw)
    assert row.reason is Reason.UNPARSEABLE
    assert detail in row.detail


def test_an_endless_line_is_one_bad_row_and_the_next_line_is_read(tmp_path: Path):
    rows = read_lines(tmp_path, b"x" * (3 * MAX_LINE), line(), b"y" * (2 * MAX_LINE - 1))
    assert [(type(row), row.place) for row in rows] == [
        (BadRow, "line 1"),
        (Triplet, "line 2"),
        (BadRow, "line 3"),
    ]


@pytest.mark.parametrize("path", ["../a.png", "/etc/passwd", "x/../../a.png", "link/a.png"])
def test_paths_stay_below_the_folder(tmp_path: Path, path: str):
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    assert bad(folder, line(src=path)).reason is Reason.OUTSIDE_ROOT


def test_a_root_widens_what_paths_may_reach(tmp_path: Path):
    folder = tmp_path / "inner"
    folder.mkdir()
    (row,) = read_lines(folder, line(src=str(tmp_path / "x.png")), root=tmp_path)
    assert row.source == tmp_path / "x.png"
    assert row.edited == tmp_path / "b.png"


def test_a_path_that_is_none(tmp_path: Path):
    assert bad(tmp_path, b'{"src": "a\\u0000b", "edit": "b", "prompt_en": "x"}')


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60).filter(lambda raw: b"\n" not in raw), max_size=8))
def test_every_line_that_is_not_blank_comes_out(tmp_path: Path, lines: list[bytes]):
    rows = read_lines(tmp_path, *lines)
    assert len(rows) == sum(bool(raw.strip()) for raw in lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["src", "edit", "prompt_en", "prompt_cn", "key"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=20), st.just("../x")),
    )
)
def test_no_fields_lead_out_of_the_folder(tmp_path: Path, fields: dict):
    (row,) = read_lines(tmp_path, json.dumps(fields).encode())
    if isinstance(row, Triplet):
        assert row.source.is_relative_to(tmp_path)
        assert row.edited.is_relative_to(tmp_path)


def test_parquet_in_the_published_schema(tmp_path: Path):
    rows = clean()
    rows[3]["src_image"] = None
    rows[4]["key"] = None
    write_folder(tmp_path, rows)
    read = list(read_triplets(tmp_path))
    assert [row.key for row in read[:4]] == [key(i) for i in range(4)]
    assert len(read[4].key) == 32
    assert read[0].source == rows[0]["src_image"]["bytes"]
    assert read[3].source == b""
    assert read[12].place == "train-00001-of-00002.parquet row 1"
    assert len(read) == 22
    assert len(list(read_triplets(tmp_path / data_file(0, 2)))) == 11


def test_rows_that_cannot_be_read_are_bad_rows(tmp_path: Path):
    rows = clean()
    write_folder(tmp_path, rows, files=1)
    path = tmp_path / data_file(0, 1)
    data = bytearray(path.read_bytes())
    data[data.index(rows[7]["src_image"]["bytes"]) + 50] ^= 1
    path.write_bytes(data)
    read = list(read_triplets(tmp_path))
    assert len(read) == 22
    broken = [row.place for row in read if isinstance(row, BadRow)]
    assert broken == [f"train-00000-of-00001.parquet row {i}" for i in range(5, 10)]


def test_what_is_no_input(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        read_triplets(tmp_path / "no.jsonl")
    (tmp_path / "x.csv").touch()
    with pytest.raises(InputError, match="neither"):
        read_triplets(tmp_path / "x.csv")
    write_file(tmp_path / "x.parquet", [], pa.schema({"key": pa.string()}))
    with pytest.raises(InputError, match="not in the published schema"):
        read_triplets(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_triplets(tmp_path / "y.parquet")
    os.mkfifo(tmp_path / "z.jsonl")
    with pytest.raises(InputError, match="does not exist"):
        read_triplets(tmp_path / "z.jsonl")
