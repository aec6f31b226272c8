"""What `docs/verifier.md` and the README show to copy: commands, options and settings are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from unicedit_assets.cli.app import app
from unicedit_assets.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "docs/verifier.md")}
TEXT = DOCS["docs/verifier.md"]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each `unicedit ...` line of a code block."""
    for line in text.replace("\\\n", " ").splitlines():
        shown = re.match(r"(?:    |\$ )(?:\.venv/bin/)?(unicedit .*)", line)
        if shown:
            yield shlex.split(shown[1], comments=True)[1:]


SHOWN = [(name, words) for name, text in DOCS.items() for words in commands(text)]


def test_the_commands_are_found() -> None:
    assert sum(name == "README.md" for name, _ in SHOWN) >= 10
    assert sum(words[0] == "verify" for name, words in SHOWN if name == "docs/verifier.md") >= 8


@pytest.mark.parametrize(("name", "words"), SHOWN, ids=str)
def test_a_command_and_its_options_are_there(name: str, words: list[str]) -> None:
    command: click.Command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        step, *words = words
        assert step in command.commands, f"{name}: no command {step!r}"
        command = command.commands[step]
    known = {option for each in command.params for option in each.opts}
    assert [word for word in words if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("block", re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S))
def test_a_toml_block_is_settings(block: str) -> None:
    assert Settings.model_validate(tomllib.loads(block)) != Settings()


def test_what_is_set_by_set_is_a_training_setting() -> None:
    named = re.findall(r"--set ([\w.]+)=", TEXT)
    assert len(named) >= 4
    values = Settings().training.model_dump()
    for one in named:
        at = values
        for part in one.split("."):
            at = at[part]


def test_the_targets_and_scripts_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"\bmake ([a-z]+-[a-z-]+)", TEXT)
    assert "train-verify" in targets
    assert [each for each in targets if not re.search(rf"^{each}:", makefile, re.M)] == []
    files = re.findall(r"\b((?:benchmarks|tests|deploy|resources)/[\w/-]+\.(?:py|yaml))", TEXT)
    assert len(files) >= 4
    assert [each for each in files if not (ROOT / each).is_file()] == []


@pytest.mark.neural
def test_the_table_of_costs_is_what_the_script_prints() -> None:
    command = [sys.executable, "-W", "ignore", str(ROOT / "benchmarks" / "train_cost.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in TEXT
