from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from published.samples import clean, write_folder
from unicedit_assets.published.audit import AuditSettings, audit, render
from unicedit_assets.published.audit.report import MEANINGS, Defect


def shown(folder: Path, **settings: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(render(audit(folder, AuditSettings(**settings))))
    return console.file.getvalue()


def test_a_clean_data_set(tmp_path: Path):
    text = shown(write_folder(tmp_path, clean()))
    assert "2 files, 22 rows" in text
    assert "0 errors, 0 notices." in text
    assert "Findings" not in text


def test_says_which_rows_and_how_many_more(tmp_path: Path):
    rows = clean()
    for row in rows:
        row["prompt_en"] = ""
    text = shown(write_folder(tmp_path, rows), examples=2)
    assert "empty_text (the first 2 of 22)" in text
    assert text.count("train-00000-of-00002.parquet") == 2
    assert rows[0]["key"] in text


def test_a_quick_look_says_what_was_not_checked(tmp_path: Path):
    text = shown(write_folder(tmp_path, clean()), quick=True)
    assert "Not checked: missing_image" in text


def test_text_from_the_data_set_is_neither_markup_nor_a_terminal_command(tmp_path: Path):
    rows = clean()
    rows[3]["key"] = "[red]x[/red]\x1b[2J"
    rows[4]["edit_subtask"] = "\x1b]0;title\x07[link=http://x]y"
    text = shown(write_folder(tmp_path, rows))
    assert "[red]x[/red]" in text
    assert "\x1b" not in text
    assert "[link=http://x]y" in text


def test_findings_of_the_whole_data_set_need_no_file(tmp_path: Path):
    text = shown(write_folder(tmp_path, clean(20)))
    assert "missing_subtask" in text
    assert "Key" not in text
    assert "Implicit Change Edits" in text


def test_every_defect_has_a_meaning():
    assert set(MEANINGS) == set(Defect)
