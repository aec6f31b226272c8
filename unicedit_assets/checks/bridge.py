"""The one bridge from suites to partitioned Dagster asset checks."""

import warnings

import dagster as dg

from resources.failures import told_as_failure
from resources.project import ProjectResource
from unicedit_assets.checks.gx import Finding
from unicedit_assets.checks.runner import Report, run_suite
from unicedit_assets.checks.suites import SUITES, Suite
from unicedit_assets.partitions import lake_partition
from unicedit_assets.pipeline.stage import Ref


def asset_check_of(suite: Suite, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Return a suite as a check of its asset, partitioned like it."""
    with warnings.catch_warnings():
        # Partitioned checks are in preview in Dagster; the warning is for whoever uses them here.
        warnings.simplefilter("ignore", dg.PreviewWarning)

        @dg.asset_check(
            asset=asset,
            name=suite.name,
            blocking=suite.blocking,
            description=suite.description,
            partitions_def=asset.partitions_def,
        )
        def check(
            context: dg.AssetCheckExecutionContext, project: ProjectResource
        ) -> dg.AssetCheckResult:
            with told_as_failure():
                opened = project.open()
                ref = Ref(suite.stage, lake_partition(suite.stage, context.partition_key))
                manifest = opened.find(ref)
                if manifest is None:
                    raise dg.Failure(f"{ref} has not been made under the present settings")
                return result_of(run_suite(opened, manifest, suite))

    return check


def result_of(report: Report) -> dg.AssetCheckResult:
    """Return a report as Dagster shows it: what failed, with examples."""
    blocking = report.suite.blocking
    failed = [finding for finding in report.findings if not finding.passed]
    metadata: dict[str, dg.MetadataValue] = {
        "rows": dg.MetadataValue.int(report.rows),
        "rules": dg.MetadataValue.int(len(report.findings)),
        "broken_rules": dg.MetadataValue.int(len(failed)),
    }
    if failed:
        metadata["failures"] = dg.MetadataValue.table([_record(finding) for finding in failed])
    return dg.AssetCheckResult(
        passed=report.passed,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _record(finding: Finding) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "expectation": finding.expectation,
            "column": finding.column,
            "unexpected": finding.unexpected,
            "observed": finding.observed,
            "examples": "; ".join(finding.examples),
        }
    )


def asset_checks(assets: dict[str, dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """Return every suite as an asset check."""
    return [asset_check_of(suite, assets[suite.stage]) for suite in SUITES]
