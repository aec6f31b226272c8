"""More than 1,000 replies from a real HTTP server that misbehaves in every way that servers do.

What a reply should come to is told by the script that made it; replies that are garbled at random
are held against what is written in them. Nothing crashes, nothing becomes a zero that no judge
gave, and the counts agree.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bench_world import make_world
from vlm_server import Asked, Said, VlmServer, says

from bench.scripted import run
from resources.judges import JudgeChoice, judge_from
from unicedit_assets.bench.folder import rescore
from unicedit_assets.bench.store import read_records
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.vlm.judge import JudgeOptions

SAMPLES = 240
ATTEMPTS = 2


class Kind(NamedTuple):
    """A way to answer: what is said at the n-th time (from 0), and the score it comes to."""

    say: Callable[[float, int], Said]
    scored: bool


def good(score: float) -> str:
    return json.dumps({"reasoning": "seen {well}", "score": score})


def always(text: Callable[[float], str], scored: bool, **how: Any) -> Kind:
    return Kind(lambda score, _: Said(text(score), **how), scored)


def once(first: Said) -> Kind:
    return Kind(lambda score, time: first if time == 0 else Said(good(score)), True)


NOW = {"retry-after-ms": "5"}
TWICE = '{"reasoning": "a", "score": %s, "score": %s}'
KINDS: Mapping[str, Kind] = {
    "plain": always(good, True),
    "fenced": always(lambda s: f"```json\n{good(s)}\n```", True),
    "prose": always(lambda s: f"Here is my grade: {good(s)} I hope it helps.", True),
    "thought": always(lambda s: f"<think>maybe 3 or [5]</think>\n{good(s)}", True),
    "true zero": Kind(lambda *_: Said(good(0)), True),
    "late": always(good, True, delay=0.1),
    "asked again": once(Said("I would say 7 out of 10.")),
    "429": once(Said(status=429, headers=NOW, error="slow down")),
    "500": once(Said(status=500, headers=NOW, error="oops")),
    "503": once(Said(status=503, headers=NOW, error="busy")),
    "cut": once(Said(cut=True)),
    "no completion": once(Said(raw=b"<html>", headers=NOW)),
    "empty": once(Said("")),
    "cut off": once(Said('{"reasoning": "and then', finish="length")),
    "400": Kind(lambda *_: Said(status=400, error="bad picture"), False),
    "refusal": always(lambda _: "", False, refusal="I cannot judge people."),
    "filtered": always(good, False, finish="content_filter"),
    "sorry": always(lambda _: "I'm sorry, I cannot help with that.", False),
    "of ten": always(lambda s: f"{s}/10", False),
    "of ten inside": always(lambda s: json.dumps({"reasoning": "a", "score": f"{s}/10"}), False),
    "list": always(lambda s: f"[{s}]", False),
    "list inside": always(lambda s: json.dumps({"reasoning": "a", "score": [s]}), False),
    "null": always(lambda _: '{"reasoning": "a", "score": null}', False),
    "bare null": always(lambda _: "null", False),
    "true": always(lambda _: '{"reasoning": "a", "score": true}', False),
    "NaN": always(lambda _: '{"reasoning": "a", "score": NaN}', False),
    "Infinity": always(lambda _: '{"reasoning": "a", "score": Infinity}', False),
    "huge": always(lambda _: '{"reasoning": "a", "score": 1e999}', False),
    "digits": always(lambda _: '{"reasoning": "a", "score": %s}' % ("9" * 5000), False),
    "95": always(lambda _: good(95), False),
    "-3": always(lambda _: good(-3), False),
    "10.01": always(lambda _: good(10.01), False),
    "twice": always(lambda s: TWICE % (s, s), False),
    "two": always(lambda s: good(s) + "\n" + good(s), False),
    "no score": always(lambda _: '{"reasoning": "a"}', False),
    "always cut off": always(lambda _: '{"reasoning": "and the', False, finish="length"),
    "unpaired": always(lambda _: '{"reasoning": "\\ud800", "score": 5}', False),
    "deep": always(lambda _: '{"reasoning": ' + "[" * 20_000, False),
}
GARBLED = "garbled"


class Script:
    """Answers each question by a kind that its text decides, and remembers what it said."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: Counter[tuple[str, str]] = Counter()
        self.said: dict[tuple[str, str], list[str]] = {}

    @staticmethod
    def about(asked: Asked) -> tuple[str, str]:
        number = re.search(r"thing number (\d+)", asked.text)
        assert number
        return f"{int(number.group(1)):032x}", asked.name.removeprefix("judge_")

    def __call__(self, asked: Asked) -> Said:
        about = self.about(asked)
        with self._lock:
            time = self._times[about]
            self._times[about] += 1
        kind, score = plan(*about)
        said = garbled(*about, time) if kind == GARBLED else KINDS[kind].say(score, time)
        with self._lock:
            self.said.setdefault(about, []).append(said.text)
        return said


