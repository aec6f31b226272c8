"""Rewrite an instruction so that it says what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unicedit_assets.domain import language
from unicedit_assets.domain.language import COMPOUND, Intent, Wording
from unicedit_assets.evidence.finding import Finding

if TYPE_CHECKING:
    from unicedit_assets.evidence.gates import Ruling


def measured_intent(finding: Finding) -> Intent:
    """Return the intent that a finding's measured slots spell out."""
    if finding.operation == COMPOUND:
        return Intent(COMPOUND, {}, tuple(measured_intent(step) for step in finding.steps))
    return Intent(finding.operation, dict(finding.slots))


def _worded(intent: Intent) -> Wording:
    try:
        return language.phrase(intent)
    except KeyError:  # a slot that was not measured
        return Wording("", "")


def rewritten(intent: Intent | None, ruling: Ruling, en: str, cn: str) -> Wording:
    """Return the texts that say exactly what changed; the given ones where they already do."""
    if ruling.instead is not None:
        return _worded(measured_intent(ruling.instead))
    finding = ruling.finding
    if finding is None or intent is None:
        return Wording("", "")
    measured = measured_intent(finding)
    if ruling.reason is None and measured == intent:
        known = language.phrase(intent)
        return Wording(en or known.en, cn or known.cn)
    return _worded(measured) if finding.fit >= 0.5 else Wording("", "")
