"""Promoting a verifier: what it takes, and what is written down about it.

A registered version takes over only where it was measured on the same pairs as the promoted one and
is worse on no class beyond the interval of the difference, nor on the photographs among them. The
embedded verifiers, and models that somebody else serves, may take over unmeasured: nothing is known
of them here, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.verified_edits import verifier_version
from unicedit_assets.pipeline.verifier_figures import marks_of_verifier
from unicedit_assets.qwen_verify.evaluation import Marks
from unicedit_assets.qwen_verify.promotion import (
    Comparison,
    NotComparable,
    TooFewPairs,
    compare,
    on_photographs,
)
from unicedit_assets.qwen_verify.versions import Versions


class PromotionRefused(RegistryError):
    """A verifier may not take over; the message says why and what can be done."""


@dataclass(frozen=True)
class Decision:
    """What speaks for and against a promotion.

    Attributes:
        version: who is to take over.
        over: who verifies now.
        comparisons: class by class; empty where nothing was compared.
        obstacle: why it is refused; empty when it is not.
        remark: what a person should know though it is allowed.
    """

    version: str
    over: str
    comparisons: tuple[Comparison, ...] = ()
    obstacle: str = ""
    remark: str = ""


def decide(project: Project, version: str) -> Decision:
    """Say whether a version may take over, without doing anything.

    Raises:
        RegistryError: there is no such verifier here.
    """
    known, over = project.backends.verifiers, verifier_version(project)
    if version not in known:
        registered = version in Versions(project.ledger.store).names()
        hint = "; it is registered, but nobody here can load it" if registered else ""
        raise RegistryError(f"no verifier {version!r}; there are: {', '.join(sorted(known))}{hint}")
    if version == over:
        return Decision(version, over, remark=f"{version} verifies already")
    try:
        marks = _marks(project, version), _marks(project, over)
        seen = on_photographs(*marks)
        found = compare(*marks) + seen
    except (_Unmeasured, NotComparable) as error:
        todo = f": run `unicedit verify eval {version} {over}` first"
        hint = "" if isinstance(error, TooFewPairs) else todo
        return _unknown(project, version, over, str(error), hint)
    worse = [each for each in found if each.is_worse]
    obstacle = f"{version} is worse than {over}: " + "; ".join(map(str, worse)) if worse else ""
    remark = "" if seen else f"{version} and {over} were not compared on enough photographs"
    return Decision(version, over, tuple(found), obstacle, remark)


class _Unmeasured(Exception):
    """A verifier has no up-to-date evaluation."""


def _marks(project: Project, version: str) -> list[Marks]:
    marks = marks_of_verifier(project, version) if version in project.backends.verifiers else None
    if marks is None:
        raise _Unmeasured(f"{version} has no evaluation under the present settings")
    return marks


def _unknown(project: Project, version: str, over: str, why: str, hint: str) -> Decision:
    if version in Versions(project.ledger.store).names():
        return Decision(version, over, obstacle=why + hint)
    remark = f"{why}, so nothing was compared with {over}"
    return Decision(version, over, remark=remark)


def promote(project: Project, version: str, force: bool = False, reason: str = "") -> Decision:
    """Let a version verify from now on, and keep why.

    Args:
        project: whose verifier it becomes.
        version: any verifier of the project's backends.
        force: promote in spite of what speaks against it.
        reason: why; must be given with ``force``.

    Raises:
        PromotionRefused: something speaks against it and it was not forced with a reason.
        RegistryError: there is no such verifier here.
    """
    if force and not reason.strip():
        raise PromotionRefused('a forced promotion needs a reason: add --reason "..."')
    decision = decide(project, version)
    if decision.obstacle and not force:
        raise PromotionRefused(
            f'{decision.obstacle}. To promote it in spite of that: --force --reason "..."'
        )
    forced = bool(decision.obstacle)
    note: dict[str, Json] = {
        "version": version,
        "over": decision.over,
        "forced": forced,
        "reason": reason.strip(),
        "obstacle": decision.obstacle,
        "remark": decision.remark,
        "compared": [str(each) for each in decision.comparisons],
    }
    project.registry.promote_verifier(version, project.backends.verifiers, note)
    return decision
