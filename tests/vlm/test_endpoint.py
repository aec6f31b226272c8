"""The HTTP backend against a real server that misbehaves: every question is accounted for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vlm_server import Asked, Said, VlmServer, says

from resources.vlms.endpoint import EndpointVlm
from resources.vlms.front import FrontedVlm
from resources.vlms.replies import ReplyFolder
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.accounting import Usage
from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.prompting import TEXT, json_object
from unicedit_assets.vlm.roles import FailureKind, Question
from vlm.scripted import picture

SCHEMA = json_object(said=TEXT)
FAST = {"retry-after": "0"}


def question(text: str = "What is it?", **other: Any) -> Question:
    return Question("test", "Be brief.", (picture(),), text, SCHEMA, **other)


def settings(url: str, **other: Any) -> HttpVlm:
    return HttpVlm.model_validate({"kind": "openai", "model": "m", "base_url": url, **other})


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer(lambda _: says({"said": "a car"})) as running:
        yield running


@pytest.fixture(autouse=True)
def close_all() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


OPEN: list[EndpointVlm] = []


def opened(chosen: HttpVlm) -> EndpointVlm:
    OPEN.append(EndpointVlm(chosen))
    return OPEN[-1]


def in_turn(*said: Said) -> Callable[[Asked], Said]:
    left = list(said)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_a_question_goes_out_images_first_and_comes_back_counted(server: VlmServer) -> None:
    answer = opened(settings(server.url)).ask(question(temperature=0.25, seed=3))
    assert json.loads(answer.text) == {"said": "a car"}
    assert (answer.failure, answer.tokens_in, answer.tokens_out, answer.tries) == (None, 100, 20, 1)
    (asked,) = server.asked
    assert [part["type"] for part in asked.parts] == ["image_url", "text"]
    assert np.array_equal(asked.images[0], picture())
    assert asked.body["temperature"] == 0.25
    assert asked.body["seed"] == 3
    assert asked.name == "test"
    assert asked.schema == SCHEMA
    assert "logprobs" not in asked.body


def test_the_key_comes_from_the_named_variable(
    server: VlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "secret-1")
    vlm = opened(settings(server.url, key_variable="MY_KEY"))
    vlm.ask(question())
    assert server.asked[0].headers["authorization"] == "Bearer secret-1"
    assert "secret-1" not in json.dumps(dict(vlm.identity))


@pytest.mark.parametrize("structured", ["json_object", "none"])
def test_servers_without_schemas_are_asked_in_their_way(server: VlmServer, structured: str) -> None:
    opened(settings(server.url, structured=structured)).ask(question())
    sent = server.asked[0].body.get("response_format")
    assert sent == ({"type": "json_object"} if structured == "json_object" else None)


def test_probabilities_are_asked_for_and_read(server: VlmServer) -> None:
    server.reply = lambda _: Said('{"said": "yes"}', sure={"said": 0.25})
    asked = question(weigh=("said",))
    assert opened(settings(server.url)).ask(asked).probabilities == {"said": pytest.approx(0.25)}
    opened(settings(server.url, logprobs=False)).ask(asked)
    assert "logprobs" not in server.asked[1].body


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said(status=400, error="This model's maximum context length is 4096"), "too_long"),
        (Said(status=413, error="body too big"), "too_long"),
        (Said(status=400, error="cannot identify image file"), "bad_request"),
        (Said(status=422, error="bad schema"), "bad_request"),
        (Said("", refusal="I cannot help with that."), "refused"),
        (Said("", finish="content_filter"), "refused"),
        (Said('{"said": "a', finish="length"), "length"),
    ],
)
def test_what_will_not_change_is_not_asked_again(server: VlmServer, said: Said, kind: str) -> None:
    server.reply = lambda _: said
    answer = opened(settings(server.url)).ask(question())
    assert answer.failure
    assert answer.failure.kind.value == kind
    assert answer.tries == 1
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "said",
    [
        Said(status=429, headers=FAST, error="slow down"),
        Said(status=500, headers=FAST, error="oops"),
        Said(status=503, headers=FAST, error="loading"),
        Said(cut=True),
        Said(raw=b"<html>gateway</html>"),
        Said(raw=b'{"choices": []}'),
        Said(raw=b"null"),
        Said(""),
    ],
)
def test_a_passing_trouble_is_asked_again(server: VlmServer, said: Said) -> None:
    server.reply = in_turn(said, says({"said": "a car"}))
    answer = opened(settings(server.url)).ask(question())
    assert answer.failure is None
    assert answer.tries == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(status=500, headers=FAST, error="oops"), "HTTP 500: oops"),
        (Said(status=408, headers=FAST, error="slow"), "HTTP 408: slow"),
        (Said(cut=True), "connection failed"),
        (Said(raw=b"<html>gateway</html>"), "Expecting value"),
        (Said(""), "empty"),
    ],
)
def test_a_lasting_trouble_is_this_questions_failure_after_bounded_tries(
    server: VlmServer, said: Said, told: str
) -> None:
    server.reply = lambda _: said
    answer = opened(settings(server.url, tries=3)).ask(question())
    assert answer.failure
    assert answer.failure.kind in (FailureKind.SERVER, FailureKind.TIMEOUT)
    assert told in answer.failure.detail
    assert answer.tries == len(server.asked) == 3


def test_retry_after_is_kept(server: VlmServer) -> None:
    server.reply = in_turn(
        Said(status=429, headers={"retry-after": "0.6"}, error="slow"), says({"said": ""})
    )
    started = time.monotonic()
    assert opened(settings(server.url)).ask(question()).failure is None
    assert time.monotonic() - started >= 0.6


def test_a_silent_server_is_a_timeout_within_the_deadline(server: VlmServer) -> None:
    server.reply = lambda _: says({"said": ""}, delay=3)
    started = time.monotonic()
    answer = opened(settings(server.url, timeout=0.3, deadline=0.8)).ask(question())
    assert answer.failure
    assert answer.failure.kind is FailureKind.TIMEOUT
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_is_no_rows_fault(server: VlmServer, status: int) -> None:
    server.reply = lambda _: Said(status=status, error="no such model")
    with pytest.raises(BackendDownError, match="no such model"):
        opened(settings(server.url)).ask(question())
    assert len(server.asked) == 1


def test_nobody_there_is_no_rows_fault() -> None:
    with VlmServer(lambda _: says({})) as gone:
        url = gone.url
    with pytest.raises(BackendDownError, match="ConnectError"):
        opened(settings(url, tries=2)).ask(question())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_stays_busy_is_no_rows_fault(server: VlmServer, status: int) -> None:
    server.reply = lambda _: Said(status=status, headers=FAST, error="overloaded")
    with pytest.raises(BackendDownError, match="overloaded"):
        opened(settings(server.url, tries=2)).ask(question())
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("said", "condemned"),
    [
        (Said(status=500, error="oops"), 7),
        (Said(cut=True), 7),
        (Said(""), 7),
        (Said("late", delay=0.2), 7),
        (Said(status=400, error="no such field: seed"), 31),
    ],
)
def test_a_server_that_fails_question_after_question_is_no_rows_fault(
    server: VlmServer, said: Said, condemned: int
) -> None:
    server.reply = lambda _: said
    vlm = opened(settings(server.url, tries=1, concurrency=1, timeout=0.1))
    assert all(vlm.ask(question(str(turn))).failure for turn in range(condemned))
    with pytest.raises(BackendDownError, match="question after question"):
        vlm.ask(question())


def test_one_answer_in_between_clears_the_server(server: VlmServer) -> None:
    failed = [Said(status=500, error="oops")] * 7
    server.reply = in_turn(*failed, says({"said": "a car"}), *failed)
    vlm = opened(settings(server.url, tries=1, concurrency=1))
    failures = [bool(vlm.ask(question(str(turn))).failure) for turn in range(15)]
    assert failures == [True] * 7 + [False] + [True] * 7


def test_no_more_questions_are_in_flight_than_allowed(server: VlmServer) -> None:
    server.reply = lambda _: says({"said": ""}, delay=0.05)
    vlm = opened(settings(server.url, concurrency=4))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: vlm.ask(question(str(i))), range(32)))
    assert all(answer.failure is None for answer in answers)
    assert 2 <= server.most_at_once <= 4


HOSTILE = [
    says({"reasoning": "fine", "score": 8}),
    Said('```json\n{"reasoning": "fenced", "score": 7}\n```'),
    Said('I think {"reasoning": "prose", "score": 6} is fair.'),
    Said('{"reasoning": "x", "score": NaN}'),
    Said('{"reasoning": "x", "score": 95}'),
    Said('{"reasoning": "x", "score": 3, "score": 9}'),
    Said("8/10"),
    Said("", refusal="no"),
    Said('{"reasoning": "cut', finish="length"),
    Said(status=409, headers=FAST, error="slow"),
    Said(status=500, headers=FAST, error="oops"),
    Said(cut=True),
    Said(status=400, error="maximum context length exceeded"),
]


def test_over_a_hostile_server_counts_reconcile_and_nothing_is_silently_zero(
    server: VlmServer,
) -> None:
    lock, turn = threading.Lock(), iter(range(10**6))

    def reply(_: Asked) -> Said:
        with lock:
            return HOSTILE[next(turn) * 7 % len(HOSTILE)]

    server.reply = reply
    usage = Usage()
    vlm = FrontedVlm("m", opened(settings(server.url, tries=2)), 10**6, usage=usage)
    judge = VlmJudge(vlm)
    with ThreadPoolExecutor(8) as pool:
        scores = list(
            pool.map(lambda i: judge.score(picture(i), picture(200), f"Edit {i}.", ()), range(40))
        )
    metrics: Counter[object] = Counter()
    for each in scores:
        assert len(each.replies) == 3
        values = {
            "instruction_following": each.instruction_following,
            "non_edit_consistency": each.non_edit_consistency,
            "visual_quality": each.visual_quality,
        }
        metrics.update(values.values())
        for name, value in values.items():
            assert (value is None) == each.replies[name].startswith("unscored")
    assert set(metrics) == {8.0, 7.0, 6.0, None}
    assert metrics.total() == 120
    sums = {name.rpartition("/")[2]: number for name, number in usage.since({}).items()}
    assert sums["tries"] == len(server.asked)
    failed = sum(number for name, number in sums.items() if name.startswith("failed_"))
    assert 0 < failed < sums["questions"] <= sums["tries"]


def test_kept_replies_cost_nothing_and_failures_are_not_kept(
    server: VlmServer, tmp_path: Path
) -> None:
    server.reply = in_turn(Said("", refusal="no"), says({"said": "a car"}))
    usage = Usage()
    replies = ReplyFolder(tmp_path, 1 << 20)
    vlm = FrontedVlm("m", opened(settings(server.url)), 10**6, replies, usage)
    answers = [vlm.ask(question()) for _ in range(4)]
    assert [bool(answer.failure) for answer in answers] == [True, False, False, False]
    assert [answer.cached for answer in answers] == [False, False, True, True]
    assert {answer.text for answer in answers[1:]} == {'{"said": "a car"}'}
    assert len(server.asked) == 2
    assert usage.since({})["vlm/m/cached"] == 2


def test_pictures_are_capped_and_their_flaws_never_sent(server: VlmServer) -> None:
    vlm = FrontedVlm("m", opened(settings(server.url)), 5_000, usage=Usage())
    big = np.zeros((200, 100, 3), np.uint8)
    assert vlm.ask(Question("q", "", (big,), "?", SCHEMA)).failure is None
    assert server.asked[0].images[0].shape == (100, 50, 3)
    for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        failure = vlm.ask(Question("q", "", (bad,), "?", SCHEMA)).failure
        assert failure
        assert failure.kind is FailureKind.BAD_REQUEST
    assert len(server.asked) == 1
