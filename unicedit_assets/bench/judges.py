"""Judges of a benchmark run: any vision-language model, or any player of the judge's role.

A judge's name within a run's folder ends in a hash of everything that makes its replies, so that
two checkpoints, two sets of prompts or two temperatures never share rows.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Protocol

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.machine import is_machines
from unicedit_assets.domain.roles import BackendDownError, Judge, Pixels, Scores
from unicedit_assets.domain.texts import storable
from unicedit_assets.vlm.asking import Reply
from unicedit_assets.vlm.encoding import WEBP_QUALITY, Encoding
from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.judge_prompts import ReplyKeys
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.roles import load_of

# Seeds of one repeat's attempts; another repeat's begin behind them.
_SEEDS = 64
_SLUG = re.compile(r"[^A-Za-z0-9._]+")
_HASH = 8


@dataclass(frozen=True)
class Judged:
    """What a judge said of one metric.

    Attributes:
        score: 0-10, or None when unscored.
        reason: what the judge said, or why there is no score.
        replies: raw, in order; the last is the one that counts.
        failures: one a reply: empty, or why it is no whole reply.
        seconds: from the question to the last reply.
    """

    score: float | None
    reason: str
    replies: tuple[str, ...]
    failures: tuple[str, ...]
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Setup:
    """What of a judge makes one metric's reply in one repeat, beside pictures and texts."""

    prompt_sha256: str
    decoding: Mapping[str, Json]


class BenchJudge(Protocol):
    """A judge as a run sees it; called from ``concurrency`` threads at once."""

    @property
    def name(self) -> str:
        """Unique within a run's folder, and a file name."""
        ...

    @property
    def model(self) -> str: ...

    @property
    def revision(self) -> str: ...

    @property
    def identity(self) -> Mapping[str, Json]:
        """Everything that can change a reply."""
        ...

    @property
    def concurrency(self) -> int: ...

    @property
    def max_pixels(self) -> int:
        """Larger pictures are shrunk to this before they are shown."""
        ...

    @property
    def encoding(self) -> Encoding:
        """How pictures come to it; whoever reads pixels sees them as they are after it."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether a repeat can only give the same reply."""
        ...

    @property
    def load(self) -> Callable[[], None] | None:
        """Loads a model into this process; None where nothing is to be loaded."""
        ...

    def setup(self, metric: str, repeat: int) -> Setup: ...

    def close(self) -> None:
        """Let go of connections and models; a later question begins anew."""
        ...

    def groups(self, metrics: Sequence[str]) -> Sequence[Sequence[str]]:
        """Return the metrics in the groups that are asked for at once."""
        ...

    def judge(
        self,
        images: tuple[Pixels, Pixels],
        instruction: str,
        points: Sequence[str],
        metrics: Sequence[str],
        repeat: int,
    ) -> Mapping[str, Judged]:
        """Return what the judge says of a group of metrics.

        Raises:
            BackendDownError: no question can be answered now.
        """
        ...


def sight(max_pixels: int, encoding: Encoding) -> list[Json]:
    """Return what decides how a judge sees a picture; lossless PNG is the one that goes unsaid."""
    return [max_pixels] if encoding is Encoding.PNG else [max_pixels, encoding.value, WEBP_QUALITY]


def judge_name(
    label: str,
    identity: Mapping[str, Json],
    max_pixels: int,
    encoding: Encoding = Encoding.PNG,
) -> str:
    """Return a name that people recognise and that no other judge has."""
    slug = _SLUG.sub("-", label.rstrip("/").rpartition("/")[2]).strip("-.") or "judge"
    return f"{slug[:60]}-{digest('judge', identity, *sight(max_pixels, encoding))[:_HASH]}"


class VlmBenchJudge:
    """A vision-language model: each metric is a question of its own.

    Args:
        label: what people call it, such as the model's name.
        judge: prompts, options and the model.
        deterministic: whether it always gives the likeliest reply, whatever temperature is asked.
    """

    def __init__(
        self,
        label: str,
        judge: VlmJudge,
        model: str,
        revision: str,
        max_pixels: int,
        deterministic: bool = False,
        encoding: Encoding = Encoding.PNG,
    ) -> None:
        self._judge = judge
        self.deterministic = deterministic
        self.model, self.revision = model, revision
        self.max_pixels, self.encoding = max_pixels, encoding
        self.name = judge_name(label, judge.identity, max_pixels, encoding)

    @property
    def identity(self) -> Mapping[str, Json]:
        return self._judge.identity

    @property
    def concurrency(self) -> int:
        return self._judge.concurrency

    @property
    def load(self) -> Callable[[], None] | None:
        """See ``BenchJudge``."""
        return load_of(self._judge.vlm)

    def close(self) -> None:
        """See ``BenchJudge``."""
        close: Callable[[], None] | None = getattr(self._judge.vlm, "close", None)
        if close:
            close()

    def setup(self, metric: str, repeat: int) -> Setup:
        """See ``BenchJudge``."""
        decoding = {**asdict(self._judge.options), "seed": repeat * _SEEDS}
        return Setup(
            self._judge.prompts.prompts[metric].sha256,
            {**decoding, "keys": asdict(self._judge.prompts.keys)},
        )

    def groups(self, metrics: Sequence[str]) -> Sequence[Sequence[str]]:
        """See ``BenchJudge``."""
        return [(metric,) for metric in metrics]

    def judge(
        self,
        images: tuple[Pixels, Pixels],
        instruction: str,
        points: Sequence[str],
        metrics: Sequence[str],
        repeat: int,
    ) -> Mapping[str, Judged]:
        """See ``BenchJudge``."""
        keys, seed = self._judge.prompts.keys, repeat * _SEEDS
        return {
            metric: _judged(self._judge.ask(metric, images, instruction, points, seed), keys)
            for metric in metrics
        }


