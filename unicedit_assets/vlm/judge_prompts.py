"""The judge's questions: our own texts, or a folder of somebody else's for the same protocol.

A folder holds one file for each of the four metrics, ``judge_METRIC.yaml`` (or ``METRIC.yaml``) as
ours, with ``system`` and ``text``; or plain ``METRIC.txt``, which is the text alone. Slots in the
text: ``$prompt`` is the instruction and ``$points`` the reasoning points (reasoning accuracy only),
both quoted as JSON; a dollar sign itself is ``$$``. ``reply.yaml`` may say under which keys the
reply holds grade and reason: ``score: score`` and ``reason: reasoning`` where it is absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from typing import Any

import yaml

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.domain.unicbench import HIGHEST, METRICS
from unicedit_assets.vlm.prompting import TEXT, json_object, prompt, quoted
from unicedit_assets.vlm.roles import Question

JUDGED = METRICS[:-1]
_REASONING = "reasoning_accuracy"
_SLOTS = frozenset({"prompt", "points"})

# Asked for in halves: a weak model that may write any number never ends its decimals.
_HALVES = [half // 2 if half % 2 == 0 else half / 2 for half in range(2 * int(HIGHEST) + 1)]


class PromptsError(ValueError):
    """A folder of prompts cannot be used; the message says which file and why."""


@dataclass(frozen=True)
class ReplyKeys:
    """Under which keys a reply holds the grade and its reason."""

    score: str = "score"
    reason: str = "reasoning"

    @cached_property
    def asked(self) -> Mapping[str, Json]:
        """The schema of what is asked for."""
        halves: Mapping[str, Json] = {"type": "number", "enum": _HALVES}
        return json_object(**{self.reason: TEXT, self.score: halves})

    @cached_property
    def read(self) -> Mapping[str, Json]:
        """The schema of what is read: any number of the scale, since servers may not keep to it."""
        scale: Mapping[str, Json] = {"type": "number", "minimum": 0, "maximum": int(HIGHEST)}
        return json_object(**{self.reason: TEXT, self.score: scale})


@dataclass(frozen=True)
class MetricPrompt:
    """One metric's question; ``sha256`` is of the file's bytes."""

    system: str
    text: str
    sha256: str


@dataclass(frozen=True)
class JudgePrompts:
    """The questions of all four metrics."""

    prompts: Mapping[str, MetricPrompt]
    keys: ReplyKeys = ReplyKeys()

    @property
    def sha256(self) -> str:
        """One hash for all of them."""
        hashes = [self.prompts[metric].sha256 for metric in JUDGED]
        keys = [] if self.keys == ReplyKeys() else [self.keys.score, self.keys.reason]
        return hashlib.sha256("".join([*hashes, *keys]).encode()).hexdigest()

    def question(
        self,
        metric: str,
        images: Sequence[Pixels],
        instruction: str,
        points: Sequence[str],
        **how: Any,
    ) -> Question:
        """Return the question of one metric on a source and its edit.

        Args:
            how: further fields of the question.
        """
        chosen = self.prompts[metric]
        slots = {
            "prompt": quoted(instruction),
            "points": "\n".join(f"- {quoted(point)}" for point in points),
        }
        return Question(
            name=f"judge_{metric}",
            system=chosen.system,
            images=tuple(images),
            text=Template(chosen.text).substitute(slots).strip(),
            schema=self.keys.asked,
            **how,
        )


def shipped_prompts() -> JudgePrompts:
    """Return our own questions."""
    found = {}
    for metric in JUDGED:
        ours = prompt(f"judge_{metric}")
        found[metric] = MetricPrompt(ours.data["system"].strip(), ours.data["text"], ours.sha256)
    return JudgePrompts(found)


def prompts_in(folder: Path) -> JudgePrompts:
    """Return the questions of a folder.

    Raises:
        PromptsError: a file is missing or not as described above.
    """
    return JudgePrompts({metric: _metric(folder, metric) for metric in JUDGED}, _keys(folder))


def _metric(folder: Path, metric: str) -> MetricPrompt:
    names = (f"judge_{metric}.yaml", f"{metric}.yaml", f"{metric}.txt")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise PromptsError(f"{folder} has no {' or '.join(names)}")
    raw = _bytes(path)
    data = _yaml(path, raw) if path.suffix == ".yaml" else {"text": _text(path, raw)}
    system, text = data.get("system", ""), data.get("text")
    if not isinstance(system, str) or not isinstance(text, str):
        raise PromptsError(f"{path}: `system` and `text` must be texts")
    _check_slots(path, metric, text)
    return MetricPrompt(system.strip(), text, hashlib.sha256(raw).hexdigest())


def _check_slots(path: Path, metric: str, text: str) -> None:
    template = Template(text)
    slots = set(template.get_identifiers())
    needed = _SLOTS if metric == _REASONING else {"prompt"}
    if not template.is_valid() or slots - _SLOTS:
        wrong = ", ".join(f"${name}" for name in sorted(slots - _SLOTS)) or "a lone $"
        raise PromptsError(f"{path}: {wrong} is no slot; there are $prompt and $points, and $$")
    if needed - slots:
        missing = ", ".join(f"${name}" for name in sorted(needed - slots))
        raise PromptsError(f"{path}: the text lacks {missing}")


def _keys(folder: Path) -> ReplyKeys:
    path = folder / "reply.yaml"
    if not path.is_file():
        return ReplyKeys()
    data = _yaml(path, _bytes(path))
    keys = [data.get("score", "score"), data.get("reason", "reasoning")]
    known = set(data) <= {"score", "reason"} and all(isinstance(k, str) and k for k in keys)
    if not known or keys[0] == keys[1]:
        raise PromptsError(f"{path}: it names the two keys `score` and `reason`, which differ")
    return ReplyKeys(*keys)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PromptsError(f"{path} cannot be read: {error.strerror}") from error


def _text(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptsError(f"{path} is not UTF-8: {error}") from error


def _yaml(path: Path, raw: bytes) -> Mapping[str, Any]:
    try:
        data = yaml.safe_load(_text(path, raw))
    except yaml.YAMLError as error:
        raise PromptsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise PromptsError(f"{path} is not a table of fields")
    return data
