"""A verifier whose answers the prompt dictates; importable from worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels, Verdict

VERDICTS: Mapping[str, Callable[[Verdict], Any]] = {
    "nothing": lambda verdict: None,
    "reason": lambda verdict: replace(verdict, reason=Reason.BOMB),
    "acceptance": lambda verdict: replace(verdict, reason=None, differences=()),
    "text": lambda verdict: replace(verdict, rewritten_en="\ud800"),
    "region": lambda verdict: replace(verdict, regions=((0.0, float("nan"), 1.0, 1.0),)),
    "evidence": lambda verdict: replace(verdict, evidence={"mean": float("inf")}),
    "language": lambda verdict: replace(verdict, rewritten_en="全部改变"),
    "numbers": lambda verdict: replace(
        verdict,
        is_changed=np.True_,
        confidence=np.float32(0.5),
        evidence={"threads": np.int64(cv2.getNumThreads())},
    ),
}


class Scripted:
    """Accepts what changed; some words in the English text make it misbehave as they say."""

    def __init__(self, version: str = "1", most: int | None = None) -> None:
        self.version, self.left = version, most

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"model": "scripted", "version": self.version}

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        if self.left is not None:
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
        if "raise" in en:
            raise RuntimeError("no answer\nat all")
        if "die" in en:
            os.kill(os.getpid(), signal.SIGKILL)
        if "odd" in en:
            verdict = self._verdict(source, edited, en, cn)
            misdeed = en.removeprefix("odd ")
            return VERDICTS[misdeed](verdict)
        return self._verdict(source, edited, en, cn)

    @staticmethod
    def _verdict(source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        changed = bool((source != edited).any())
        return Verdict(
            reason=None if changed else Reason.NO_EDIT,
            is_changed=changed,
            confidence=float("nan") if "nan" in en else 0.75,
            source_caption="noise",
            edit_caption="noise",
            differences=("all of it",) if changed else (),
            rewritten_en="Change everything" if changed else "",
            rewritten_cn=f"全部改变 {cn}" if changed else "",
            evidence={"mean": float(np.abs(source.astype(int) - edited).mean())},
        )
