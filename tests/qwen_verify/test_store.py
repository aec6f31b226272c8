"""Rendered examples: mapped, whole chunks only, gone on with where it was cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qwen_verify.toy import toy_pair
from resources.qwen_verify import store
from resources.qwen_verify.store import ExampleFolder, render
from unicedit_assets.qwen_verify.question import Example, example_of


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK", 4)


def draw(index: int) -> Example:
    return example_of(toy_pair(index, side=32))


def test_every_example_comes_back_as_it_was_drawn(tmp_path: Path) -> None:
    told: list[int] = []
    render(tmp_path, draw, 10, tick=told.append)
    read = ExampleFolder(tmp_path)
    assert len(read) == 10
    assert told == [0, 4, 8, 10]
    for index in range(10):
        one, other = read[index], draw(index)
        assert (one.source == other.source).all()
        assert (one.edited == other.edited).all()
        assert one.target == other.target
        assert one.rejected == other.rejected
    with pytest.raises(IndexError):
        read[10]


def test_a_call_that_was_cut_off_goes_on_at_the_first_missing_chunk(tmp_path: Path) -> None:
    drawn: list[int] = []

    def cut(index: int) -> Example:
        if index == 6:
            raise KeyboardInterrupt
        return draw(index)

    def counted(index: int) -> Example:
        drawn.append(index)
        return draw(index)

    with pytest.raises(KeyboardInterrupt):
        render(tmp_path, cut, 10)
    assert len(ExampleFolder(tmp_path)) == 4
    render(tmp_path, counted, 10)
    assert drawn == [4, 5, 6, 7, 8, 9]
    assert len(ExampleFolder(tmp_path)) == 10


def test_texts_that_do_not_match_their_pictures_are_refused(tmp_path: Path) -> None:
    render(tmp_path, draw, 4)
    rows = tmp_path / "rows-00000000.jsonl"
    rows.write_text("".join(rows.read_text("utf-8").splitlines(keepends=True)[:3]), "utf-8")
    with pytest.raises(ValueError, match="3 rows for 4 pairs"):
        ExampleFolder(tmp_path)


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="render some first"):
        ExampleFolder(tmp_path)


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085", "\x0b", "\r"])
def test_texts_may_hold_other_ends_of_lines(tmp_path: Path, end: str) -> None:
    render(tmp_path, lambda index: replace(draw(index), target=f"one{end}two"), 5)
    read = ExampleFolder(tmp_path)
    assert [read[index].target for index in range(len(read))] == [f"one{end}two"] * 5
