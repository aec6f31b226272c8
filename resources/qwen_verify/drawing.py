"""What the small Qwen-Verify learns from and is measured on: plain synthetic pairs by index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from unicedit_assets.domain.identity import digest
from unicedit_assets.qwen_verify.question import Example, example_of
from unicedit_assets.synthetic.generator import PairSpec, make_pair
from unicedit_assets.synthetic.pair import Kind, SyntheticPair

# What it is trained for: edits whose every claim can be seen in a small picture.
SUBTASKS = (
    "Subject Addition",
    "Subject Removal",
    "Subject Replacement",
    "Object Extraction",
    "Counting Change",
    "Color Alteration",
    "Background Change",
    "Style Transfer",
    "Tone Transformation",
)
# The paper's three classes of training data; the first two are the supervised stage's.
SHARES: Mapping[Kind, float] = MappingProxyType(
    {Kind.NORMAL: 0.6, Kind.NO_EDIT: 0.2, Kind.HALLUCINATION: 0.2}
)
SUPERVISED = (Kind.NORMAL.value, Kind.NO_EDIT.value)


@dataclass(frozen=True)
class PairDraw:
    """Index -> synthetic pair, deterministic; kinds by share, subtasks equally often.

    Attributes:
        seed: of the whole set.
        side: of the square pictures, pixels.
        split: of the generator; scenes of one are in no other.
        vague: share of the normal pairs whose instruction leaves a claim open.
    """

    seed: int
    side: int
    split: str = "train"
    vague: float = 0.5
    subtasks: tuple[str, ...] = SUBTASKS

    def pair(self, index: int) -> SyntheticPair:
        """Return the pair of an index."""
        drawn = int(digest("small-qwen-verify", self.seed, self.split, index)[:15], 16)
        rng = np.random.default_rng(drawn)
        kinds = list(SHARES)
        kind = kinds[int(rng.choice(len(kinds), p=list(SHARES.values())))]
        spec = PairSpec(
            subtask=self.subtasks[int(rng.integers(len(self.subtasks)))],
            kind=kind,
            size=(self.side, self.side),
            split=self.split,
            vague=self.vague,
            style="plain",
        )
        return make_pair(drawn, spec)

    def __call__(self, index: int) -> Example:
        return example_of(self.pair(index))
