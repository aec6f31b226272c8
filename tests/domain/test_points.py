"""Reasoning points are read back as what they claim, in both languages."""

from __future__ import annotations

import pytest

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent

INTENTS = (
    Intent("scenario", {"scenario": "night"}),
    Intent("move", {"colour": "red", "kind": "object", "place": "left", "to_place": "lower_right"}),
    Intent("mirror"),
)


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.operation)
def test_every_point_is_read_back_in_both_languages(intent: Intent) -> None:
    points = language.reasoning_points(intent)
    for texts in (points.en, points.cn):
        *claims, closing = texts
        assert language.is_closing_point(closing)
        assert claims
        for text in claims:
            claim = language.parse_point(text)
            assert claim is not None
            assert claim.operation == intent.operation
            assert dict(claim.slots).items() <= dict(intent.slots).items()


@pytest.mark.parametrize("text", ["", "It is lovely.", "Everything else stays the same, or so."])
def test_what_is_no_point_of_ours_is_none(text: str) -> None:
    assert language.parse_point(text) is None
    assert not language.is_closing_point(text)
