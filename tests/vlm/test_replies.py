"""Kept replies: everything that makes one counts, damage is a miss, the folder stays bounded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import pytest

from resources.vlms.front import reply_key
from resources.vlms.replies import ReplyFolder
from unicedit_assets.vlm.prompting import TEXT, json_object
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question
from vlm.scripted import picture

QUESTION = Question("q", "system", (picture(),), "text", json_object(said=TEXT))
CHANGED = {
    "name": "other",
    "system": "other",
    "images": (picture(91),),
    "text": "other",
    "schema": json_object(other=TEXT),
    "max_tokens": 7,
    "temperature": 0.5,
    "seed": 7,
    "weigh": ("said",),
}


def test_every_field_of_a_question_is_in_its_key() -> None:
    assert set(CHANGED) == {field.name for field in fields(Question)}
    keys = {reply_key({}, replace(QUESTION, **{name: value})) for name, value in CHANGED.items()}
    keys |= {reply_key({}, QUESTION), reply_key({"model": "other"}, QUESTION)}
    keys.add(reply_key({}, replace(QUESTION, images=(picture(), picture()))))
    keys.add(reply_key({}, replace(QUESTION, images=(picture(shape=(48, 64)),))))
    assert len(keys) == len(CHANGED) + 4


def test_a_reply_comes_back_as_it_was_but_for_its_cost(tmp_path: Path) -> None:
    answer = Answer("文字 \u2028", None, 5, 6, 1.5, 2, {"said": 0.5})
    ReplyFolder(tmp_path, 1 << 20).put("ab12", answer)
    kept = ReplyFolder(tmp_path, 1 << 20).get("ab12")
    assert kept == replace(answer, seconds=0.0, tries=0, cached=True)


def test_a_failure_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not kept"):
        ReplyFolder(tmp_path, 1 << 20).put("ab", Answer(failure=Failure(FailureKind.SERVER, "")))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"{}", b'{"text": "a"}', b"\xff\x00", b"null"]
)
def test_a_damaged_file_is_a_miss(tmp_path: Path, damage: bytes) -> None:
    replies = ReplyFolder(tmp_path, 1 << 20)
    replies.put("ab12", Answer("x"))
    (tmp_path / "ab" / "ab12.json").write_bytes(damage)
    assert replies.get("ab12") is None


def test_the_oldest_go_when_the_folder_is_full(tmp_path: Path) -> None:
    replies = ReplyFolder(tmp_path, 5_000)
    for number in range(100):
        replies.put(f"{number:04x}", Answer("x" * 100))
    kept = [number for number in range(100) if replies.get(f"{number:04x}")]
    assert sum(path.stat().st_size for path in tmp_path.glob("??/*")) <= 5_000
    assert 10 < len(kept) < 50
    assert kept[-1] == 99
    assert min(kept) > 40


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    replies = ReplyFolder(tmp_path / "file", 1 << 20)
    replies.put("ab12", Answer("x"))
    assert replies.get("ab12") is None


def test_many_writers_of_one_key_leave_one_whole_reply(tmp_path: Path) -> None:
    replies = ReplyFolder(tmp_path, 1 << 20)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: replies.put("ab12", Answer(f"{i % 2}" * 5_000)), range(64)))
    kept = replies.get("ab12")
    assert kept
    assert kept.text in ("0" * 5_000, "1" * 5_000)
    assert len(list(tmp_path.glob("??/*"))) == 1
