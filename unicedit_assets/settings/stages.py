"""The settings of each stage, and of the checks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from unicedit_assets.domain.duplicates import MAX_DISTANCE
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.settings.fields import StageSettings, identity, runtime


class RawImagesSettings(StageSettings):
    """How photographs are taken in."""

    max_pixels: int = identity(64_000_000, "Larger headers are refused before decoding.", gt=0)
    min_side: int = identity(256, "Photographs with a shorter side are too small.", gt=0)
    max_crop: float = identity(0.20, "Largest share that may be cropped away.", ge=0, le=1)
    duplicate_distance: int = identity(
        MAX_DISTANCE,
        "Hamming distance of perceptual hashes that counts as the same photograph.",
        ge=0,
        le=16,
    )
    min_sharpness: float | None = identity(
        None, "Least sharpness (variance of the Laplacian at a fixed scale); none: no gate.", ge=0
    )
    min_entropy: float | None = identity(
        None, "Least entropy of the luma, in bits (0-8); none: no gate.", ge=0, le=8
    )
    safety: Literal["none", "opennsfw"] = identity(
        "none", "Model that scores how unsafe a picture is (`opennsfw`: extra `safety`)."
    )
    max_unsafe: float = identity(0.8, "Largest unsafe score that is let through.", ge=0, le=1)
    max_unreadable: float = runtime(
        0.5,
        "Largest share of a shard's sources that may be missing or unreadable; more (and at least "
        "3) means that the source itself is in trouble, and fails the run.",
        ge=0,
        le=1,
    )
    licence: str = identity("unknown", "Licence of the photographs, kept with every row.")


class InstructionsSettings(StageSettings):
    """How many instructions are asked for and of which subtasks."""

    per_image: int = identity(4, "Instructions a photograph (the paper: 3-7).", ge=3, le=7)
    quotas: dict[str, float] = identity(
        {}, "Subtask -> weight; empty: the same for each subtask that the editors can do."
    )
    seed: int = identity(42, "Seed of all choices.")


class FaultSettings(BaseModel):
    """Faults planted on purpose, to measure the gates after the editor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = identity(0.25, "Share of edits that get a fault.", ge=0, le=1)
    mix: dict[str, float] = identity({}, "Fault kind -> weight; empty: all kinds alike.")


class EditsSettings(StageSettings):
    """How instructions are carried out."""

    language: Literal["en", "cn"] = identity("en", "Language in which the editor is instructed.")
    seed: int = identity(42, "Seed of all edits; each edit mixes its own identity into it.")
    faults: FaultSettings = identity(
        FaultSettings(), "Faults planted into the classical editor's work (hidden truth is kept)."
    )


class VerifiedEditsSettings(StageSettings):
    """Who verifies, unless a version was promoted (then that one does)."""

    verifier: str = identity("evidence-1", "Verifier version; a promoted version overrides it.")


class ReleaseSettings(StageSettings):
    """How accepted edits are published."""

    max_per_subtask: int | None = identity(None, "Most rows a subtask; None: no limit.", ge=1)
    rows_per_file: int = identity(
        15_000, "Rows a Parquet file (the published files: 15,000).", ge=1
    )
    row_group_bytes: int = identity(64 << 20, "Image bytes a row group.", ge=1)
    duplicate_distance: int = identity(
        MAX_DISTANCE,
        "Hamming distance that counts as the same photograph across shards.",
        ge=0,
        le=16,
    )


class UnicBenchSettings(StageSettings):
    """The benchmark: a list of samples, or a small one frozen from held-out photographs."""

    list: str = identity(
        "",
        "A list in the form of upstream's `test_data.jsonl`; empty: samples are frozen from the "
        "photographs that the first registration held out.",
    )
    sources: str = identity(
        "", "Folder that the list's `image_path` starts from; empty: the list's own folder."
    )
    per_image: int = identity(4, "Samples a held-out photograph.", ge=1, le=7)
    seed: int = identity(7, "Seed of the frozen samples' instructions.")


class UnicBenchEditsSettings(StageSettings):
    """How the benchmarked models edit."""

    planted_rate: float = identity(0.6, "Fault rate of the `classical-faulty` model.", ge=0, le=1)


class UnicBenchScoresSettings(StageSettings):
    """How the benchmark's edits are judged; `roles.judge` names the judge."""


Subtask = Literal[*SUBTASKS]  # type: ignore[valid-type]
PairKind = Literal[
    "normal", "no_edit", "hallucination", "misaligned", "collateral", "degraded", "shifted"
]


