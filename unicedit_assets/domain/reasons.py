"""Why a row did not go on: one enum for the whole pipeline, and which stage may give which reason.

A row that leaves the pipeline is *rejected* when a gate decided so, and *failed* when our own
machinery (a decoder, an editor, a judge) could not do its work. Both are kept as rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """What became of one unit of work."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"


class Reason(StrEnum):
    """Every reason a row can leave the pipeline for."""

    # raw_images
    NOT_A_FILE = "not_a_file"
    OUTSIDE_ROOT = "outside_root"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    UNDECODABLE = "undecodable"
    ANIMATED = "animated"
    TOO_SMALL = "too_small"
    BOMB = "bomb"
    OVER_CROPPED = "over_cropped"
    DUPLICATE = "duplicate"
    LOW_AESTHETIC = "low_aesthetic"
    UNSAFE = "unsafe"
    # instructions
    UNPARSEABLE = "unparseable"
    OFF_TAXONOMY = "off_taxonomy"
    WRONG_LANGUAGE = "wrong_language"
    INFEASIBLE = "infeasible"
    INSTRUCTOR_FAILED = "instructor_failed"
    # edits
    EDITOR_FAILED = "editor_failed"
    BLANK = "blank"
    WRONG_SIZE = "wrong_size"
    # verified_edits
    NO_EDIT = "no_edit"
    MISALIGNED = "misaligned"
    DEGRADED = "degraded"
    SHIFTED = "shifted"
    COLLATERAL = "collateral"
    VERIFIER_FAILED = "verifier_failed"
    # unicedit_10m
    OVER_QUOTA = "over_quota"
    CONTAMINATED = "contaminated"
    # unicbench_scores
    UNSCORED = "unscored"
    # training sets and test pairs of verifiers
    OVER_CAP = "over_cap"
    UNUSABLE = "unusable"


FAILURES: frozenset[Reason] = frozenset(
    {
        Reason.UNREADABLE,
        Reason.INSTRUCTOR_FAILED,
        Reason.EDITOR_FAILED,
        Reason.VERIFIER_FAILED,
        Reason.UNSCORED,
    }
)

# Photographs and lists of the benchmark go through the same stages.
_INSTRUCTION_REASONS = frozenset(
    {
        Reason.UNPARSEABLE,
        Reason.OFF_TAXONOMY,
        Reason.WRONG_LANGUAGE,
        Reason.DUPLICATE,
        Reason.INFEASIBLE,
        Reason.INSTRUCTOR_FAILED,
    }
)
_EDIT_REASONS = frozenset({Reason.EDITOR_FAILED, Reason.BLANK, Reason.WRONG_SIZE})
_SET_REASONS = frozenset({Reason.OVER_CAP, Reason.UNUSABLE, Reason.DUPLICATE, Reason.CONTAMINATED})

STAGE_REASONS: Mapping[str, frozenset[Reason]] = MappingProxyType(
    {
        "raw_images": frozenset(
            {
                Reason.NOT_A_FILE,
                Reason.OUTSIDE_ROOT,
                Reason.UNREADABLE,
                Reason.CHANGED,
                Reason.UNDECODABLE,
                Reason.ANIMATED,
                Reason.TOO_SMALL,
                Reason.BOMB,
                Reason.OVER_CROPPED,
                Reason.DUPLICATE,
                Reason.LOW_AESTHETIC,
                Reason.UNSAFE,
            }
        ),
        "instructions": _INSTRUCTION_REASONS,
        "edits": _EDIT_REASONS,
        "verified_edits": frozenset(
            {
                Reason.NO_EDIT,
                Reason.MISALIGNED,
                Reason.DEGRADED,
                Reason.SHIFTED,
                Reason.COLLATERAL,
                Reason.UNPARSEABLE,
                Reason.VERIFIER_FAILED,
            }
        ),
        "unicedit_10m": frozenset({Reason.DUPLICATE, Reason.OVER_QUOTA, Reason.CONTAMINATED}),
        "unicbench": _INSTRUCTION_REASONS
        | {Reason.UNREADABLE, Reason.UNDECODABLE, Reason.ANIMATED, Reason.BOMB},
        "unicbench_edits": _EDIT_REASONS,
        "unicbench_scores": frozenset({Reason.UNSCORED}),
        # Drawn from a seed: nothing can be wrong with a row but our code, which fails the run.
        "synthetic_pairs": frozenset(),
        "verify_sft_set": _SET_REASONS,
        "verify_preference_set": _SET_REASONS,
        "verifier_tests": frozenset({Reason.UNUSABLE}),
        "qwen_verify_sft": frozenset(),
        "qwen_verify": frozenset(),
        "qwen_verify_eval": frozenset({Reason.VERIFIER_FAILED}),
    }
)


def outcome_of(reason: Reason) -> Outcome:
    """Return whether a row with this reason was rejected by a gate or failed in our hands."""
    return Outcome.FAILED if reason in FAILURES else Outcome.REJECTED
