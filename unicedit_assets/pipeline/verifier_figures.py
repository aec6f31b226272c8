"""From answers and truth to the table: figures of every evaluated verifier, and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.qwen_verify.claims import Language
from unicedit_assets.qwen_verify.evaluation import (
    DEFINITION,
    Marks,
    Prediction,
    Truth,
    failed,
    mark,
)
from unicedit_assets.qwen_verify.figures import Figures, by_test
from unicedit_assets.storage.manifests import Manifest

_TRUTH = {"verdict": "verdict", "en": "true_en", "cn": "true_cn"}
_SAME = ("key", "kind", "subtask", "cluster", "test", "is_changed")


@dataclass(frozen=True)
class Evaluated:
    """One verifier's evaluation.

    Attributes:
        name: a version, or a baseline.
        fingerprint: of the partition with its answers.
        tests: fingerprint of the pairs; only equal ones can be compared.
        figures: test set -> figures; ``all`` holds them all together.
        fit: what a baseline's threshold was fitted to; empty for others.
    """

    name: str
    fingerprint: str
    tests: str
    figures: Mapping[str, Figures]
    fit: Json

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON, with what the score means."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "tests": self.tests,
            "score": DEFINITION,
            "fit": self.fit,
            "figures": {name: found.to_json() for name, found in self.figures.items()},
        }


def truths(project: Project) -> dict[str, Truth]:
    """Return key -> truth of every test pair, in their order."""
    manifest = project.require(Ref(VerifierTests.name, MAIN))
    columns = [*_SAME, *_TRUTH.values(), "language"]
    rows = project.ledger.read(manifest, schemas.ROWS, columns).to_pylist()
    return {
        row["key"]: Truth(
            **{name: row[name] for name in _SAME},
            **{name: row[column] for name, column in _TRUTH.items()},
            language=Language(row["language"]),
        )
        for row in rows
    }


def marks_of(project: Project, manifest: Manifest) -> list[Marks]:
    """Mark one verifier's answers; a pair that it could not answer is marked as such."""
    rows = project.ledger.read(manifest, schemas.ROWS).to_pylist()
    said = {row["key"]: Prediction(**row) for row in rows}
    lost = project.ledger.read(manifest, schemas.REJECTS, ["unit_id"])["unit_id"].to_pylist()
    said |= {key: failed(key, 0.0) for key in lost}
    return [mark(truth, said[key]) for key, truth in truths(project).items()]


def marks_of_verifier(project: Project, name: str) -> list[Marks] | None:
    """Return the marks of a verifier's up-to-date answers; None where it was not measured yet."""
    manifest = project.find(Ref(QwenVerifyEval.name, name))
    return None if manifest is None else marks_of(project, manifest)


def evaluated(project: Project, name: str) -> Evaluated | None:
    """Return the up-to-date evaluation of a verifier; None where it was not measured yet."""
    manifest = project.find(Ref(QwenVerifyEval.name, name))
    if manifest is None:
        return None
    marks = marks_of(project, manifest)
    if not marks:
        return None
    return Evaluated(
        name=name,
        fingerprint=manifest.fingerprint,
        tests=manifest.inputs[f"{VerifierTests.name}/{MAIN}"],
        figures=by_test(marks),
        fit=manifest.extra.get("fit"),
    )


def all_evaluated(project: Project) -> list[Evaluated]:
    """Return every verifier's evaluation that is up to date, baselines first."""
    names = [ref.partition for ref in project.refs(QwenVerifyEval.name)]
    return [found for name in names if (found := evaluated(project, name))]
