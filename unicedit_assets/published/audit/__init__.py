"""Audit any data set in the published schema, also one that this pipeline did not make."""

from unicedit_assets.published.audit.files import NoDataError
from unicedit_assets.published.audit.render import render
from unicedit_assets.published.audit.report import (
    AuditReport,
    Balance,
    Defect,
    Finding,
    Severity,
    severity_of,
)
from unicedit_assets.published.audit.runner import audit
from unicedit_assets.published.audit.settings import AuditSettings, Progress

__all__ = [
    "AuditReport",
    "AuditSettings",
    "Balance",
    "Defect",
    "Finding",
    "NoDataError",
    "Progress",
    "Severity",
    "audit",
    "render",
    "severity_of",
]
