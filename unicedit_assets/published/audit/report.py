"""What an audit can find, and the report it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from unicedit_assets.domain.identity import Json


class Severity(StrEnum):
    """An error is wrong data; a notice is a property that a user should know."""

    ERROR = "error"
    NOTICE = "notice"


class Defect(StrEnum):
    """Every kind of finding."""

    MISNAMED_FILE = "misnamed_file"
    MISNUMBERED_SHARD = "misnumbered_shard"
    MIXED_TOTALS = "mixed_totals"
    MISSING_SHARD = "missing_shard"
    UNREADABLE_FILE = "unreadable_file"
    EMPTY_FILE = "empty_file"
    WRONG_SCHEMA = "wrong_schema"
    WRONG_COLUMN_ORDER = "wrong_column_order"
    CORRUPT_ROWS = "corrupt_rows"
    MALFORMED_KEY = "malformed_key"
    REPEATED_KEY = "repeated_key"
    DIRTY_SUBTASK = "dirty_subtask"
    DIRTY_TASK = "dirty_task"
    TASK_MISMATCH = "task_mismatch"
    EMPTY_TEXT = "empty_text"
    BROKEN_TEXT = "broken_text"
    WRONG_LANGUAGE = "wrong_language"
    SAME_TEXT = "same_text"
    MISSING_IMAGE = "missing_image"
    UNDECODABLE_IMAGE = "undecodable_image"
    UNEQUAL_SIZES = "unequal_sizes"
    IDENTICAL_PAIR = "identical_pair"
    REPEATED_PAIR = "repeated_pair"
    MISSING_SUBTASK = "missing_subtask"
    IMBALANCE = "imbalance"


MEANINGS: Mapping[Defect, str] = MappingProxyType(
    {
        Defect.MISNAMED_FILE: "file not named train-NNNNN-of-NNNNN.parquet",
        Defect.MISNUMBERED_SHARD: "file number not below the total",
        Defect.MIXED_TOTALS: "file names that disagree on the total",
        Defect.MISSING_SHARD: "gap in the numbering of the files",
        Defect.UNREADABLE_FILE: "not a readable Parquet file",
        Defect.EMPTY_FILE: "file without rows",
        Defect.WRONG_SCHEMA: "column missing, of another type, or not published",
        Defect.WRONG_COLUMN_ORDER: "columns in another order",
        Defect.CORRUPT_ROWS: "rows that cannot be read back",
        Defect.MALFORMED_KEY: "key is not 32 hexadecimal digits",
        Defect.REPEATED_KEY: "key used before",
        Defect.DIRTY_SUBTASK: "subtask not in the taxonomy",
        Defect.DIRTY_TASK: "task not in the taxonomy",
        Defect.TASK_MISMATCH: "subtask that belongs to another task",
        Defect.EMPTY_TEXT: "empty instruction",
        Defect.BROKEN_TEXT: "text that is not valid UTF-8",
        Defect.WRONG_LANGUAGE: "instruction in the wrong language",
        Defect.SAME_TEXT: "English and Chinese instruction are the same",
        Defect.MISSING_IMAGE: "picture missing",
        Defect.UNDECODABLE_IMAGE: "picture cannot be decoded",
        Defect.UNEQUAL_SIZES: "source and edit differ in size",
        Defect.IDENTICAL_PAIR: "source and edit are the same, pixel for pixel",
        Defect.REPEATED_PAIR: "pair of pictures seen before",
        Defect.MISSING_SUBTASK: "subtask without rows",
        Defect.IMBALANCE: "largest subtask far larger than the smallest",
    }
)

NOTICES = frozenset({Defect.MISSING_SUBTASK, Defect.IMBALANCE})
NEEDS_PICTURES = frozenset(
    {
        Defect.MISSING_IMAGE,
        Defect.UNDECODABLE_IMAGE,
        Defect.UNEQUAL_SIZES,
        Defect.IDENTICAL_PAIR,
        Defect.REPEATED_PAIR,
    }
)


def severity_of(defect: Defect) -> Severity:
    """Return how much a kind of finding weighs."""
    return Severity.NOTICE if defect in NOTICES else Severity.ERROR


@dataclass(frozen=True)
class Finding:
    """One defect in one place.

    Attributes:
        file: base name of the data file; empty for the data set as a whole.
        row: row within the file, from 0; None for the file as a whole.
        key: the row's key as it stands there; None where there is none.
        detail: what exactly is wrong.
    """

    defect: Defect
    file: str
    row: int | None
    key: str | None
    detail: str


@dataclass(frozen=True)
class Balance:
    """How rows spread over the taxonomy.

    Attributes:
        subtasks: rows of each of the 22 subtasks.
        outside: rows whose subtask is not in the taxonomy.
        factor: largest over smallest present subtask; None without rows.
        missing: subtasks without rows.
    """

    subtasks: Mapping[str, int]
    outside: int
    factor: float | None
    missing: tuple[str, ...]


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit. Counts are exact; examples are the first few of each kind.

    Attributes:
        files: Parquet files looked at.
        rows: rows that the readable files declare.
        texts_examined: rows whose texts were read.
        pairs_examined: rows whose pictures were read.
        counts: findings of each kind that occurred.
        unchecked: kinds that this audit did not look for (``quick``).
        sampled: whether only a part of the pictures was asked for.
        findings_file: where all findings are; None when nobody asked for a file.
    """

    folder: str
    files: int
    rows: int
    texts_examined: int
    pairs_examined: int
    counts: Mapping[Defect, int]
    examples: Mapping[Defect, tuple[Finding, ...]]
    balance: Balance
    unchecked: tuple[Defect, ...]
    sampled: bool
    findings_file: str | None

    def _total(self, severity: Severity) -> int:
        return sum(n for defect, n in self.counts.items() if severity_of(defect) is severity)

    @property
    def errors(self) -> int:
        """Findings that are wrong data."""
        return self._total(Severity.ERROR)

    @property
    def notices(self) -> int:
        """Findings that are properties to know."""
        return self._total(Severity.NOTICE)

    def to_json(self) -> dict[str, Json]:
        """Return the summary, without the examples."""
        return {
            "folder": self.folder,
            "files": self.files,
            "rows": self.rows,
            "texts_examined": self.texts_examined,
            "pairs_examined": self.pairs_examined,
            "sampled": self.sampled,
            "errors": self.errors,
            "notices": self.notices,
            "counts": {str(defect): n for defect, n in self.counts.items()},
            "unchecked": [str(defect) for defect in self.unchecked],
            "balance": {
                "subtasks": dict(self.balance.subtasks),
                "outside": self.balance.outside,
                "factor": self.balance.factor,
                "missing": list(self.balance.missing),
            },
            "findings_file": self.findings_file,
        }
