"""Scoring a model's outputs: plan, ask what is not there yet, keep every reply, count everything.

Questions go out sample by sample, the metrics of one sample side by side, so that a server finds
their shared pictures in its caches. Nothing that could not be had is a zero: it is missing,
unreadable, of a wrong size or unscored, and counted as that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unicedit_assets.bench.crew import Crew
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.frames import Rule
from unicedit_assets.bench.judges import BenchJudge, Judged, require_distinct, sight
from unicedit_assets.bench.layout import BASE, Expected, State, expected, states, troubles
from unicedit_assets.bench.pairs import Pair, PairTrouble, Shown
from unicedit_assets.bench.samples import SampleList, require_languages
from unicedit_assets.bench.store import RecordStore, RowId
from unicedit_assets.domain.identity import digest


@dataclass(frozen=True)
class RunSettings:
    """What is scored.

    Attributes:
        images: folder of outputs in upstream's layout.
        model: a folder in it.
        variant: ``base``, or ``rewritten`` where instructions were rewritten before editing.
        subtasks: these alone; none: all.
        limit: at most so many samples of each subtask.
        rule: how the model brings a source to its own size.
        repeats: how often each question is asked.
        require_coverage: whether anything missing is an error, before any question is paid for.
        again: whether unscored questions are asked anew.
    """

    images: Path
    model: str
    languages: tuple[str, ...] = ("en", "cn")
    variant: str = BASE
    subtasks: tuple[str, ...] = ()
    limit: int | None = None
    rule: Rule = Rule.NONE
    repeats: int = 1
    require_coverage: bool = False
    again: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a run is: questions done (``kept`` of them from an earlier time), of ``total``."""

    done: int
    total: int
    kept: int
    unscored: int


