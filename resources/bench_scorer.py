"""UnicBench for other harnesses: one sample's scores by this project's code, and nothing else.

A harness that runs models itself needs three things of ours: the samples, a judge, and what counts
as scored. The adapters in ``contrib/`` are written on this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.judges import JudgeChoice, judge_from
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.frames import Rule
from unicedit_assets.bench.judges import BenchJudge, Judged
from unicedit_assets.bench.layout import Expected, place_of
from unicedit_assets.bench.pairs import Pair, PairTrouble
from unicedit_assets.bench.samples import Sample, SampleList, load_samples, require_languages
from unicedit_assets.domain.roles import Scores
from unicedit_assets.domain.unicbench import METRICS, SHORT, overall

PREFIX = "UNICBENCH_"


@dataclass(frozen=True)
class Scored:
    """One sample's scores.

    Attributes:
        values: short metric name in lower case (``if``, ``nc``, ``vq``, ``ra``, ``overall``) ->
            score; what could not be scored is absent, never zero.
        said: the same names -> what the judge said.
        trouble: why nothing could be scored; empty otherwise.
    """

    values: Mapping[str, float]
    said: Mapping[str, str]
    trouble: str = ""


class Scorer:
    """Scores edited pictures of one language.

    Raises:
        BenchError: the list cannot be used, or the judge stands for nothing.
    """

    def __init__(
        self, samples: SampleList, judge: BenchJudge, language: str = "en", rule: Rule = Rule.NONE
    ) -> None:
        require_languages(samples.samples, [language])
        self.samples = samples
        self.language = language
        self._judge, self._rule = judge, rule
        self._known = {sample.key: sample for sample in samples.samples}
        if judge.load:
            judge.load()

    @classmethod
    def from_environment(cls) -> Scorer:
        """Return the scorer that ``UNICBENCH_*`` variables describe.

        ``DATA`` (the list), ``SOURCES``, ``LANGUAGE`` (en), ``JUDGE`` (as ``--judge``),
        ``JUDGE_MODEL``, ``RESIZE`` (none), ``HOME`` (unicedit-home).

        Raises:
            BenchError: ``DATA`` is not set, or see the class.
        """
        given = {name: os.environ.get(f"{PREFIX}{name}", "") for name in _NAMES}
        if not given["DATA"]:
            raise BenchError(f"set {PREFIX}DATA to the benchmark's list")
        sources = Path(given["SOURCES"]) if given["SOURCES"] else None
        choice = JudgeChoice(home=Path(given["HOME"] or "unicedit-home"))
        judge = judge_from(given["JUDGE"] or "embedded", choice, given["JUDGE_MODEL"])
        samples = load_samples(Path(given["DATA"]), sources)
        return cls(samples, judge, given["LANGUAGE"] or "en", Rule(given["RESIZE"] or "none"))

    def sample(self, key: str) -> Sample:
        """Return a sample by its key."""
        return self._known[key]

    def output(self, images: Path, model: str, key: str) -> Path:
        """Return where upstream's layout has a model's edited picture."""
        return place_of(images, model, self.sample(key), self.language)

    def score(self, key: str, edited: Path) -> Scored:
        """Judge one edited picture.

        Raises:
            BackendDownError: the judge cannot be asked now.
        """
        sample = self.sample(key)
        path = edited if edited.is_file() else None
        detail = "" if path else f"no {edited}"
        pair = Pair(Expected(sample, self.language, path, detail=detail), self._rule)
        try:
            images = pair.shown(self._judge.max_pixels, self._judge.encoding).images
        except PairTrouble as trouble:
            return Scored({}, {}, f"{trouble.state.value}: {trouble.detail}")
        found: dict[str, Judged] = {}
        prompt, points = sample.prompts[self.language], sample.points_in(self.language)
        for group in self._judge.groups(sample.metrics):
            found |= self._judge.judge(images, prompt, points, group, 0)
        return Scored(
            dict(_values(found, sample.subtask)),
            {SHORT[metric].lower(): each.reason for metric, each in found.items()},
        )


_NAMES = ("DATA", "SOURCES", "LANGUAGE", "JUDGE", "JUDGE_MODEL", "RESIZE", "HOME")


def _values(found: Mapping[str, Judged], subtask: str) -> Iterator[tuple[str, float]]:
    scores = [found[metric].score if metric in found else None for metric in METRICS[:-1]]
    for metric, score in zip(METRICS, scores, strict=False):
        if score is not None:
            yield SHORT[metric].lower(), score
    total = overall(Scores(scores[0], scores[1], scores[2], scores[3]), subtask)
    if total is not None:
        yield SHORT[METRICS[-1]].lower(), total
