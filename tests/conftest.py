"""Fixtures that the whole test tree shares."""

import pytest
from hypothesis import settings

from unicedit_assets.qwen_verify import promotion

# A machine that does other things too is no finding.
settings.register_profile("unicedit", deadline=None)
settings.load_profile("unicedit")


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let versions be compared on the few test pairs that a test can afford."""
    monkeypatch.setattr(promotion, "LEAST_CLUSTERS", 1)
    monkeypatch.setattr(promotion, "TABLE_5", ())
