"""Show an audit in a terminal. Nothing that comes from the data set can act as markup."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unicedit_assets.published.audit.report import (
    MEANINGS,
    AuditReport,
    Balance,
    Defect,
    Severity,
    severity_of,
)

_STYLE = {Severity.ERROR: "red", Severity.NOTICE: "yellow"}


def _plain(value: object) -> Text:
    return Text("".join(char if char.isprintable() else "\ufffd" for char in str(value)))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        numeric = column in {"Rows", "Row", "Found"}
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table


def _summary(report: AuditReport) -> Text:
    pictures = "no pictures" if report.unchecked else f"pictures of {report.pairs_examined:,} rows"
    return _plain(
        f"{report.folder}: {report.files:,} files, {report.rows:,} rows; examined texts of "
        f"{report.texts_examined:,} rows and {pictures}{' (a sample)' if report.sampled else ''}"
    )


def _counts(report: AuditReport) -> Table:
    table = _table("Findings", "Defect", "Found", "Meaning")
    for defect, count in report.counts.items():
        style = _STYLE[severity_of(defect)]
        table.add_row(Text(defect, style=style), f"{count:,}", MEANINGS[defect])
    return table


def _examples(report: AuditReport, defect: Defect) -> Table:
    found, examples = report.counts[defect], report.examples[defect]
    shown = "" if found == len(examples) else f" (the first {len(examples)} of {found:,})"
    if not any(finding.file for finding in examples):
        table = _table(f"{defect}{shown}", "Detail")
        for finding in examples:
            table.add_row(_plain(finding.detail))
        return table
    table = _table(f"{defect}{shown}", "File", "Row", "Key", "Detail")
    for finding in examples:
        row = "" if finding.row is None else str(finding.row)
        table.add_row(_plain(finding.file), row, _plain(finding.key or ""), _plain(finding.detail))
    return table


def _balance(balance: Balance) -> Table:
    table = _table("Balance", "Subtask", "Rows")
    for subtask, rows in sorted(balance.subtasks.items(), key=lambda item: -item[1]):
        table.add_row(subtask, f"{rows:,}")
    if balance.outside:
        table.add_row(Text("outside the taxonomy", style="red"), f"{balance.outside:,}")
    return table


def _verdict(report: AuditReport) -> Text:
    parts = [f"{report.errors:,} errors, {report.notices:,} notices."]
    if report.unchecked:
        parts.append("Not checked: " + ", ".join(report.unchecked) + ".")
    if report.findings_file:
        parts.append(f"All findings: {report.findings_file}")
    return _plain(" ".join(parts))


def render(report: AuditReport) -> RenderableType:
    """Return the report for ``rich``: summary, counts, examples of each kind, balance, verdict."""
    parts: list[RenderableType] = [_summary(report)]
    if report.counts:
        parts.append(_counts(report))
    parts += [_examples(report, defect) for defect in report.counts]
    parts += [_balance(report.balance), _verdict(report)]
    return Group(*parts)
