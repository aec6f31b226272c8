"""What `docs/neural.md` shows to copy: its settings parse, and what it names is there."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import pytest

from unicedit_assets.settings import Settings
from unicedit_assets.settings.editors import DiffusionEditor

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "neural.md").read_text("utf-8")
FENCED = re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# Indented blocks that hold a table are settings; the others are commands.
INDENTED = [
    textwrap.dedent(block)
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", TEXT, re.MULTILINE)
    if re.search(r"^    \[\w+\]$", block, re.MULTILINE)
]


def test_the_examples_are_found() -> None:
    assert len(FENCED) >= 3
    assert len(INDENTED) >= 2


@pytest.mark.parametrize("block", [*FENCED, *INDENTED])
def test_an_example_is_settings(block: str) -> None:
    settings = Settings.model_validate(tomllib.loads(block))
    assert settings != Settings()


def test_every_kind_of_editor_is_named() -> None:
    def kinds(model: type[DiffusionEditor]) -> set[str]:
        own = model.model_fields.get("kind")
        return {own.default} if own else set().union(*map(kinds, model.__subclasses__()))

    assert len(kinds(DiffusionEditor)) >= 4
    assert [kind for kind in kinds(DiffusionEditor) if kind not in TEXT] == []


def test_the_scripts_and_targets_that_it_names_are_there() -> None:
    scripts = re.findall(r"python\s+((?:benchmarks|tests)/\w+\.py)", TEXT)
    assert len(scripts) >= 3
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    targets = re.findall(r"`make ([\w-]+)", TEXT)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert [each for each in targets if not re.search(rf"^{each}:", makefile, re.MULTILINE)] == []
