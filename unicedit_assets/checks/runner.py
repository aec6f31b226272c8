"""Evaluating suites on committed partitions and recording the results beside the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unicedit_assets.checks.gx import Finding, evaluate
from unicedit_assets.checks.suites import Suite, suites_of

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project
    from unicedit_assets.storage.manifests import Manifest


@dataclass(frozen=True)
class Report:
    """What came of one suite on one partition."""

    suite: Suite
    rows: int
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every rule held."""
        return all(finding.passed for finding in self.findings)


def run_suite(project: Project, manifest: Manifest, suite: Suite) -> Report:
    """Evaluate a suite on a partition and record the result in the ledger."""
    frame = suite.frame(project, manifest)
    findings = tuple(evaluate(suite.name, frame, suite.rules(project.settings)))
    report = Report(suite, len(frame), findings)
    failed = [finding.to_json() for finding in findings if not finding.passed]
    project.ledger.record_check(manifest, suite.name, report.passed, suite.blocking, failed)
    return report


def ensure_checked(project: Project, manifest: Manifest) -> None:
    """Evaluate those blocking suites that have no recorded result yet.

    Whatever made the partition may have been killed before its checks, or run without them; what
    is made from it must not depend on that.
    """
    recorded = {check.name for check in project.ledger.checks(manifest)}
    for suite in suites_of(manifest.stage):
        if suite.blocking and suite.name not in recorded:
            run_suite(project, manifest, suite)
