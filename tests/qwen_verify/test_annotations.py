"""People's verdicts as they are typed: any line ends in texts, keys in any case, rows by reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.qwen_verify.annotations import (
    Annotation,
    AnnotationError,
    load_annotations,
)
from unicedit_assets.synthetic.pair import Kind

KEY = "0123456789abcdef" * 2


def write(folder: Path, *lines: str, end: str = "\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.jsonl").write_bytes((end.join(lines) + end).encode())
    return folder


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0c"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_texts_may_hold_other_ends_of_lines(tmp_path: Path, mark: str, end: str) -> None:
    row = {"key": KEY, "verdict": "misaligned", "rewritten_en": f"a{mark}b", "rewritten_cn": "改"}
    line = json.dumps(row, ensure_ascii=False)
    found = load_annotations(write(tmp_path / "x", line, end=end)).by_key
    assert found == {KEY: Annotation(KEY, Kind.MISALIGNED, f"a{mark}b", "改")}


def test_one_key_in_two_cases_is_one_key(tmp_path: Path) -> None:
    lines = [
        json.dumps({"key": key, "verdict": verdict})
        for key, verdict in ((KEY.upper(), "valid"), (f" {KEY} ", "no_edit"))
    ]
    found = load_annotations(write(tmp_path / "x", *lines))
    assert set(found.by_key) == found.disputed == {KEY}


@pytest.mark.parametrize("key", ["abc", KEY[:-1], KEY + "0", "g" * 32, "٣" * 32, f"{KEY[:-1]}\n"])
def test_a_key_that_is_no_edit_s_is_told(tmp_path: Path, key: str) -> None:
    line = json.dumps({"key": key, "verdict": "valid"})
    with pytest.raises(AnnotationError, match=r"a\.jsonl, row 2: key .* is no edit's id"):
        load_annotations(write(tmp_path / "x", "", line))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'{{"key": "{KEY}", "verdict": "valid", "verdict": "no_edit"}}', "names 'verdict' twice"),
        ('{"more": {"a": 1, "a": 1}}', "names 'a' twice"),
        ("[" * 200_000, "row 1 nests too deep"),
        ('{"a":' * 200_000, "row 1 nests too deep"),
    ],
)
def test_rows_that_cannot_be_read_one_way_are_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(AnnotationError, match=told):
        load_annotations(write(tmp_path / "x", line))


@given(st.text(max_size=40).filter(lambda text: "\n" not in text))
def test_any_line_is_a_verdict_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, line: str
) -> None:
    folder = tmp_path_factory.mktemp("people")
    (folder / "a.jsonl").write_text(line, "utf-8")
    try:
        assert load_annotations(folder).by_key.keys() <= {KEY}
    except AnnotationError as error:
        assert "a.jsonl" in str(error)