@dataclass(frozen=True)
class Tally:
    """One judge's questions."""

    asked: int
    scored: int

    @property
    def unscored(self) -> int:
        return self.asked - self.scored


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        outputs: every expected output with its state.
        rows: the records of exactly these samples, languages and judges.
        tallies: judge's name -> its questions.
        kept: how many of the questions had a reply from an earlier time.
        notes: sentences that a person should read.
    """

    outputs: tuple[Expected, ...]
    rows: tuple[Mapping[str, Any], ...]
    tallies: Mapping[str, Tally]
    kept: int
    notes: tuple[str, ...]

    @property
    def states(self) -> Mapping[State, int]:
        """State -> number of outputs; they add up to what is expected."""
        return states(self.outputs)

    @property
    def coverage(self) -> float:
        """Share of the expected outputs that were judged and scored by every judge, 0-1."""
        whole = len(self.outputs)
        asked = sum(tally.asked for tally in self.tallies.values())
        scored = sum(tally.scored for tally in self.tallies.values())
        present = self.states[State.PRESENT] / whole
        return present * (scored / asked if asked else 1.0)


@dataclass(frozen=True)
class _Unit:
    """What is asked at once: a pair, a judge, some metrics, one repeat."""

    index: int
    output: Expected
    pair: Pair
    judge: BenchJudge
    metrics: tuple[str, ...]
    repeat: int


@dataclass(frozen=True)
class _Done:
    rows: tuple[Mapping[str, Any], ...] = ()
    kept: int = 0
    trouble: PairTrouble | None = None


@dataclass
class Run:
    """One run over one model's outputs.

    Raises:
        BenchError: it cannot begin: languages, folders, sources, two judges of one name.
    """

    samples: SampleList
    judges: Sequence[BenchJudge]
    settings: RunSettings
    outputs: list[Expected] = field(init=False)
    _kept: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        require_distinct(self.judges)
        if not self.judges:
            raise BenchError("there is no judge: name one with --judge")
        chosen = self.samples.selected(self.settings.subtasks, self.settings.limit)
        require_languages(chosen, self.settings.languages)
        self.outputs = expected(
            self.settings.images,
            self.settings.model,
            chosen,
            self.settings.languages,
            self.settings.rule,
        )
        self._require_coverage()

    def _require_coverage(self) -> None:
        counts = states(self.outputs)
        if self.settings.require_coverage and counts[State.PRESENT] < len(self.outputs):
            raise BenchError(
                f"--require-coverage: {counts[State.PRESENT]} of {len(self.outputs)} outputs are "
                f"there: {'; '.join(troubles(self.outputs))}"
            )

    def repeats(self, judge: BenchJudge) -> int:
        """Return how often a judge is asked the same: once where it could only say the same."""
        return 1 if judge.deterministic else self.settings.repeats

    def questions(self) -> int:
        """Return how many questions there are about what is present."""
        metrics = sum(len(o.sample.metrics) for o in self.outputs if o.state is State.PRESENT)
        return metrics * sum(map(self.repeats, self.judges))

    def score(self, store: RecordStore, tell: Callable[[Progress], None]) -> Outcome:
        """Ask everything that has no reply in the store, and keep what comes.

        Args:
            store: of the run's folder.
            tell: called after every reply.

        Raises:
            BackendDownError: a judge is of no more use; what came before is kept.
            BenchError: coverage is required and was not reached.
        """
        crew: Crew[_Unit, _Done] = Crew(
            lambda unit: self._ask(store, unit),
            lambda unit: unit.judge.name,
            {judge.name: judge.concurrency for judge in self.judges},
        )
        done = unscored = 0
        total = self.questions()
        try:
            for unit, came in crew.map(self._units()):
                self._take(store, unit, came)
                done += len(unit.metrics)
                unscored += sum(row["status"] == "unscored" for row in came.rows)
                tell(Progress(done, total, self._kept, unscored))
        finally:  # an interrupt, too, keeps what has come
            for unit, came in crew.ready():
                self._take(store, unit, came)
        self._require_coverage()
        return self._outcome(store)

    def _take(self, store: RecordStore, unit: _Unit, done: _Done) -> None:
        self._kept += done.kept
        if done.trouble:
            output = self.outputs[unit.index]
            self.outputs[unit.index] = output.found(done.trouble.state, done.trouble.detail)
        if done.rows:
            store.add(done.rows)

    def _units(self) -> Iterator[_Unit]:
        for index, output in enumerate(self.outputs):
            if output.state is not State.PRESENT:
                continue
            pair = Pair(output, self.settings.rule)
            for repeat in range(self.settings.repeats):
                for judge in self.judges:
                    if repeat < self.repeats(judge):
                        for metrics in judge.groups(output.sample.metrics):
                            yield _Unit(index, output, pair, judge, tuple(metrics), repeat)

    def _about(self, output: Expected, judge: BenchJudge, metric: str, repeat: int) -> RowId:
        settings = self.settings
        where = (output.sample.key, output.language, settings.model, settings.variant)
        return RowId(*where, judge.name, metric, repeat)

    def _ask(self, store: RecordStore, unit: _Unit) -> _Done:
        """Answer one unit from the store or the judge; called from many threads."""
        judge, sample = unit.judge, unit.output.sample
        try:
            shown = unit.pair.shown(judge.max_pixels, judge.encoding)
        except PairTrouble as trouble:
            return _Done(trouble=trouble)
        prompt = sample.prompts[unit.output.language]
        points = sample.points_in(unit.output.language)
        keys = {
            metric: request_key(judge, metric, unit.repeat, shown, prompt, points)
            for metric in unit.metrics
        }
        wanted = [
            metric
            for metric, key in keys.items()
            if not store.is_kept(
                self._about(unit.output, judge, metric, unit.repeat), key, self.settings.again
            )
        ]
        if not wanted:
            return _Done(kept=len(keys))
        said = judge.judge(shown.images, prompt, points, wanted, unit.repeat)
        rows = tuple(self._row(unit, shown, m, said[m], keys[m]) for m in wanted)
        return _Done(rows, len(keys) - len(wanted))

    def _row(
        self, unit: _Unit, shown: Shown, metric: str, said: Judged, key: str
    ) -> Mapping[str, Any]:
        setup = unit.judge.setup(metric, unit.repeat)
        about = self._about(unit.output, unit.judge, metric, unit.repeat)
        return {
            **about._asdict(),
            "task": unit.output.sample.task,
            "subtask": unit.output.sample.subtask,
            "judge_model": unit.judge.model,
            "judge_revision": unit.judge.revision,
            "status": "unscored" if said.score is None else "scored",
            "score": said.score,
            "reason": said.reason,
            "replies": list(said.replies),
            "failures": list(said.failures),
            "prompt_sha256": setup.prompt_sha256,
            "decoding": json.dumps(setup.decoding, sort_keys=True, ensure_ascii=False),
            "source_sha256": shown.source_sha256,
            "edited_sha256": shown.edited_sha256,
            "frame": shown.frame,
            "tokens_in": said.tokens_in,
            "tokens_out": said.tokens_out,
            "seconds": said.seconds,
            "request_key": key,
        }

    def _outcome(self, store: RecordStore) -> Outcome:
        rows, tallies, known = [], {}, store.rows()
        for judge in self.judges:
            mine = [
                known[self._about(output, judge, metric, repeat)]
                for output in self.outputs
                if output.state is State.PRESENT
                for metric in output.sample.metrics
                for repeat in range(self.repeats(judge))
            ]
            scored = sum(row["status"] == "scored" for row in mine)
            tallies[judge.name] = Tally(len(mine), scored)
            rows += mine
        return Outcome(tuple(self.outputs), tuple(rows), tallies, self._kept, self._notes())

    def _notes(self) -> tuple[str, ...]:
        notes = list(troubles(self.outputs))
        borrowed = sum(o.sample.borrowed_points(o.language) for o in self.outputs)
        if borrowed:
            notes.append(f"{borrowed} samples have reasoning points in English only")
        return tuple(notes)


def request_key(
    judge: BenchJudge,
    metric: str,
    repeat: int,
    shown: Shown,
    prompt: str,
    points: Sequence[str],
) -> str:
    """Return a hash of everything that makes a reply."""
    setup = judge.setup(metric, repeat)
    return digest(
        "judged",
        judge.identity,
        *sight(judge.max_pixels, judge.encoding),
        metric,
        setup.prompt_sha256,
        setup.decoding,
        repeat,
        [shown.source_sha256, shown.edited_sha256],
        prompt,
        list(points) if metric == "reasoning_accuracy" or judge.deterministic else [],
    )
