"""What the report calls things: stages, their units, and what each reason means to a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from unicedit_assets.domain.reasons import Reason


@dataclass(frozen=True)
class StageWords:
    """How a stage is named to a reader.

    Attributes:
        unit: what one input of the stage is, plural.
        does: what the stage does, as half a sentence.
    """

    title: str
    unit: str
    does: str


STAGES: Mapping[str, StageWords] = MappingProxyType(
    {
        "raw_images": StageWords(
            "Photographs taken in", "source files", "decoded, turned upright and cropped"
        ),
        "instructions": StageWords(
            "Instructions written", "instructions", "written in English and Chinese"
        ),
        "unicbench": StageWords(
            "Benchmark samples", "samples", "taken from a list or frozen from held-out photographs"
        ),
        "edits": StageWords("Edits made", "instructions", "carried out on the photograph"),
        "verified_edits": StageWords(
            "Edits verified", "edits", "judged from the two pictures and the text alone"
        ),
        "unicedit_10m": StageWords(
            "Pairs released", "accepted edits", "published, duplicates left out"
        ),
        "unicbench_edits": StageWords(
            "Benchmark edits made", "samples", "carried out by each model in each language"
        ),
        "unicbench_scores": StageWords(
            "Benchmark samples scored", "samples", "judged, for each model and language"
        ),
    }
)

MEANINGS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NOT_A_FILE: "The name belongs to no regular file.",
        Reason.OUTSIDE_ROOT: "A link leads out of the registered folder.",
        Reason.UNREADABLE: "The file could not be read.",
        Reason.CHANGED: "The file is no longer the one that was registered.",
        Reason.UNDECODABLE: "The bytes are no picture that decodes.",
        Reason.ANIMATED: "The picture has several frames.",
        Reason.TOO_SMALL: "The shorter side is below the limit.",
        Reason.BOMB: "The header announces more pixels than are safe to decode.",
        Reason.OVER_CROPPED: "Too much would be cropped away to reach a preferred resolution.",
        Reason.DUPLICATE: "The same, or nearly the same, came earlier.",
        Reason.LOW_AESTHETIC: "The aesthetic score is below the limit.",
        Reason.UNSAFE: "The safety score is above the limit.",
        Reason.UNPARSEABLE: "The answer, or the instruction, could not be read.",
        Reason.OFF_TAXONOMY: "The subtask is not one of the 22.",
        Reason.WRONG_LANGUAGE: "A text is not in the language it should be in.",
        Reason.INFEASIBLE: "The photograph does not offer what the instruction needs.",
        Reason.INSTRUCTOR_FAILED: "The instructor itself failed.",
        Reason.EDITOR_FAILED: "The editor could not carry the instruction out.",
        Reason.BLANK: "The edited picture is empty, or nearly one colour.",
        Reason.WRONG_SIZE: "The edited picture is not of the source's size.",
        Reason.NO_EDIT: "Nothing changed that a person would call an edit.",
        Reason.MISALIGNED: "Something changed, but not what the instruction says.",
        Reason.DEGRADED: "The edit damaged the picture: blur, blocks, noise or blackness.",
        Reason.SHIFTED: "The whole picture moved or was scaled beside the edit.",
        Reason.COLLATERAL: "Something changed that the instruction does not speak of.",
        Reason.VERIFIER_FAILED: "The verifier itself failed.",
        Reason.OVER_QUOTA: "The subtask had its share already.",
        Reason.CONTAMINATED: "The photograph is, or nearly is, one of the benchmark's.",
        Reason.UNSCORED: "The judge gave no full score; this counts as no score, never as zero.",
        Reason.OVER_CAP: "Its kind and subtask had their share of the training set already.",
        Reason.UNUSABLE: "Nothing certain can be learnt or measured from it.",
    }
)


def stage_words(stage: str) -> StageWords:
    """Return the words for a stage; an unknown one is called by its name."""
    return STAGES.get(stage, StageWords(stage, "inputs", ""))


def meaning(reason: str) -> str:
    """Return what a reason means, or nothing when it is unknown."""
    return MEANINGS.get(Reason(reason), "") if reason in set(Reason) else ""
