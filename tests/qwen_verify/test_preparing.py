"""Preparing: what is left to the machine follows from what it multiplies fast."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from resources.qwen_verify.preparing import resolved  # noqa: E402
from unicedit_assets.settings.training import TrainingSettings  # noqa: E402

pytestmark = pytest.mark.neural


@pytest.mark.parametrize(
    ("units", "precision"),
    [({"avx2": True}, "float32"), ({"amx_bf16": True}, "bfloat16"), ({}, "float32")],
)
def test_precision_is_what_the_machine_has_units_for(
    units: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    assert resolved(TrainingSettings(precision="auto")).precision == precision
    for asked in ("bfloat16", "float32"):
        assert resolved(TrainingSettings(precision=asked)).precision == asked
