"""Packed examples: the same rows in any order, written once, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unicedit_assets.domain import codec
from unicedit_assets.qwen_verify.packing import PackedExamples, pack


def picture(seed: int) -> np.ndarray:
    shape = (8 + seed, 12, 3)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def rows(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        images = [{"bytes": codec.encode_lake(picture(2 * number + side))} for side in (0, 1)]
        yield {
            "key": f"k{number}",
            "kind": "normal",
            "subtask": "Color Alteration",
            "images": images,
            "prompt_en": "Do it.",
            "prompt_cn": "做。",
            "target": "{}",
        }


def test_rows_come_back_in_any_order(tmp_path: Path) -> None:
    packed = pack(tmp_path / "set", rows(5))
    assert len(packed) == 5
    for number in (3, 0, -1):
        one = packed[number]
        place = number % 5
        assert one.key == f"k{place}"
        assert np.array_equal(one.source, picture(2 * place))
        assert np.array_equal(one.edited, picture(2 * place + 1))
        assert one.rejected == ""
    assert [one.key for one in packed[1:3]] == ["k1", "k2"]
    assert packed.texts()[2]["cn"] == "做。"
    with pytest.raises(IndexError):
        packed[5]


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    pack(tmp_path / "set", rows(2))
    again = pack(tmp_path / "set", iter(()))
    assert len(again) == 2


def test_what_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    def cut() -> Iterator[dict[str, Any]]:
        yield next(rows(1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "set", cut())
    with pytest.raises(FileNotFoundError):
        PackedExamples(tmp_path / "set")
    assert len(pack(tmp_path / "set", rows(3))) == 3
