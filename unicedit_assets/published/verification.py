"""Judge anybody's triplets with a verifier, in processes, and take up the work after a kill.

Inputs = accepted + rejected + failed. A picture that cannot be read or decoded, a line that is no
triplet, a verifier that raises or dies: each is one failed row with a reason, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.reasons import Outcome
from unicedit_assets.published.judging import Answer, MakeVerifier, Processes, Task, judge_here
from unicedit_assets.published.pictures import MAX_PIXELS
from unicedit_assets.published.triplets import BadRow, Read, read_triplets
from unicedit_assets.published.verdicts import OutputError, VerdictRow, Verdicts

OnProgress: TypeAlias = Callable[[int], None]
_RowId: TypeAlias = tuple[str, int]


@dataclass(frozen=True)
class VerifySettings:
    """How triplets are judged.

    Attributes:
        root: folder that a JSONL's paths are relative to and may not leave; None: its own.
        workers: processes; 1 works in this process.
        max_pixels: larger pictures fail before they are decoded.
        again: judge rows again that failed in an earlier run, as when a server was down.
    """

    root: Path | None = None
    workers: int = 1
    max_pixels: int = MAX_PIXELS
    again: bool = False

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("workers must be at least 1")


@dataclass(frozen=True)
class VerifySummary:
    """What became of the input's rows: inputs = accepted + rejected + failed.

    Attributes:
        reasons: rows by reason, of those not accepted.
        resumed: rows whose verdict an earlier run had written.
        stale: rows of the output that the input no longer has.
        verifier: the verifier's identity.
    """

    inputs: int
    accepted: int
    rejected: int
    failed: int
    reasons: Mapping[str, int]
    resumed: int
    stale: int
    output: str
    verifier: Mapping[str, Json]

    def to_json(self) -> dict[str, Json]:
        """Return the summary as JSON."""
        return {**vars(self), "reasons": dict(self.reasons), "verifier": dict(self.verifier)}


def _row(task: Task, answer: Answer, verifier: str) -> VerdictRow:
    verdict = answer.verdict
    return VerdictRow(
        key=task.triplet.key,
        occurrence=task.occurrence,
        place=task.triplet.place,
        verdict=str(answer.outcome),
        reason=None if answer.reason is None else str(answer.reason),
        detail=answer.detail,
        # A verifier may answer in numpy's types, which JSON does not know.
        is_changed=bool(verdict.is_changed) if verdict else None,
        confidence=float(verdict.confidence) if verdict else None,
        differences=tuple(verdict.differences) if verdict else (),
        evidence={name: float(figure) for name, figure in verdict.evidence.items()}
        if verdict
        else {},
        rewritten_en=verdict.rewritten_en if verdict else "",
        rewritten_cn=verdict.rewritten_cn if verdict else "",
        verifier=verifier,
    )


def _bad_row(bad: BadRow, occurrence: int, verifier: str) -> VerdictRow:
    return VerdictRow(
        key=bad.key,
        occurrence=occurrence,
        place=bad.place,
        verdict=str(Outcome.FAILED),
        reason=str(bad.reason),
        detail=bad.detail,
        is_changed=None,
        confidence=None,
        differences=(),
        evidence={},
        rewritten_en="",
        rewritten_cn="",
        verifier=verifier,
    )


@dataclass(frozen=True)
class _Known:
    """What the summary needs of a verdict that is written."""

    verdict: str
    reason: str | None


class _Run:
    """One pass over the input: skips what is written, writes what is not, counts both."""

    def __init__(
        self, verdicts: Verdicts, verifier: str, on_progress: OnProgress, again: bool
    ) -> None:
        self._verdicts, self._verifier, self._tell = verdicts, verifier, on_progress
        self._known = dict(self._load())
        if again:
            # Only now: a file of another verifier is left alone.
            verdicts.forget(lambda row: row.verdict == Outcome.FAILED)
            self._known = dict(self._load())
        self._seen: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.resumed = 0

    def _load(self) -> Iterator[tuple[_RowId, _Known]]:
        for row in self._verdicts.rows():
            if row.verifier != self._verifier:
                name = self._verdicts.output.name
                raise OutputError(f"{name} holds verdicts of another verifier: name another output")
            yield (row.key, row.occurrence), _Known(row.verdict, row.reason)

    @property
    def stale(self) -> int:
        """Written rows that the input did not name."""
        return len(self._known)

    def _count(self, known: _Known) -> None:
        self.outcomes[known.verdict] += 1
        if known.reason:
            self.reasons[known.reason] += 1
        self._tell(self.outcomes.total())

    def write(self, row: VerdictRow) -> None:
        self._verdicts.add(row)
        self._count(_Known(row.verdict, row.reason))

    def tasks(self, rows: Iterator[Read]) -> Iterator[Task]:
        """Yield what is to be judged; rows that need no verifier are settled on the way."""
        for row in rows:
            self._seen[row.key] += 1
            occurrence = self._seen[row.key]
            known = self._known.pop((row.key, occurrence), None)
            if known:
                self.resumed += 1
                self._count(known)
            elif isinstance(row, BadRow):
                self.write(_bad_row(row, occurrence, self._verifier))
            else:
                yield Task(row, occurrence)


def _silent(_: int) -> None:
    return


def verify_triplets(
    source: Path,
    output: Path,
    make_verifier: MakeVerifier,
    settings: VerifySettings | None = None,
    on_progress: OnProgress = _silent,
) -> VerifySummary:
    """Judge every triplet of a JSONL or of Parquet in the published schema.

    Rows that the output already holds are not judged again, so a killed run goes on where it was.
    Rows are known by key (the n-th row of a repeated key by key and n): a picture that changed
    under the same key is not judged again.

    Args:
        source: a ``.jsonl`` file, a ``.parquet`` file, or a folder of Parquet files.
        output: the ``.jsonl`` or ``.parquet`` file for the verdicts, one row each.
        make_verifier: makes the verifier; called once here and once in each worker process, so
            with ``workers > 1`` it must be picklable (a module's function or a partial of one).
        settings: root folder, workers, limits; None for the defaults.
        on_progress: called with the number of rows that have a verdict.

    Raises:
        InputError: the input is not something to read triplets from.
        NoDataError: the folder holds no Parquet files.
        OutputError: the output holds something else, or verdicts of another verifier.
        OSError: the output cannot be written.
    """
    settings = settings or VerifySettings()
    rows = read_triplets(source, settings.root)
    if output.exists() and output.samefile(source):
        raise OutputError("input and output are the same file")
    verifier = make_verifier()
    with Verdicts(output) as verdicts:
        version = digest(verifier.identity)
        run = _Run(verdicts, version, on_progress, settings.again)
        tasks = run.tasks(rows)
        if settings.workers == 1:
            answers = judge_here(verifier, settings.max_pixels, tasks)
        else:
            pool = Processes(make_verifier, settings.workers, settings.max_pixels)
            answers = pool.answers(tasks)
        for task, answer in answers:
            run.write(_row(task, answer, version))
        verdicts.finish()
    return VerifySummary(
        inputs=run.outcomes.total(),
        accepted=run.outcomes[Outcome.ACCEPTED],
        rejected=run.outcomes[Outcome.REJECTED],
        failed=run.outcomes[Outcome.FAILED],
        reasons=dict(sorted(run.reasons.items())),
        resumed=run.resumed,
        stale=run.stale,
        output=str(output),
        verifier=verifier.identity,
    )
