"""What it means to train a verifier: the job, its examples, its outcome; who does it is a role.

The one who trains (``resources.qwen_verify``) is given rows of a training set and a folder of its
own to go on in; it knows nothing of partitions, stores or versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from unicedit_assets.domain.identity import Json
from unicedit_assets.qwen_verify.question import Example

SMALL = "small"
"""The base that needs no weights: a few million parameters, trained from scratch on a CPU."""

# The tables of ``TrainingSettings`` that each are a stage.
STAGES = ("sft", "preference")


class Method(StrEnum):
    """How a version was trained last."""

    SFT = "sft"
    DPO = "dpo"
    D2PO = "d2po"


class TrainingError(Exception):
    """A verifier cannot be trained as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Declared:
    """A training as somebody asked for it: a name, and what differs from the settings.

    Attributes:
        name: of the version that comes out; the supervised one is called ``NAME-sft``.
        base: ``small``, or a folder with a Qwen2.5-VL, a dense Qwen3-VL or a Qwen-Verify.
        method: of the preference stage; ``sft``: there is none.
        changed: dotted field of ``TrainingSettings`` -> value instead of the project's.
        sft_of: the training whose supervised version the preference stage begins with, so that
            methods are compared from the same start; empty: its own.
    """

    name: str
    base: str
    method: Method
    changed: Mapping[str, Json] = field(default_factory=dict)
    sft_of: str = ""

    @property
    def supervised(self) -> str:
        """The training whose supervised version the preference stage begins with."""
        return self.sft_of or self.name

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "base": self.base,
            "method": self.method.value,
            "changed": dict(self.changed),
            "sft_of": self.sft_of,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Declared:
        """Read what ``to_json`` wrote."""
        return cls(
            value["name"],
            value["base"],
            Method(value["method"]),
            dict(value["changed"]),
            value["sft_of"],
        )


def sft_name(name: str) -> str:
    """Return the name of a training's supervised version."""
    return f"{name}-sft"


@dataclass(frozen=True)
class CurvePoint:
    """One line of a training curve; figures by name, such as ``loss``."""

    step: int
    seconds: float
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Trained:
    """What a stage of training made.

    Attributes:
        folder: weights as safetensors, configuration, tokenizer; nothing else.
        curve: in the order of steps, earlier calls of a resumed training included.
    """

    folder: Path
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class TrainingJob:
    """One stage of training.

    Attributes:
        base: ``small``, or a folder: the base model, or for a preference stage the SFT version.
        examples: by index; a preference stage's all have a rejected chain.
        settings: a ``TrainingSettings`` as JSON.
        work: a folder of its own; what a call that was cut off left there is gone on with.
    """

    method: Method
    base: str
    examples: Sequence[Example]
    settings: Mapping[str, Json]
    work: Path


class VerifierTrainer(Protocol):
    """Whoever trains verifiers."""

    def base_identity(self, base: str) -> Mapping[str, Json]:
        """Return what a base model is, by content.

        Raises:
            TrainingError: there is no such base.
        """
        ...

    def defaults(self, base: str, minutes: float | None) -> Mapping[str, Json]:
        """Return the training settings that suit a base, dotted name -> value.

        Args:
            base: ``small`` or a folder.
            minutes: of all stages together; None: as long as that base needs.
        """
        ...

    def train(self, job: TrainingJob) -> Trained:
        """Carry out one stage; progress is shown on the terminal.

        Raises:
            TrainingError: it cannot be trained as asked.
        """
        ...
