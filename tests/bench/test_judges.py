"""Judges: names that never collide, and players of the role whose answers are checked too."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vlm.scripted import picture

from bench.scripted import judge_of, scripted
from unicedit_assets.bench.judges import RoleBenchJudge, judge_name, read_reply
from unicedit_assets.bench.samples import ASKED
from unicedit_assets.domain.roles import BackendDownError, Scores
from unicedit_assets.vlm.judge_prompts import ReplyKeys

IMAGES = (picture(), picture(200))


class Player:
    def __init__(self, by: Any) -> None:
        self._by = by

    @property
    def identity(self) -> Any:
        return {"name": "player", "version": 1}

    def score(self, *_: Any) -> Scores:
        return self._by()


def asked(by: Any) -> Any:
    return RoleBenchJudge("p", Player(by), 1, 100).judge(IMAGES, "text", ("a",), ASKED, 0)


@given(st.text(max_size=300))
def test_a_name_is_a_file_name_whatever_the_model_is_called(label: str) -> None:
    name = judge_name(label, {"name": label}, 5)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name)
    assert not name.startswith(".")
    assert name != judge_name(label, {"name": label + "x"}, 5)


def test_a_name_says_which_model_and_not_where_it_lies() -> None:
    assert re.fullmatch(r"Qwen2.5-VL-7B-[0-9a-f]{8}", judge_name("org/Qwen2.5-VL-7B/", {}, 1))


def test_a_players_scores_are_records_like_a_models() -> None:
    found = asked(lambda: Scores(7.25, 0.0, 10, None, {"visual_quality": "clean"}))
    assert [found[metric].score for metric in ASKED] == [7.25, 0.0, 10.0, None]
    assert found["visual_quality"].reason == "clean"
    for judged in found.values():
        assert len(judged.replies) == len(judged.failures) == 1
        assert read_reply(judged.replies[0], ReplyKeys())[0] == judged.score


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 95.0, -3, True])
def test_a_players_score_that_is_none_is_unscored(bad: Any) -> None:
    found = asked(lambda: Scores(bad, 5.0, 5.0, 5.0))
    assert found["instruction_following"].score is None
    assert found["instruction_following"].reason
    assert found["visual_quality"].score == 5.0


def test_a_player_that_crashes_costs_this_sample_and_one_that_is_down_the_run() -> None:
    def crash() -> Scores:
        raise RuntimeError("no such thing")

    def down() -> Scores:
        raise BackendDownError("gone")

    def full() -> Scores:
        raise MemoryError

    found = asked(crash)
    assert {judged.score for judged in found.values()} == {None}
    assert {judged.reason for judged in found.values()} == {"RuntimeError: no such thing"}
    for by, error in ((down, BackendDownError), (full, MemoryError)):
        with pytest.raises(error):
            asked(by)


def test_each_repeat_has_its_own_seed_and_each_attempt_within_it() -> None:
    vlm = scripted(lambda _: "no grade")
    judge = judge_of(vlm, attempts=3)
    for repeat in range(3):
        judge.judge(IMAGES, "text", (), ("visual_quality",), repeat)
    assert [question.seed for question in vlm.asked] == [0, 1, 2, 64, 65, 66, 128, 129, 130]
