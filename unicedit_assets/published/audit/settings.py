"""How thoroughly an audit looks, and how it tells its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from unicedit_assets.published.pictures import MAX_PIXELS


@dataclass(frozen=True)
class AuditSettings:
    """How thoroughly to look.

    Attributes:
        quick: read no pictures; the report names what was not checked.
        sample: examine the pictures of about this many rows (whole row groups, drawn by ``seed``).
        workers: threads that decode pictures.
        max_pixels: larger pictures count as undecodable, before decoding.
        max_imbalance: factor between largest and smallest subtask above which it is a notice.
        examples: findings of each kind kept in the report.
        findings: ``.parquet`` or ``.jsonl`` file for all findings.
        memory: DuckDB's memory limit while it looks for repeats.
        scratch: folder for temporary files; None for the system's.
    """

    quick: bool = False
    sample: int | None = None
    seed: int = 0
    workers: int = 1
    max_pixels: int = MAX_PIXELS
    max_imbalance: float = 10.0
    examples: int = 10
    findings: Path | None = None
    memory: str = "1GB"
    scratch: Path | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("workers must be at least 1")
        if self.sample is not None and self.sample < 1:
            raise ValueError("sample must be at least 1")


@dataclass(frozen=True)
class Progress:
    """How far an audit is: ``done`` of ``total`` rows (or files) of a phase."""

    phase: str
    done: int
    total: int
    findings: int


OnProgress: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