class SyntheticPairsSettings(StageSettings):
    """The pairs with exact truth that verifiers are trained with."""

    chunk: int = runtime(64, "Rows a chunk; a finished chunk survives a kill.", ge=1)
    shards: int = runtime(0, "How many shards there should be.", ge=0, le=100_000)
    rows: int = identity(1000, "Pairs a shard.", ge=1)
    side: int = identity(336, "Width and height of the pictures.", ge=64, le=2048)
    style: Literal["plain", "rich"] = identity(
        "rich", "`plain`: one to three large objects before simple places; `rich`: everything."
    )
    subtasks: tuple[Subtask, ...] = identity((), "Which subtasks, equally often; empty: all 22.")
    kinds: tuple[PairKind, ...] = identity(
        (), "Which kinds of pair, in the generator's proportions; empty: all seven."
    )
    held_out: float = identity(
        0.05, "Share of a shard in each of the three held-out splits.", ge=0, le=0.3
    )
    backgrounds: int = identity(
        0,
        "How many of the project's own photographs stand behind a shard's scenes (style `rich`), "
        "about 60 % of them; 0: none, all backdrops are drawn. New photographs make other pairs.",
        ge=0,
        le=1000,
    )
    cutouts: str = identity(
        "",
        "Folder of cut-outs, RGBA files, that stand for drawn shapes (style `rich`): Debian's "
        "`/usr/share/tuxpaint/stamps`, or files named by class, such as `cat-2.png` or "
        "`cat/tom.png`; empty: none. What they are counts, not where they lie.",
    )
    vague: float = identity(
        0.1, "Share of normal pairs whose instruction leaves a claim open.", ge=0, le=1
    )
    seed: int = identity(0, "Seed of all pairs; others give others.", ge=0, lt=1 << 30)

    @model_validator(mode="after")
    def _plain_is_drawn(self) -> SyntheticPairsSettings:
        if self.style == "plain" and (self.backgrounds or self.cutouts):
            raise ValueError("backgrounds and cutouts need style 'rich'")
        return self


class CheckSettings(StageSettings):
    """Bounds of the data-quality checks."""

    max_reject_rate: float = runtime(0.6, "Largest share a gate may reject in a shard.", ge=0, le=1)
    max_failure_rate: float = runtime(0.1, "Largest share that may fail in a shard.", ge=0, le=1)
    min_coverage: float = runtime(
        0.9, "Smallest share of a subtask's benchmark samples that must be scored.", ge=0, le=1
    )
    quota_factor: float = runtime(
        3.0, "Largest factor between the most and the least frequent subtask.", ge=1
    )


class VerifierSetsSettings(StageSettings):
    """What verifiers are trained on and measured on: `verify_sft_set`, `verify_preference_set`."""

    chunk: int = runtime(256, "Rows a chunk; a finished chunk survives a kill.", ge=1)
    origins: tuple[Literal["synthetic", "pipeline", "human"], ...] = identity(
        ("synthetic", "pipeline", "human"),
        "Where rows come from: synthetic pairs, verified edits and rejects, people's verdicts.",
    )
    annotations: str = runtime(
        "",
        "Folder of people's verdicts (*.jsonl, *.parquet); empty: there are none. What they say "
        "counts, not where they are.",
    )
    sft_kinds: tuple[PairKind, ...] = identity(
        ("normal", "no_edit"),
        "Kinds of pairs that supervised training sees (the paper: normal and no_edit); preference "
        "training sees all.",
    )
    validation: float = identity(
        0.05, "Share of scenes and photographs to validate on.", ge=0, lt=1
    )
    test: float = identity(0.1, "Share of scenes and photographs to measure on.", ge=0, lt=1)
    most_per_cell: int = identity(5000, "Most rows of one split, kind and subtask.", ge=1)
    most_over_median: float = identity(
        3.0, "Most rows of one kind and subtask, over the median of its split.", ge=1
    )
    min_confidence: float = identity(
        0.5, "Verdicts of the pipeline's verifier below this are not learnt from.", ge=0, le=1
    )


class VerifierTestsSettings(StageSettings):
    """The frozen pairs that every verifier is measured on: `qwen_verify_eval`."""

    chunk: int = runtime(64, "Pairs a chunk; a finished chunk survives a kill.", ge=1)
    most: int = identity(2000, "Most pairs of the training sets' test split.", ge=1)
    per_photograph: int = identity(
        8, "Edits of each held-out photograph, half of them with a planted fault; 0: none.", ge=0
    )
    seed: int = identity(11, "Seed of the edits of held-out photographs.")
    fitted_on: int = identity(
        600, "Training pairs that the thresholds of the baselines are fitted on.", ge=2
    )
    judged: bool = identity(
        False, "Whether the project's judge grades the rewritten texts as well (a question a pair)."
    )
