"""A verifier whose answers the prompt dictates; importable from worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import numpy as np

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels, Verdict


class Scripted:
    """Accepts what changed; ``raise``, ``die`` and ``nan`` in the English text do as they say."""

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
