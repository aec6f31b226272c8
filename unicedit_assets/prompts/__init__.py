"""Versioned prompt texts, loaded with their sha256, which travels with every row they made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True)
class Prompt:
    """A prompt file: its text, the hash of its bytes, and its data where it is YAML."""

    name: str
    text: str
    sha256: str
    data: Any


def load_prompt(name: str) -> Prompt:
    """Load a prompt shipped in this package.

    Raises:
        FileNotFoundError: there is no such prompt.
    """
    raw = resources.files(__name__).joinpath(name).read_bytes()
    text = raw.decode("utf-8")
    data = yaml.safe_load(text) if name.endswith(".yaml") else None
    return Prompt(name, text, hashlib.sha256(raw).hexdigest(), data)
