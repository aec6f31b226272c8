"""A vision-language model that judges: UnicBench's four metrics, each from its own question.

The four questions on one sample show the same pictures first, so that a server can keep what it
made of them. A metric that could not be scored is None, never zero, and costs none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels, Scores
from unicedit_assets.domain.unicbench import HIGHEST
from unicedit_assets.vlm.asking import ask_json
from unicedit_assets.vlm.prompting import TEXT, json_object, prompt_sha256, question, quoted
from unicedit_assets.vlm.roles import Vlm, load_of

VERSION = 2
_FOLLOWING = "instruction_following"
_CONSISTENCY = "non_edit_consistency"
_QUALITY = "visual_quality"
_REASONING = "reasoning_accuracy"
METRICS = (_FOLLOWING, _CONSISTENCY, _QUALITY, _REASONING)

# Asked for in halves: a weak model that may write any number never ends its decimals.
_HALVES = [half // 2 if half % 2 == 0 else half / 2 for half in range(2 * int(HIGHEST) + 1)]
ASKED = json_object(reasoning=TEXT, score={"type": "number", "enum": _HALVES})
# Read is any number of the scale, since not every server keeps a model to the schema.
SCHEMA = json_object(
    reasoning=TEXT, score={"type": "number", "minimum": 0, "maximum": int(HIGHEST)}
)


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

    def __init__(self, vlm: Vlm, options: JudgeOptions | None = None) -> None:
        self._vlm = vlm
        self._options = options or JudgeOptions()

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a score: model, prompts, options."""
        return {
            "name": "vlm-judge",
            "version": VERSION,
            "vlm": dict(self._vlm.identity),
            "prompt_sha256": prompt_sha256(*(f"judge_{metric}" for metric in METRICS)),
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
        slots = {
            "prompt": quoted(prompt),
            "points": "\n".join(f"- {quoted(point)}" for point in reasoning_points),
        }
        scores: dict[str, float] = {}
        replies: dict[str, str] = {}
        for metric in asked:
            score, replies[metric] = self._metric(metric, (source, edited), slots)
            if score is not None:
                scores[metric] = score
        return Scores(
            scores.get(_FOLLOWING),
            scores.get(_CONSISTENCY),
            scores.get(_QUALITY),
            scores.get(_REASONING),
            replies,
        )

    def _metric(
        self, metric: str, images: tuple[Pixels, Pixels], slots: Mapping[str, str]
    ) -> tuple[float | None, str]:
        """Return a metric's score and the raw reply that it comes from."""
        reply = ask_json(
            self._vlm,
            question(
                f"judge_{metric}",
                images,
                ASKED,
                slots,
                temperature=self._options.temperature,
                max_tokens=self._options.max_tokens,
            ),
            self._options.attempts,
            read=SCHEMA,
        )
        if reply.value is None:
            return None, f"unscored ({reply.trouble}); the last reply: {reply.last.text}"
        return float(reply.value["score"]), reply.last.text
