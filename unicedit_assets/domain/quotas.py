"""Which subtasks to ask for next, so that the data set comes out balanced.

The released UnicEdit-10M spans four orders of magnitude between subtasks. Here every subtask has a
target share, and each photograph is asked for those of its feasible subtasks that are furthest
behind their share: a rule that anyone can read and recompute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from unicedit_assets.domain.identity import seed_from


def deficits(
    counts: Mapping[str, int], weights: Mapping[str, float], total: int
) -> dict[str, float]:
    """Return how many instructions each subtask is behind its share of ``total``.

    Raises:
        ValueError: the weights do not sum to a positive number.
    """
    whole = sum(weights.values())
    if whole <= 0:
        raise ValueError("quota weights must sum to a positive number")
    return {
        subtask: weight / whole * total - counts.get(subtask, 0)
        for subtask, weight in weights.items()
    }


def choose(
    feasible: Iterable[str],
    counts: Mapping[str, int],
    weights: Mapping[str, float],
    wanted: int,
    tie_break: str,
) -> Sequence[str]:
    """Choose the ``wanted`` feasible subtasks with the largest deficit.

    A subtask without a weight, or with weight 0, is never asked for. Ties are broken by a hash of
    ``tie_break`` (the image's id), so that no subtask profits from its place in a list.
    """
    allowed = [s for s in dict.fromkeys(feasible) if weights.get(s, 0.0) > 0]
    behind = deficits(counts, weights, sum(counts.values()) + wanted)
    return sorted(allowed, key=lambda s: (-behind[s], seed_from(tie_break, s)))[:wanted]