def _judged(reply: Reply, keys: ReplyKeys) -> Judged:
    answers = reply.answers
    score = None if reply.value is None else float(reply.value[keys.score]) + 0.0
    return Judged(
        score=score,
        reason=storable(reply.trouble if reply.value is None else reply.value[keys.reason]),
        replies=tuple(storable(answer.text) for answer in answers),
        failures=tuple(answer.failure.kind.value if answer.failure else "" for answer in answers),
        tokens_in=sum(answer.tokens_in for answer in answers),
        tokens_out=sum(answer.tokens_out for answer in answers),
        seconds=sum(answer.seconds for answer in answers),
    )


class RoleBenchJudge:
    """Any player of the judge's role, such as the embedded one: all metrics from one look.

    Its reply is written as the JSON that a model would reply with, so that records of all judges
    are read in one way.
    """

    deterministic = True
    revision = ""
    load = None

    def __init__(
        self,
        label: str,
        judge: Judge,
        concurrency: int,
        max_pixels: int,
        encoding: Encoding = Encoding.PNG,
    ) -> None:
        self._judge = judge
        self.model, self.concurrency = label, concurrency
        self.max_pixels, self.encoding = max_pixels, encoding
        self.name = judge_name(label, judge.identity, max_pixels, encoding)

    @property
    def identity(self) -> Mapping[str, Json]:
        return self._judge.identity

    @cached_property
    def _setup(self) -> Setup:
        return Setup("", {"identity": dict(self.identity), "keys": asdict(ReplyKeys())})

    def close(self) -> None:
        """See ``BenchJudge``; there is nothing to let go of."""

    def setup(self, metric: str, repeat: int) -> Setup:
        """See ``BenchJudge``."""
        return self._setup

    def groups(self, metrics: Sequence[str]) -> Sequence[Sequence[str]]:
        """See ``BenchJudge``."""
        return [tuple(metrics)]

    def judge(
        self,
        images: tuple[Pixels, Pixels],
        instruction: str,
        points: Sequence[str],
        metrics: Sequence[str],
        repeat: int,
    ) -> Mapping[str, Judged]:
        """See ``BenchJudge``; a crash over one sample leaves that sample unscored."""
        started = time.perf_counter()
        try:
            scores = self._judge.score(*images, instruction, points)
        except BackendDownError:
            raise
        except Exception as error:
            if is_machines(error):
                raise
            trouble = storable(f"{type(error).__name__}: {error}")
            return {metric: Judged(None, trouble, ("",), ("crashed",)) for metric in metrics}
        seconds = time.perf_counter() - started
        return {metric: _scored(scores, metric, seconds / len(metrics)) for metric in metrics}


def _scored(scores: Scores, metric: str, seconds: float) -> Judged:
    said = scores.replies.get(metric) or next(iter(scores.replies.values()), "")
    value = getattr(scores, metric)
    score = value if value is None or isinstance(value, bool) else float(value)
    text = json.dumps({"reasoning": storable(said), "score": score}, ensure_ascii=False)
    found, reason = read_reply(text, ReplyKeys())
    return Judged(found, said if found is None and said else reason, (text,), ("",), 0, 0, seconds)


def read_reply(text: str, keys: ReplyKeys) -> tuple[float | None, str]:
    """Return a raw reply's score and reason; without a score, what is wrong with the reply."""
    try:
        value = parse_reply(text, keys.read)
    except ParseError as error:
        return None, str(error)
    return float(value[keys.score]) + 0.0, str(value[keys.reason])


def require_distinct(judges: Sequence[BenchJudge]) -> None:
    """See that no two judges are the same.

    Raises:
        BenchError: names the one that is there twice.
    """
    seen: set[str] = set()
    for judge in judges:
        if judge.name in seen:
            raise BenchError(f"the judge {judge.name} is given twice; for more replies: --repeats")
        seen.add(judge.name)
