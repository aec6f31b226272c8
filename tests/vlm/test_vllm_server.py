"""All players against the real vLLM server with a tiny Qwen2.5-VL, up to its death mid-request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from vllm_process import VllmServer

from resources.vlms import endpoint
from resources.vlms.front import FrontedVlm
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.accounting import Usage
from unicedit_assets.vlm.roles import FailureKind
from vlm.playing import check_instructor, check_judge, check_verifier, question

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

USAGE = Usage()


@pytest.fixture(scope="module")
def server(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    running = VllmServer(tiny_folder, tmp_path_factory.mktemp("server") / "log")
    try:
        running.wait(400)
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def backend(server: VllmServer) -> Iterator[endpoint.EndpointVlm]:
    chosen = HttpVlm(model="tiny", base_url=server.url, concurrency=8, tries=3, deadline=300)
    vlm = endpoint.EndpointVlm(chosen)
    yield vlm
    vlm.close()


@pytest.fixture(scope="module")
def vlm(backend: endpoint.EndpointVlm) -> FrontedVlm:
    return FrontedVlm("tiny", backend, 224 * 224, usage=USAGE)


def test_the_instructor_runs(vlm: FrontedVlm) -> None:
    check_instructor(vlm)


def test_many_verifications_run_at_once_with_measured_confidence(vlm: FrontedVlm) -> None:
    check_verifier(vlm, 6)
    asked = question()
    told = vlm.ask(type(asked)(**{**vars(asked), "weigh": ("said",)})).probabilities
    assert 0 < told["said"] <= 1


def test_the_judge_scores_every_metric(vlm: FrontedVlm) -> None:
    scores = check_judge(vlm)
    assert scores.visual_quality is not None
    assert scores.reasoning_accuracy is not None


def test_a_question_that_is_too_long_fails_alone(vlm: FrontedVlm) -> None:
    before = USAGE.snapshot()
    failure = vlm.ask(question("many words " * 20_000)).failure
    assert failure
    assert failure.kind is FailureKind.TOO_LONG
    assert vlm.ask(question()).failure is None
    assert USAGE.since(before)["vlm/tiny/failed_too_long"] == 1


def test_a_corrupt_picture_fails_alone(vlm: FrontedVlm, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(endpoint, "data_url", lambda _: "data:image/png;base64,bm8gcGljdHVyZQ==")
        failure = vlm.ask(question()).failure
    assert failure
    assert failure.kind is FailureKind.BAD_REQUEST
    assert vlm.ask(question()).failure is None


def test_another_model_is_no_rows_fault(server: VllmServer) -> None:
    other = endpoint.EndpointVlm(HttpVlm(model="other", base_url=server.url))
    with pytest.raises(BackendDownError, match="other"):
        other.ask(question())
    other.close()


def test_a_server_killed_mid_request_is_no_rows_fault(vlm: FrontedVlm, server: VllmServer) -> None:
    timer = threading.Timer(1.0, server.kill)
    timer.start()
    try:
        with pytest.raises(BackendDownError, match="connection failed"):
            for number in range(10_000):
                vlm.ask(question(f"Tell me a long story, number {number}.", max_tokens=2_000))
    finally:
        timer.join()
