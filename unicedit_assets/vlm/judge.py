"""A vision-language model that judges: UnicBench's four metrics, each from its own question.

The four questions on one sample show the same pictures first, so that a server can keep what it
made of them. A metric that could not be scored is None, never zero, and costs none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels, Scores
from unicedit_assets.vlm.asking import Reply, ask_json
from unicedit_assets.vlm.judge_prompts import JUDGED, JudgePrompts, ReplyKeys, shipped_prompts
from unicedit_assets.vlm.roles import Vlm, load_of

VERSION = 2
METRICS = JUDGED
_FOLLOWING, _CONSISTENCY, _QUALITY, _REASONING = METRICS
SCHEMA = ReplyKeys().read


@dataclass(frozen=True)
class JudgeOptions:
    """How a sample is judged; all of it can change a score.

    Attributes:
        temperature: the paper's judge is asked at 0.1.
        attempts: how often a question is asked at most.
        max_tokens: longest reply.
    """

    temperature: float = 0.1
    attempts: int = 3
    max_tokens: int = 512


class VlmJudge:
    """Plays the judge's role with any vision-language model."""

    def __init__(
        self, vlm: Vlm, options: JudgeOptions | None = None, prompts: JudgePrompts | None = None
    ) -> None:
        self._vlm = vlm
        self._options = options or JudgeOptions()
        self._prompts = prompts or shipped_prompts()

    @property
    def vlm(self) -> Vlm:
        """Who is asked."""
        return self._vlm

    @property
    def options(self) -> JudgeOptions:
        return self._options

    @property
    def prompts(self) -> JudgePrompts:
        return self._prompts

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a score: model, prompts, options."""
        return {
            "name": "vlm-judge",
            "version": VERSION,
            "vlm": dict(self._vlm.identity),
            "prompt_sha256": self._prompts.sha256,
            "options": asdict(self._options),
        }

    @property
    def concurrency(self) -> int:
        return self._vlm.concurrency

    @property
    def gpus(self) -> int:
        """How many GPUs of this process's its model wants; none behind an endpoint."""
        return int(getattr(self._vlm, "gpus", 0))

    @property
    def load(self) -> Callable[[], None] | None:
        """Loads the model; None where somebody else holds it."""
        return load_of(self._vlm)

    def score(
        self, source: Pixels, edited: Pixels, prompt: str, reasoning_points: Sequence[str]
    ) -> Scores:
        """Return the metrics of one sample; reasoning accuracy only where there are points."""
        asked = METRICS if reasoning_points else METRICS[:3]
        scores: dict[str, float] = {}
        replies: dict[str, str] = {}
        for metric in asked:
            score, replies[metric] = self._metric(
                metric, (source, edited), prompt, reasoning_points
            )
            if score is not None:
                scores[metric] = score
        return Scores(
            scores.get(_FOLLOWING),
            scores.get(_CONSISTENCY),
            scores.get(_QUALITY),
            scores.get(_REASONING),
            replies,
        )

    def ask(
        self,
        metric: str,
        images: tuple[Pixels, Pixels],
        instruction: str,
        points: Sequence[str],
        seed: int = 0,
    ) -> Reply:
        """Ask for one metric of a source and its edit, and again where the reply is no grade."""
        asked = self._prompts.question(
            metric,
            images,
            instruction,
            points,
            temperature=self._options.temperature,
            max_tokens=self._options.max_tokens,
            seed=seed,
        )
        return ask_json(self._vlm, asked, self._options.attempts, read=self._prompts.keys.read)

    def _metric(
        self,
        metric: str,
        images: tuple[Pixels, Pixels],
        instruction: str,
        points: Sequence[str],
    ) -> tuple[float | None, str]:
        """Return a metric's score and the raw reply that it comes from."""
        reply = self.ask(metric, images, instruction, points)
        if reply.value is None:
            return None, f"unscored ({reply.trouble}); the last reply: {reply.last.text}"
        return float(reply.value[self._prompts.keys.score]), reply.last.text
