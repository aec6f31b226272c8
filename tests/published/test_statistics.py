from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.published.statistics import RowFacts, Statistics


def facts(subtask: str = "Color Alteration", confidence: float | None = 0.9, **change) -> RowFacts:
    values = {
        "subtask": subtask,
        "editor": "classical",
        "licence": "MIT",
        "width": 832,
        "height": 1248,
        "confidence": confidence,
        "rewritten": False,
        "prompt_en": "Paint it red",
        "prompt_cn": "涂成红色",
    }
    return RowFacts(**(values | change))


def test_counts():
    statistics = Statistics()
    for row in (facts(), facts(rewritten=True), facts("Style Transfer", None, width=1024)):
        statistics.add(row)
    statistics.add_reject("edits", "blank", "Style Transfer")
    statistics.add_reject("raw_images", "bomb")
    stats = statistics.to_json()
    assert stats["rows"] == 3
    assert stats["tasks"]["Attribute Editing"] == 2
    assert stats["subtasks"]["Style Transfer"] == 1
    assert stats["balance"]["factor"] == 2.0
    assert len(stats["balance"]["missing_subtasks"]) == len(SUBTASKS) - 2
    assert stats["resolutions"] == {"1024x1248": 1, "832x1248": 2}
    assert stats["rewritten"] == 1
    assert stats["rejects"] == {"edits": {"blank": 1}, "raw_images": {"bomb": 1}}
    assert stats["rejects_by_subtask"] == {"Style Transfer": 1}
    assert stats["confidence"]["rows"] == 2
    assert stats["text_lengths"]["en"]["mean"] == 12.0


def test_an_empty_release_has_statistics():
    stats = Statistics().to_json()
    assert stats["rows"] == 0
    assert stats["confidence"]["mean"] is None
    assert stats["balance"]["factor"] is None


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan")])
def test_an_impossible_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="within 0-1"):
        Statistics().add(facts(confidence=confidence))


def test_a_dirty_subtask_is_refused():
    with pytest.raises(KeyError):
        Statistics().add(facts("把车改成红色"))


@given(
    st.lists(
        st.builds(
            facts,
            st.sampled_from(SUBTASKS),
            st.one_of(st.none(), st.floats(0, 1)),
            prompt_en=st.text(max_size=80),
        )
    ),
    st.randoms(),
)
def test_the_order_of_rows_does_not_matter_and_histograms_add_up(rows, shuffle: random.Random):
    def gather(order):
        statistics = Statistics()
        for row in order:
            statistics.add(row)
        return statistics.to_bytes()

    one = gather(rows)
    again = list(rows)
    shuffle.shuffle(again)
    assert gather(again) == one
    stats = json.loads(one)
    assert sum(b["rows"] for b in stats["text_lengths"]["en"]["histogram"]) == len(rows)
    bins = stats["confidence"]["histogram"]
    assert sum(b["rows"] for b in bins) == sum(row.confidence is not None for row in rows)