def plan(key: str, metric: str) -> tuple[str, float]:
    """Return how a question is answered, and with which score (never zero, but for one kind)."""
    rng = random.Random(f"{key}/{metric}")
    kinds = [*KINDS, *[GARBLED] * len(KINDS)]
    return rng.choice(kinds), rng.randint(1, 20) / 2


def garbled(key: str, metric: str, time: int) -> Said:
    """Return a good reply with a few characters dropped, doubled, swapped or put in."""
    rng = random.Random(f"{key}/{metric}/{time}")
    text = list(good(plan(key, metric)[1]))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text))
        text[at] = rng.choice(("", text[at] * 2, rng.choice('{}[]",:0.-eN ') + text[at]))
    return Said("".join(text) or "x")


def written(text: str) -> float | None:
    """Return the one number that a text gives as score, read by another rule than the parser's."""
    found = re.findall(r'"score"\s*:\s*(-?[0-9.eE+-]+)', text)
    try:
        return float(found[0]) if len(found) == 1 else None
    except ValueError:
        return None


def test_no_reply_crashes_the_run_or_becomes_a_zero_that_nobody_gave(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", SAMPLES, (32, 24))
    script = Script()
    with VlmServer(script) as server:
        options = JudgeOptions(attempts=ATTEMPTS)
        choice = JudgeChoice(home=tmp_path, options=options, concurrency=32, timeout=20)
        judge = judge_from(server.url, choice, "m")
        outcome = run(world, tmp_path / "out", judge)
    tally = outcome.tallies[judge.name]
    asked = sum(len(sample.metrics) for sample in world.samples.samples)
    rows = read_records(tmp_path / "out").to_pylist()
    assert sum(map(len, script.said.values())) >= 1000
    assert tally.asked == asked == len(rows) == len(script.said)
    assert tally.scored + tally.unscored == asked
    assert {plan(row["key"], row["metric"])[0] for row in rows} == {*KINDS, GARBLED}
    for row in rows:
        check(row, script.said[row["key"], row["metric"]])
    assert rescore(tmp_path / "out") == (asked, 0)
    assert read_records(tmp_path / "out").to_pylist() == rows


def check(row: Mapping[str, Any], said: list[str]) -> None:
    kind, score = plan(row["key"], row["metric"])
    assert (row["status"] == "scored") == (row["score"] is not None)
    assert row["reason"]
    assert len(row["replies"]) == len(row["failures"]) <= ATTEMPTS
    if kind == GARBLED:
        if row["score"] is not None:
            assert 0 <= row["score"] <= 10
            assert row["score"] == written(said[-1])
    elif KINDS[kind].scored:
        assert row["score"] == (0.0 if kind == "true zero" else score), kind
    else:
        assert row["score"] is None, kind
        texts = [text for text in said if text]
        assert [reply for reply in row["replies"] if reply] == [
            text.encode("utf-8", "backslashreplace").decode() for text in texts
        ], kind


def test_a_server_that_is_never_there_is_one_error(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", 2, (32, 24))
    with VlmServer(lambda _: says({})) as server:
        url = server.url
    choice = JudgeChoice(home=tmp_path, deadline=1.0)
    with pytest.raises(BackendDownError, match=re.escape(url)):
        run(world, tmp_path / "out", judge_from(url, choice, "m"))
