"""The data-quality suites: which rules each stage's partitions must keep, and which of them block.

A suite looks at a frame of metadata derived from one committed partition; the frames are made in
``frames.py``. Blocking suites stop everything that would be made from a bad partition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unicedit_assets.checks import frames, verifier_frames
from unicedit_assets.checks.gx import Rule, rule
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT
from unicedit_assets.pipeline.verifier_training import PREFERRED, SUPERVISED
from unicedit_assets.qwen_verify.splitting import Split
from unicedit_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from unicedit_assets.pipeline.project import Project
    from unicedit_assets.storage.manifests import Manifest


@dataclass(frozen=True)
class Suite:
    """Rules over one frame of one stage.

    Attributes:
        frame: makes the frame from a committed partition.
        rules: gives the rules under the project's settings.
    """

    name: str
    stage: str
    blocking: bool
    description: str
    frame: Callable[[Project, Manifest], pd.DataFrame]
    rules: Callable[[Settings], Sequence[Rule]]


def _present(*columns: str) -> list[Rule]:
    return [rule("ExpectColumnValuesToNotBeNull", column=column) for column in columns]


def _unique(column: str) -> list[Rule]:
    return [*_present(column), rule("ExpectColumnValuesToBeUnique", column=column)]


def _true(*columns: str) -> list[Rule]:
    return [
        rule("ExpectColumnValuesToBeInSet", column=column, value_set=[True]) for column in columns
    ]


def _within(column: str, low: float, high: float) -> Rule:
    return rule("ExpectColumnValuesToBeBetween", column=column, min_value=low, max_value=high)


def _zero(*columns: str) -> list[Rule]:
    return [_within(column, 0, 0) for column in columns]


def _subtask() -> list[Rule]:
    known = rule("ExpectColumnValuesToBeInSet", column="subtask", value_set=list(SUBTASKS))
    return [*_present("subtask"), known]


def _raw_images(settings: Settings) -> list[Rule]:
    return [
        *_unique("image_id"),
        # NaN counts as null, and rules about values skip nulls.
        *_present("source", "licence", "crop_share", "entropy"),
        *_true("preferred_size", "multiple_of_16", "decodes"),
        _within("crop_share", 0.0, settings.raw_images.max_crop),
        _within("entropy", 0.0, 8.0),
    ]


def _instructions(settings: Settings) -> list[Rule]:
    return [
        *_unique("instruction_id"),
        *_present("image_id", "en", "cn"),
        *_subtask(),
        *_true("task_matches", "is_english", "is_chinese", "points_match"),
        _within("per_image", 3, 7),
    ]


def _unicbench(settings: Settings) -> list[Rule]:
    return [
        *_unique("key"),
        *_present("image_id", "en", "cn"),
        *_subtask(),
        *_true("task_matches", "points_match", "decodes"),
    ]


def _unicbench_edits(settings: Settings) -> list[Rule]:
    return [
        *_unique("key"),
        *_present("image_id", "model", "prompt", "seed"),
        *_subtask(),
        *_true("same_size", "decodes"),
    ]


def _edits(settings: Settings) -> list[Rule]:
    return [
        *_unique("edit_id"),
        *_present("instruction_id", "image_id", "editor", "seed"),
        *_subtask(),
        *_true("same_size", "multiple_of_16", "decodes"),
    ]


def _verified(settings: Settings) -> list[Rule]:
    return [
        *_unique("edit_id"),
        *_present("confidence", "verifier_version"),
        *_subtask(),
        _within("confidence", 0.0, 1.0),
        *_true("consistent", "is_english", "is_chinese", "finite_evidence"),
    ]


def _release(settings: Settings) -> list[Rule]:
    return _zero(*frames.RELEASE_FAULTS)


def _scores(settings: Settings) -> list[Rule]:
    metrics = ("instruction_following", "non_edit_consistency", "visual_quality", "overall")
    return [
        *_unique("key"),
        *_subtask(),
        *_present(*metrics),
        *(_within(metric, 0.0, 10.0) for metric in (*metrics, "reasoning_accuracy")),
        *_true("reasoning_scored", "overall_is_geometric_mean"),
    ]


def _coverage(settings: Settings) -> list[Rule]:
    return [
        _within("scored_share", settings.checks.min_coverage, 1.0),
        *_zero("unaccounted"),
    ]


def _synthetic(settings: Settings) -> list[Rule]:
    return [
        *_unique("key"),
        *_present("scene_id", "kind", "said_en", "said_cn"),
        *_subtask(),
        _within("strength", 0.0, 1.0),
        *_true("is_english", "is_chinese", "decodes", "truth_matches", "is_repeated"),
        *_true("photograph_is_of_its_split"),
    ]


def _training_set(settings: Settings) -> list[Rule]:
    splits = rule("ExpectColumnValuesToBeInSet", column="split", value_set=list(Split))
    return [
        *_unique("key"),
        *_present("group", "origin_partition", "origin_fingerprint", "origin_id"),
        *_subtask(),
        *_present("split"),
        splits,
        *_true("in_one_split", "held_out_only_in_test", "is_english", "is_chinese"),
        *_true("target_is_a_chain", "target_fits_kind", "two_pictures"),
    ]


def _preference(settings: Settings) -> list[Rule]:
    return [*_training_set(settings), *_true("rejected_is_another_chain")]


def _answers(settings: Settings) -> list[Rule]:
    return [
        *_unique("key"),
        *_present("verdict", "suspicion"),
        _within("confidence", 0.0, 1.0),
        _within("judged", 0.0, 10.0),
        *_true("is_a_test_pair", "all_are_answered"),
    ]


def _curve(settings: Settings) -> list[Rule]:
    return [
        *_present("step", "elapsed", "figure", "value"),
        *_true("is_finite", "version_is_whole"),
    ]


def _set_balance(settings: Settings) -> list[Rule]:
    return [_within("spread", 1.0, settings.checks.quota_factor)]


def _rates(settings: Settings) -> list[Rule]:
    return [
        _within("reject_share", 0.0, settings.checks.max_reject_rate),
        _within("failure_share", 0.0, settings.checks.max_failure_rate),
    ]


def _balance(settings: Settings) -> list[Rule]:
    return [_within("factor", 1.0, settings.checks.quota_factor)]


_SOUND: tuple[
    tuple[str, str, Callable[[Project, Manifest], pd.DataFrame], Callable[[Settings], list[Rule]]],
    ...,
] = (
    ("raw_images", "Ids, sizes, crop and hashes of photographs.", frames.raw_images, _raw_images),
    (
        "instructions",
        "Taxonomy, languages and 3-7 a photograph.",
        frames.instructions,
        _instructions,
    ),
    ("edits", "Ids, and the size of the source.", frames.edits, _edits),
    ("verified_edits", "Verdict, confidence and texts agree.", frames.verified, _verified),
    ("unicedit_10m", "Files, keys, schema and pictures of the release.", frames.release, _release),
    ("unicbench", "Keys, subtasks and reasoning points.", frames.unicbench, _unicbench),
    (
        "unicbench_edits",
        "Keys, and the size of the source.",
        frames.unicbench_edits,
        _unicbench_edits,
    ),
    ("unicbench_scores", "Scores within 0-10, overall recomputed.", frames.scores, _scores),
    (
        "synthetic_pairs",
        "Texts, truth by kind, and the same pair again from its seed.",
        frames.synthetic,
        _synthetic,
    ),
    (
        SFT,
        "No group in two splits, chains that parse and fit, two pictures a row.",
        verifier_frames.training_set,
        _training_set,
    ),
    (
        PREFERENCE,
        "As for supervised rows, and a rejected chain that differs.",
        verifier_frames.preference_set,
        _preference,
    ),
    *(
        (
            stage,
            "The curve has points, all of them numbers, and the version is as it was registered.",
            verifier_frames.curve,
            _curve,
        )
        for stage in (SUPERVISED, PREFERRED)
    ),
    (
        QwenVerifyEval.name,
        "Every test pair is answered once; confidences are shares.",
        verifier_frames.answers,
        _answers,
    ),
)

SUITES: tuple[Suite, ...] = (
    *(
        Suite(f"{stage}_sound", stage, True, description, frame, rules)
        for stage, description, frame, rules in _SOUND
    ),
    *(
        Suite(
            f"{stage}_conserved",
            stage,
            True,
            "Inputs = accepted + rejected + failed, in the counts and in the tables.",
            frames.conservation,
            lambda settings: _zero("unaccounted", "rows_off", "rejects_off"),
        )
        for stage, *_ in _SOUND
    ),
    *(
        Suite(
            f"{stage}_rates",
            stage,
            False,
            "Shares of rejected and failed rows are inside the configured bounds.",
            frames.conservation,
            _rates,
        )
        for stage, *_ in _SOUND
    ),
    Suite(
        "unicbench_scores_coverage",
        "unicbench_scores",
        False,
        "Of each subtask at least the configured share of the benchmark's samples was scored.",
        frames.score_coverage,
        _coverage,
    ),
    Suite(
        "instructions_balance",
        "instructions",
        False,
        "The most frequent subtask is at most the configured factor above the least frequent.",
        frames.balance,
        _balance,
    ),
    *(
        Suite(
            f"{stage}_balance",
            stage,
            False,
            "The largest kind and subtask is at most the configured factor above the median.",
            verifier_frames.balance,
            _set_balance,
        )
        for stage in (SFT, PREFERENCE)
    ),
)


def suites_of(stage: str) -> list[Suite]:
    """Return the suites of a stage."""
    return [suite for suite in SUITES if suite.stage == stage]
