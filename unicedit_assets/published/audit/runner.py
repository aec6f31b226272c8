"""Examine a data set in the published schema: names, schema, texts, pictures, repeats, balance.

Texts are read first and for every row; they are small. Pictures follow, row group by row group, in
threads (decoders and hashes release the interpreter lock). Memory follows a handful of pairs, not
the size of files or row groups.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.published.audit.files import (
    DataFile,
    check_names,
    inspect_file,
    list_files,
    shown_name,
)
from unicedit_assets.published.audit.findings import Findings
from unicedit_assets.published.audit.reading import (
    PairRow,
    TextRow,
    Unread,
    read_pairs,
    read_texts,
)
from unicedit_assets.published.audit.repeats import Repeat, Repeats
from unicedit_assets.published.audit.report import NEEDS_PICTURES, AuditReport, Balance, Defect
from unicedit_assets.published.audit.settings import AuditSettings, OnProgress, Progress, silent
from unicedit_assets.published.audit.texts import text_defects

_Group = tuple[DataFile, int]


def _kinship(repeat: Repeat) -> str:
    if repeat.same_source is None:
        return ""
    if repeat.same_pair:
        return ", the same pictures"
    return ", the same source, another edit" if repeat.same_source else ", another source"


def _drawn(files: Sequence[DataFile], settings: AuditSettings) -> list[_Group]:
    """Return the row groups to examine: all, or a draw that depends on the seed only."""
    groups = [(f, g) for f in files if f.pictures for g in range(len(f.group_rows))]
    if settings.sample is None:
        return groups

    def lot(index: int) -> str:
        file, group = groups[index]
        return digest("audit", settings.seed, file.name, group)

    drawn, rows = set[int](), 0
    for index in sorted(range(len(groups)), key=lot):
        if rows >= settings.sample:
            break
        drawn.add(index)
        rows += groups[index][0].group_rows[groups[index][1]]
    return [groups[index] for index in sorted(drawn)]


def _examine(
    groups: Iterable[_Group], settings: AuditSettings
) -> Iterator[tuple[_Group, list[PairRow | Unread]]]:
    """Examine row groups in threads, a few ahead, and yield the results in order."""
    ahead: deque[tuple[_Group, Future[list[PairRow | Unread]]]] = deque()
    with ThreadPoolExecutor(settings.workers) as pool:
        for group in groups:
            ahead.append((group, pool.submit(read_pairs, *group, settings.max_pixels)))
            if len(ahead) > settings.workers:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()


class _Audit:
    def __init__(
        self, settings: AuditSettings, findings: Findings, repeats: Repeats, tell: OnProgress
    ) -> None:
        self.settings, self.findings, self.repeats = settings, findings, repeats
        self.tell = tell
        self.subtasks: Counter[str] = Counter()
        self.texts_examined = self.pairs_examined = 0

    def progress(self, phase: str, done: int, total: int) -> None:
        self.tell(Progress(phase, done, total, self.findings.counts.total()))

    def inspect(self, paths: Sequence[Path]) -> list[DataFile]:
        check_names([shown_name(path) for path in paths], self.findings)
        files = []
        for index, path in enumerate(paths):
            file = inspect_file(index, path, self.findings)
            if file:
                files.append(file)
            self.progress("files", index + 1, len(paths))
        return files

    def unread(self, file: DataFile, gap: Unread, what: str) -> None:
        detail = f"{what} of rows {gap.first}-{gap.last}: {gap.detail}"
        self.findings.add(Defect.CORRUPT_ROWS, detail, file.name, gap.first)

    def texts(self, files: Sequence[DataFile]) -> None:
        total, done = sum(file.rows for file in files), 0
        for file in files:
            for group, rows in enumerate(file.group_rows):
                for item in read_texts(file, group) if file.texts else ():
                    if isinstance(item, Unread):
                        self.unread(file, item, "texts")
                    else:
                        self._text_row(file, item)
                done += rows
                self.progress("texts", done, total)

    def _text_row(self, file: DataFile, item: TextRow) -> None:
        key = item.texts.get("key")
        self.texts_examined += 1
        self.repeats.add_key(file.index, item.row, key)
        if "edit_subtask" in item.texts:
            self.subtasks[item.texts["edit_subtask"] or ""] += 1
        for defect, detail in text_defects(item.texts, file.texts):
            self.findings.add(defect, detail, file.name, item.row, key)

    def pictures(self, groups: Sequence[_Group]) -> None:
        total, done = sum(file.group_rows[group] for file, group in groups), 0
        for (file, group), results in _examine(groups, self.settings):
            for item in results:
                if isinstance(item, Unread):
                    self.unread(file, item, "pictures")
                else:
                    self._pair_row(file, item)
            done += file.group_rows[group]
            self.progress("pictures", done, total)

    def _pair_row(self, file: DataFile, item: PairRow) -> None:
        self.pairs_examined += 1
        self.repeats.add_pair(file.index, item.row, item.facts.source, item.facts.pair)
        for defect, detail in item.facts.defects:
            self.findings.add(defect, detail, file.name, item.row, item.key)

    def repeated(self, files: Sequence[DataFile]) -> None:
        names = {file.index: file.name for file in files}
        for defect, repeats in (
            (Defect.REPEATED_KEY, self.repeats.keys()),
            (Defect.REPEATED_PAIR, self.repeats.pairs()),
        ):
            for repeat in repeats:
                detail = f"first in {names[repeat.first_file]} row {repeat.first_row}"
                if defect is Defect.REPEATED_KEY:
                    detail += _kinship(repeat)
                self.findings.add(defect, detail, names[repeat.file], repeat.row, repeat.key)

    def balance(self) -> Balance:
        counts = {subtask: self.subtasks[subtask] for subtask in SUBTASKS}
        present = {subtask: count for subtask, count in counts.items() if count}
        missing = tuple(subtask for subtask in SUBTASKS if subtask not in present)
        outside = self.subtasks.total() - sum(present.values())
        if not present:
            return Balance(counts, outside, None, missing)
        for subtask in missing:
            self.findings.add(Defect.MISSING_SUBTASK, subtask)
        most, least = (pick(present, key=present.__getitem__) for pick in (max, min))
        factor = present[most] / present[least]
        if factor > self.settings.max_imbalance:
            detail = f"{factor:.1f}: {most} {present[most]}, {least} {present[least]}"
            self.findings.add(Defect.IMBALANCE, detail)
        return Balance(counts, outside, factor, missing)


def _report(folder: Path, files: int, rows: int, run: _Audit, balance: Balance) -> AuditReport:
    settings, counts = run.settings, run.findings.counts
    order = [defect for defect in Defect if counts[defect]]
    return AuditReport(
        folder=os.fsencode(folder).decode("utf-8", "replace"),
        files=files,
        rows=rows,
        texts_examined=run.texts_examined,
        pairs_examined=run.pairs_examined,
        counts={defect: counts[defect] for defect in order},
        examples={defect: tuple(run.findings.examples[defect]) for defect in order},
        balance=balance,
        unchecked=tuple(d for d in Defect if d in NEEDS_PICTURES) if settings.quick else (),
        sampled=settings.sample is not None and not settings.quick,
        findings_file=str(settings.findings) if settings.findings else None,
    )


def audit(
    folder: Path,
    settings: AuditSettings | None = None,
    on_progress: OnProgress = silent,
) -> AuditReport:
    """Examine a data set in the published schema and say what is wrong, and where.

    Damaged files and rows are findings, not errors.

    Args:
        folder: the data set; its Parquet files lie in ``data/`` or directly in it.
        settings: how thoroughly to look, and where findings go; None for the defaults.
        on_progress: called after each file and each row group.

    Raises:
        NoDataError: there is no Parquet file to examine.
        ValueError: the findings file has an unknown suffix.
        OSError: findings or scratch files cannot be written.
    """
    settings = settings or AuditSettings()
    paths = list_files(folder)
    with (
        tempfile.TemporaryDirectory(prefix="audit-", dir=settings.scratch) as scratch,
        Findings(settings.findings, settings.examples) as findings,
    ):
        with Repeats(Path(scratch), settings.memory, settings.workers) as repeats:
            run = _Audit(settings, findings, repeats, on_progress)
            files = run.inspect(paths)
            run.texts(files)
            if not settings.quick:
                run.pictures(_drawn(files, settings))
        run.repeated(files)
        balance = run.balance()
    return _report(folder, len(paths), sum(file.rows for file in files), run, balance)
