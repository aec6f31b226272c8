"""The transformers backend with a real, tiny Qwen2.5-VL: exact, honest about what it cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from resources.ray_engine import RayEngine, shut_down
from resources.vlms.build import vlm_from
from resources.vlms.front import FrontedVlm
from resources.vlms.in_transformers import InTransformers
from unicedit_assets.domain import codec
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.pipeline.unicbench_scores import ScoreRequest, score_sample
from unicedit_assets.settings.gpu import RaySettings
from unicedit_assets.settings.vlms import TransformersVlm
from unicedit_assets.vlm.judge import JudgeOptions, VlmJudge
from unicedit_assets.vlm.roles import FailureKind, Vlm
from vlm.playing import check_instructor, check_judge, check_verifier, pair, question

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def vlm(tiny_folder: Path) -> Iterator[Vlm]:
    backend = InTransformers(TransformersVlm(model=str(tiny_folder), max_pixels=64 * 64))
    yield FrontedVlm("tiny", backend, 64 * 64)
    backend.close()


def test_the_same_question_gets_the_same_reply_and_counts(vlm: Vlm) -> None:
    first, again = vlm.ask(question()), vlm.ask(question())
    assert first.text == again.text != ""
    assert first.tokens_in > 20
    assert 5 < first.tokens_out < 64


def test_a_reply_that_does_not_end_is_a_length_failure(vlm: Vlm) -> None:
    answer = vlm.ask(question(max_tokens=4))
    assert answer.failure
    assert answer.failure.kind is FailureKind.LENGTH
    assert answer.tokens_out == 4


def test_a_question_that_does_not_fit_is_too_long(vlm: Vlm) -> None:
    failure = vlm.ask(question("many words " * 20_000)).failure
    assert failure
    assert failure.kind is FailureKind.TOO_LONG


def test_no_picture_is_a_question_too(vlm: Vlm) -> None:
    assert vlm.ask(replace(question(), images=())).tokens_out > 0


def test_all_players_run_and_every_reply_is_read(vlm: Vlm) -> None:
    check_instructor(vlm)
    # It is refused for what it says, which contradicts itself, and not for its form.
    assert '"is_changed" is false but "class" is' in check_verifier(vlm, 1)[0].detail
    assert check_judge(vlm).visual_quality is not None


def test_a_model_that_is_cut_off_accepts_nothing(vlm: Vlm) -> None:
    outcomes = check_instructor(vlm, max_tokens=8)
    assert {getattr(outcome, "reason", None) for outcome in outcomes} == {Reason.INSTRUCTOR_FAILED}
    scores = check_judge(vlm, max_tokens=8)
    assert scores.instruction_following is None
    with pytest.raises(Exception, match="length"):
        check_verifier(vlm, 1, max_tokens=8)


def test_the_weights_are_the_identity_not_their_place(tiny_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    moved.symlink_to(tiny_folder)
    one, other = (
        InTransformers(TransformersVlm(model=str(folder))).identity
        for folder in (tiny_folder, moved)
    )
    assert one == other


def test_a_folder_without_a_model_is_no_rows_fault(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(BackendDownError, match="cannot load"):
        InTransformers(TransformersVlm(model=str(tmp_path))).ask(question())


def test_a_model_that_was_let_go_is_loaded_when_it_is_asked_again(tiny_folder: Path) -> None:
    backend = InTransformers(TransformersVlm(model=str(tiny_folder)))
    first = backend.ask(question())
    backend.close()
    backend.load()
    assert backend.ask(question()).text == first.text
    backend.close()


@pytest.mark.timeout(600)
def test_on_ray_the_model_lives_in_an_actor(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    def here(_: object) -> None:
        raise AssertionError("loaded in the run's own process")

    monkeypatch.setattr(InTransformers, "_load", here)
    chosen = TransformersVlm(model=str(tiny_folder), max_pixels=64 * 64, device="cpu")
    judge = VlmJudge(vlm_from("tiny", chosen), JudgeOptions(max_tokens=8, attempts=1))
    engine = RayEngine(RaySettings(model_actors=1, gpus_per_actor=0), 2).holding(judge, 1)
    source, edited = (codec.encode_lake(side) for side in pair(1))
    request = ScoreRequest(source, edited, "Paint it.", ())
    try:
        answers = list(engine.map(partial(score_sample, judge), [request, request]))
    finally:
        shut_down()
        ray.shutdown()
    assert [answer.error for answer in answers] == ["", ""]
    assert all(answer.scores and "length" in str(answer.scores.replies) for answer in answers)
