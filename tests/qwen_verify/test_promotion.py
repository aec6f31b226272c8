"""Promotion: what is worse on one class is caught, noise is not, and luck is no excuse."""

from __future__ import annotations

import numpy as np
import pytest

from unicedit_assets.qwen_verify.evaluation import Marks, Prediction, Truth, mark
from unicedit_assets.qwen_verify.promotion import NotComparable, compare, on_photographs

KINDS = {"normal": "valid", "no_edit": "no_edit", "hallucination": "misaligned"}


def marks(
    rates: dict[str, float], seed: int, pairs: int = 300, test: str = "scenes", of: int = 1
) -> list[Marks]:
    """Return marks of a verifier that is right about each kind at a known rate."""
    rng, found = np.random.default_rng(seed), []
    for kind, verdict in KINDS.items():
        changed = kind != "no_edit"
        for number in range(pairs):
            text = ("Do it", "做") if changed else ("", "")
            key, cluster = f"{test}{kind}{number}", f"{test}{kind}{number // of}"
            truth = Truth(key, kind, verdict, "Color Alteration", cluster, test, changed, *text)
            right = rng.random() < rates[kind]
            said = Prediction(
                key, changed is right, verdict if right else "shifted", *text, 0.5, 0.5
            )
            found.append(mark(truth, said))
    return found


SAME = {"normal": 0.8, "no_edit": 0.9, "hallucination": 0.7}


def test_a_class_that_got_worse_is_named_though_the_others_got_better() -> None:
    better = {"normal": 0.99, "no_edit": 0.99, "hallucination": 0.5}
    found = compare(marks(better, 1), marks(SAME, 2))
    worse = {(each.kind, each.measure) for each in found if each.is_worse}
    assert worse == {("hallucination", "score"), ("hallucination", "right class")}
    assert "hallucination score" in str(next(each for each in found if each.is_worse))


def test_the_same_quality_is_seldom_called_worse() -> None:
    refused = sum(
        any(each.is_worse for each in compare(marks(SAME, 2 * n, 60), marks(SAME, 2 * n + 1, 60)))
        for n in range(40)
    )
    assert refused <= 8


def test_a_version_is_never_worse_than_itself() -> None:
    own = marks(SAME, 3)
    assert not any(each.is_worse for each in compare(own, own))


def test_who_learnt_drawn_scenes_alone_does_not_displace_who_knows_photographs() -> None:
    perfect, useless = dict.fromkeys(KINDS, 1.0), dict.fromkeys(KINDS, 0.0)
    # Four pairs of each of six photographs, beside hundreds of scenes.
    candidate = marks(perfect, 1) + marks(useless, 1, 24, "photographs", 4)
    promoted = marks(SAME, 2) + marks(perfect, 2, 24, "photographs", 4)
    assert not any(each.is_worse for each in compare(candidate, promoted))
    worse = [str(each) for each in on_photographs(candidate, promoted) if each.is_worse]
    assert len(worse) == 6 and all(text.startswith("photographs, ") for text in worse)
    few = marks(useless, 1, 16, "photographs", 4), marks(perfect, 2, 16, "photographs", 4)
    assert on_photographs(*few) == []


def test_other_pairs_cannot_be_compared() -> None:
    with pytest.raises(NotComparable, match="different test pairs"):
        compare(marks(SAME, 1)[:-1], marks(SAME, 1))
    with pytest.raises(NotComparable, match="different test pairs"):
        compare([], [])
