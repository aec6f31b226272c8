"""A small lake with training sets and frozen test pairs, and verifiers good and bad to measure."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from backends import ScriptedVerifier, scripted_backends
from lakes import built_home, open_scripted
from planting import plant

from unicedit_assets.domain.roles import Pixels, Verdict
from unicedit_assets.pipeline.project import MAIN, Backends, Project
from unicedit_assets.pipeline.stage import Ref

PREFERENCE, TESTS = Ref("verify_preference_set", MAIN), Ref("verifier_tests", MAIN)

SMALL: Mapping[str, Any] = {
    "verifier_sets": {"validation": 0.0, "test": 0.5, "min_confidence": 0.0},
    "verifier_tests": {"per_photograph": 3, "chunk": 3},
}


class Gullible(ScriptedVerifier):
    """Believes every instruction, so that no failure is found."""

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        said = replace(super().verify(source, edited, en, cn), reason=None, is_changed=True)
        return replace(said, differences=("x",), rewritten_en=en, rewritten_cn=cn)


class Broken(ScriptedVerifier):
    """Answers nothing."""

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        raise RuntimeError("no answer")


def backends() -> Backends:
    """Return the scripted family with verifiers of known quality."""
    return replace(
        scripted_backends(),
        verifiers={
            "scripted-1": ScriptedVerifier("scripted-1"),
            "scripted-2": ScriptedVerifier("scripted-2"),
            "gullible-1": Gullible("gullible-1"),
            "broken-1": Broken("broken-1"),
        },
    )


def open_measured(home: Path) -> Project:
    """Open such a home."""
    return open_scripted(home, SMALL, backends=backends())


def measured_home(top: Path) -> Path:
    """Make such a home, once a session; people vouch for what the scripted lake holds."""
    home = top / "measured-home"
    if home.exists():
        return home
    draft = Path(shutil.copytree(built_home(top / "scripted-home"), top / "measured-draft"))
    project = open_measured(draft)
    project.run(PREFERENCE)

    def vouch(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["origin"] = "human"

    plant(project, PREFERENCE, vouch)
    project.run(TESTS)
    return Path(draft.rename(home))


def evaluate(project: Project, *names: str) -> None:
    """Measure some verifiers."""
    for name in names:
        project.run(Ref("qwen_verify_eval", name))
