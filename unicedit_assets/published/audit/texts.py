"""Checks on the texts of one row. Each is a pure function of the columns that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from unicedit_assets.domain.taxonomy import TASKS, is_subtask, task_of
from unicedit_assets.published.audit.report import Defect
from unicedit_assets.published.schema import is_key

TEXT_COLUMNS = ("key", "edit_task", "edit_subtask", "prompt_cn", "prompt_en")

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
# Letters to be written into a picture are quoted and may be in any script.
_QUOTED = re.compile(
    "\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|《[^》]*》|‘[^’]*’|(?<!\\w)'[^']*'(?!\\w)"
)
_REPLACEMENT = "\ufffd"
_SHOWN = 80

Texts = Mapping[str, str | None]


class TextDefect(NamedTuple):
    """One thing wrong with a row's texts."""

    defect: Defect
    detail: str


def _shown(text: str | None) -> str:
    return "null" if text is None else repr(text[:_SHOWN])


def _key(row: Texts) -> Iterator[TextDefect]:
    if not is_key((row["key"] or "").lower()):
        yield TextDefect(Defect.MALFORMED_KEY, _shown(row["key"]))


def _subtask(row: Texts) -> Iterator[TextDefect]:
    if not is_subtask(row["edit_subtask"] or ""):
        yield TextDefect(Defect.DIRTY_SUBTASK, _shown(row["edit_subtask"]))


def _task(row: Texts) -> Iterator[TextDefect]:
    if (row["edit_task"] or "") not in TASKS:
        yield TextDefect(Defect.DIRTY_TASK, _shown(row["edit_task"]))


def _task_of_subtask(row: Texts) -> Iterator[TextDefect]:
    task, subtask = row["edit_task"] or "", row["edit_subtask"] or ""
    if task in TASKS and is_subtask(subtask) and task_of(subtask) != task:
        yield TextDefect(Defect.TASK_MISMATCH, f"{subtask} is {task_of(subtask)}, not {task}")


def _english(row: Texts) -> Iterator[TextDefect]:
    text = row["prompt_en"] or ""
    if not text.strip():
        yield TextDefect(Defect.EMPTY_TEXT, "prompt_en")
        return
    bare = _QUOTED.sub(" ", text)
    if _HAN.search(bare) or not _LATIN.search(bare):
        yield TextDefect(Defect.WRONG_LANGUAGE, f"prompt_en: {_shown(text)}")


def _chinese(row: Texts) -> Iterator[TextDefect]:
    text = row["prompt_cn"] or ""
    if not text.strip():
        yield TextDefect(Defect.EMPTY_TEXT, "prompt_cn")
    elif not _HAN.search(_QUOTED.sub(" ", text)):
        yield TextDefect(Defect.WRONG_LANGUAGE, f"prompt_cn: {_shown(text)}")


def _differ(row: Texts) -> Iterator[TextDefect]:
    english, chinese = (row["prompt_en"] or "").strip(), (row["prompt_cn"] or "").strip()
    if english and english == chinese:
        yield TextDefect(Defect.SAME_TEXT, _shown(english))


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Texts], Iterator[TextDefect]]], ...] = (
    (("key",), _key),
    (("edit_task",), _task),
    (("edit_subtask",), _subtask),
    (("edit_task", "edit_subtask"), _task_of_subtask),
    (("prompt_en",), _english),
    (("prompt_cn",), _chinese),
    (("prompt_cn", "prompt_en"), _differ),
)


def text_defects(row: Texts, columns: Collection[str] = TEXT_COLUMNS) -> Iterator[TextDefect]:
    """Yield what is wrong with the texts of one row.

    Args:
        row: column -> text; None for null.
        columns: the columns that the file really has; checks that need others are left out.
    """
    for column in columns:
        if _REPLACEMENT in (row[column] or ""):
            yield TextDefect(Defect.BROKEN_TEXT, f"{column}: {_shown(row[column])}")
    for needed, check in _CHECKS:
        if all(column in columns for column in needed):
            yield from check(row)
