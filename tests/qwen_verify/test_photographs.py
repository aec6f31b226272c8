"""Real photographs as test pairs: what was planted becomes the truth, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from classical.pictures import still_life

from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.qwen_verify.photographs import edited_photograph, truth_of
from unicedit_assets.truth.sampling import Bench, Sample

ASKED = Intent("recolor", {"colour": "red", "kind": "object", "place": "left", "to": "blue"})
TEXT = language.phrase(ASKED)
PIXELS = np.zeros((8, 8, 3), np.uint8)


def sample(fault: str, done: Intent | None = None) -> Sample:
    detail = {"intent": ASKED.to_json()} | ({"done": done.to_json()} if done else {})
    return Sample(PIXELS, PIXELS, "Color Alteration", TEXT.en, TEXT.cn, fault, "recolor", detail)


GREEN = Intent("recolor", {**ASKED.slots, "to": "green"})
OTHER = Intent("recolor", {**ASKED.slots, "place": "right", "to": "green"})


@pytest.mark.parametrize(
    ("fault", "done", "kind", "verdict", "text"),
    [
        ("none", None, "normal", "valid", TEXT.en),
        ("no_edit", None, "no_edit", "no_edit", ""),
        ("misaligned", GREEN, "hallucination", "misaligned", language.phrase(GREEN).en),
        ("misaligned", OTHER, "misaligned", "misaligned", language.phrase(OTHER).en),
        ("degraded", None, "degraded", "degraded", ""),
    ],
)
def test_the_truth_of_a_planted_sample(
    fault: str, done: Intent | None, kind: str, verdict: str, text: str
) -> None:
    truth = truth_of("k", "image", sample(fault, done))
    assert (truth.kind, truth.verdict, truth.en) == (kind, verdict, text)
    assert truth.is_changed == (fault != "no_edit")
    assert (truth.cluster, truth.test) == ("image", "photographs")


def test_pairs_of_a_photograph_are_the_same_again_and_their_keys_are_unique() -> None:
    def drawn() -> list[tuple[str, str, str]]:
        pairs = edited_photograph("image", still_life(), 3, 3, Bench.standard())
        return [(each.truth.key, each.en, each.truth.kind) for each in pairs]

    found = drawn()
    assert found
    assert found == drawn()
    assert len({key for key, *_ in found}) == len(found)
