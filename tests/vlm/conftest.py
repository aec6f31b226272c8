"""Fixtures for models that really run; everything heavy is imported only when asked for."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen2.5-VL, saved."""
    from tiny_vlm import save_tiny_vlm

    return save_tiny_vlm(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen-Verify with the small one's own tokenizer, saved."""
    from qwen_verify.conftest import make_tiny

    from resources.qwen_verify.sizes import save_model

    made = make_tiny()
    folder = tmp_path_factory.mktemp("small") / "model"
    return save_model(made.model, made.collator.processor, folder)
