"""What the report tells, collected from a project into values, in bounded memory.

No wall clock and no timing is told: the same project gives the same page, byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.reasons import FAILURES
from unicedit_assets.domain.taxonomy import TASKS
from unicedit_assets.pipeline.instructions import quota_weights
from unicedit_assets.pipeline.pending import PIPELINE, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import release_folder
from unicedit_assets.pipeline.verified_edits import current_verifier, verifier_version
from unicedit_assets.report.benchmark import Benchmark, collect_benchmark
from unicedit_assets.report.examples import Gallery, Limits, collect_gallery
from unicedit_assets.report.rejects import RejectGroup, collect_rejects
from unicedit_assets.report.text import bounded, flat
from unicedit_assets.report.verifiers import VerifierTable, collect_verifiers
from unicedit_assets.storage.catalogue import Catalogue, DistributionRow, FunnelRow
from unicedit_assets.storage.manifests import Manifest

_SHOWN_SHARDS = 12
_SHOWN_FAILURES = 20


@dataclass(frozen=True)
class Sources:
    """One registered list of photographs, fixed when it was registered."""

    name: str
    files: int
    fingerprint: str


@dataclass(frozen=True)
class Inputs:
    """What the project was made from.

    Attributes:
        shards: the first shards; ``shard_count`` counts all.
        benchmark: the photographs set aside, or None.
        roles: role -> who plays it, as text.
        code: stage -> code version.
        state: fingerprint of all partitions together.
    """

    profile: str
    shards: tuple[Sources, ...]
    shard_count: int
    benchmark: Sources | None
    roles: Mapping[str, str]
    code: Mapping[str, str]
    state: str


@dataclass(frozen=True)
class Reasons:
    """How many rows left a stage for one reason."""

    reason: str
    failed: bool
    count: int


@dataclass(frozen=True)
class Step:
    """One stage of the funnel; zero partitions when it has not been made."""

    stage: str
    partitions: int
    inputs: int
    accepted: int
    rejected: int
    failed: int
    reasons: tuple[Reasons, ...]


@dataclass(frozen=True)
class SubtaskLine:
    """One subtask: what was asked for and what came.

    Attributes:
        done: whether this project's editors can do it.
        target: the quota's share of all instructions written; None without a quota.
    """

    task: str
    subtask: str
    done: bool
    target: float | None
    written: int
    accepted: int
    released: int


@dataclass(frozen=True)
class Distribution:
    """All subtasks; ``factor`` is the largest count a quota over the smallest, None if one is 0."""

    lines: tuple[SubtaskLine, ...]
    factor: float | None
    allowed: float
    release: str


@dataclass(frozen=True)
class FailedCheck:
    """One partition that failed a check, and what was found, as text."""

    partition: str
    found: str


@dataclass(frozen=True)
class CheckLine:
    """One check over all partitions of a stage; ``failures`` are the first of ``failed``."""

    stage: str
    name: str
    blocking: bool
    passed: int
    failed: int
    failures: tuple[FailedCheck, ...]


@dataclass(frozen=True)
class ReleaseFacts:
    """One release: where its files are and how many there are."""

    name: str
    url: str
    fingerprint: str
    pairs: int
    files: int


@dataclass(frozen=True)
class Facts:
    """Everything that the report tells.

    Attributes:
        standing: state -> number of partitions.
    """

    inputs: Inputs
    standing: Mapping[str, int]
    funnel: tuple[Step, ...]
    distribution: Distribution
    gallery: Gallery
    rejects: tuple[RejectGroup, ...]
    benchmark: Benchmark
    verifiers: VerifierTable
    checks: tuple[CheckLine, ...]
    releases: tuple[ReleaseFacts, ...]


def collect_facts(project: Project, limits: Limits | None = None) -> Facts:
    """Collect what the report tells about everything that is up to date."""
    limits = limits or Limits()
    current = up_to_date(project)
    return Facts(
        inputs=collect_inputs(project, current),
        standing=Counter(each.state.value for each in standings(project)),
        funnel=collect_funnel(project, current),
        distribution=collect_distribution(project, current),
        gallery=collect_gallery(
            project, current["verified_edits"], current["unicedit_10m"], limits
        ),
        rejects=collect_rejects(project, current, limits),
        benchmark=collect_benchmark(project),
        verifiers=collect_verifiers(project),
        checks=collect_checks(project, current),
        releases=collect_releases(project, current["unicedit_10m"]),
    )


def up_to_date(project: Project) -> dict[str, list[Manifest]]:
    """Return stage -> the manifests of its up-to-date partitions, in pipeline order."""
    found = {stage: [project.find(ref) for ref in project.refs(stage)] for stage in PIPELINE}
    return {stage: [one for one in every if one] for stage, every in found.items()}


def _told(identity: Mapping[str, Json]) -> str:
    return bounded(flat(identity), 400)


def collect_inputs(project: Project, current: Mapping[str, Sequence[Manifest]]) -> Inputs:
    """Return what the project was made from: sources, roles and versions."""
    registry, backends = project.registry, project.backends
    names, held = registry.shards(), registry.benchmark()
    lists = [(name, registry.shard(name)) for name in names[:_SHOWN_SHARDS]]
    editors = {f"Editor {name}": _told(one.identity) for name, one in backends.editors.items()}
    fingerprints = {
        f"{one.stage}/{one.partition}": one.fingerprint
        for every in current.values()
        for one in every
    }
    return Inputs(
        profile=project.settings.profile,
        shards=tuple(Sources(name, len(one.entries), one.fingerprint) for name, one in lists),
        shard_count=len(names),
        benchmark=Sources("benchmark", len(held.entries), held.fingerprint) if held else None,
        roles={
            "Instructor": _told(backends.instructor.identity),
            **editors,
            f"Verifier {verifier_version(project)}": _told(current_verifier(project).identity),
            "Judge": _told(backends.judge.identity),
        },
        code={name: stage.code_version for name, stage in project.stages.items()},
        state=digest("report", fingerprints),
    )


def collect_funnel(project: Project, current: Mapping[str, Sequence[Manifest]]) -> tuple[Step, ...]:
    """Return what became of the inputs of each stage; a stage not made yet is all zeros."""
    manifests = [one for every in current.values() for one in every]
    with Catalogue(project.ledger, manifests) as catalogue:
        rows = {row.stage: row for row in catalogue.funnel()}
    return tuple(_step(stage, rows.get(stage)) for stage in PIPELINE)


def _step(stage: str, row: FunnelRow | None) -> Step:
    if row is None:
        return Step(stage, 0, 0, 0, 0, 0, ())
    counts = row.counts
    ordered = sorted(counts.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return Step(
        stage=stage,
        partitions=row.partitions,
        inputs=counts.inputs,
        accepted=counts.accepted,
        rejected=counts.rejected,
        failed=counts.failed,
        reasons=tuple(Reasons(name, name in FAILURES, count) for name, count in ordered if count),
    )


def collect_distribution(
    project: Project, current: Mapping[str, Sequence[Manifest]]
) -> Distribution:
    """Return how many rows of each of the 22 subtasks there are, against the quotas."""
    # Releases repeat each other's rows: one is told.
    release = current["unicedit_10m"][-1:]
    manifests = [*current["instructions"], *current["verified_edits"], *release]
    with Catalogue(project.ledger, manifests) as catalogue:
        rows = {(row.stage, row.subtask): row for row in catalogue.distribution()}
    written = sum(row.rows for row in rows.values() if row.stage == "instructions")
    weights = quota_weights(project)
    whole = sum(weights.values())
    lines = tuple(
        SubtaskLine(
            task=task,
            subtask=subtask,
            done=subtask in project.backends.subtasks,
            target=weights[subtask] / whole * written if weights.get(subtask) else None,
            written=_rows(rows, "instructions", subtask),
            accepted=_rows(rows, "verified_edits", subtask),
            released=_rows(rows, "unicedit_10m", subtask),
        )
        for task, subtasks in TASKS.items()
        for subtask in subtasks
    )
    return Distribution(
        lines=lines,
        factor=balance(lines),
        allowed=project.settings.checks.quota_factor,
        release=release[0].partition if release else "",
    )


def _rows(rows: Mapping[tuple[str, str], DistributionRow], stage: str, subtask: str) -> int:
    row = rows.get((stage, subtask))
    return row.rows if row else 0


def balance(lines: Sequence[SubtaskLine]) -> float | None:
    """Return the largest share of its quota that a subtask reached, over the smallest."""
    shares = [line.written / line.target for line in lines if line.target]
    return max(shares) / min(shares) if shares and min(shares) > 0 else None


def collect_checks(
    project: Project, current: Mapping[str, Sequence[Manifest]]
) -> tuple[CheckLine, ...]:
    """Return the newest result of every check, by stage."""
    return tuple(
        line for stage, manifests in current.items() for line in _checks(project, stage, manifests)
    )


def _checks(project: Project, stage: str, manifests: Sequence[Manifest]) -> list[CheckLine]:
    passed: Counter[tuple[str, bool]] = Counter()
    failures: dict[tuple[str, bool], list[FailedCheck]] = {}
    for manifest in manifests:
        for record in project.ledger.checks(manifest):
            check = (record.name, record.blocking)
            passed[check] += record.passed
            broken = failures.setdefault(check, [])
            if not record.passed:
                broken.append(FailedCheck(manifest.partition, bounded(findings(record.summary))))
    return [
        CheckLine(stage, *check, passed[check], len(broken), tuple(broken[:_SHOWN_FAILURES]))
        for check, broken in sorted(failures.items())
    ]


def findings(summary: Json) -> str:
    """Return what a check found, as a check records it (a list of broken rules), in words."""
    if not isinstance(summary, list):
        return flat(summary)
    return " | ".join(flat(_said(one)) for one in summary)


def _said(finding: Json) -> Json:
    """Leave out of a finding what says nothing."""
    if not isinstance(finding, Mapping):
        return finding
    return {name: value for name, value in finding.items() if value not in ("", [], False, None)}


def collect_releases(project: Project, manifests: Sequence[Manifest]) -> tuple[ReleaseFacts, ...]:
    """Return where the up-to-date releases are."""
    return tuple(
        ReleaseFacts(
            name=manifest.partition,
            url=f"{project.ledger.store.url}/"
            + release_folder(manifest.partition, manifest.fingerprint),
            fingerprint=manifest.fingerprint,
            pairs=manifest.counts.accepted,
            # A release has a part for each data file and one for what stands beside them.
            files=max(len(manifest.tables["rows"]) - 1, 0),
        )
        for manifest in manifests
    )
