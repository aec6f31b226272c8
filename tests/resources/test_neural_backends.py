"""The neural profile: who plays which role, and what is told when the settings cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resources.embedded import embedded_backends
from resources.neural import neural_backends
from resources.project import open_project
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.settings import Settings, SettingsError

EDITOR = {"kind": "openai-images", "model": "edit-1", "base_url": "http://127.0.0.1:9/v1"}
MODEL = {"kind": "flux-kontext", "model": "/models/flux"}
EYES = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}


def settings(**changes: Any) -> Settings:
    base: dict[str, Any] = {"profile": "neural", "editors": {"remote": EDITOR}}
    return Settings.model_validate({**base, **changes})


def test_without_roles_everybody_but_the_editor_is_embedded() -> None:
    backends, embedded = neural_backends(settings()), embedded_backends(Settings())
    assert set(backends.editors) == {"remote"}
    assert set(backends.models) == {"remote", "identity"}
    assert backends.subtasks == embedded.subtasks
    for name in ("instructor", "judge"):
        assert getattr(backends, name).identity == getattr(embedded, name).identity


def test_a_vlm_plays_each_role_that_names_it() -> None:
    roles = {"instructor": "eyes", "judge": "eyes", "verifiers": {"eyes-1": "eyes"}}
    backends = neural_backends(settings(vlms={"eyes": EYES}, roles=roles))
    assert backends.subtasks == SUBTASKS
    for player in (backends.instructor, backends.judge, backends.verifiers["eyes-1"]):
        assert "m" in json.dumps(player.identity["vlm"])
    assert "evidence-1" in backends.verifiers


def test_the_second_question_is_part_of_the_verifiers_identity() -> None:
    found = []
    for entailment in (False, True):
        roles = {"verifiers": {"eyes-1": "eyes"}, "entailment": entailment}
        backends = neural_backends(settings(vlms={"eyes": EYES}, roles=roles))
        found.append(json.dumps(backends.verifiers["eyes-1"].identity))
    assert found[0] != found[1]


def test_the_benchmark_scores_the_classical_editor_without_planted_faults() -> None:
    backends = neural_backends(settings(editors={"plain": {"kind": "classical"}}))
    assert backends.editors["plain"].identity != backends.models["plain"].identity
    assert backends.models["plain"].identity["name"] == "classical"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"editors": {}}, "add an [editors.NAME]"),
        ({"roles": {"judge": "nobody"}}, "no VLM 'nobody'; there are: embedded"),
        (
            {"vlms": {"eyes": EYES}, "roles": {"verifiers": {"evidence-1": "eyes"}}},
            "'evidence-1' is an embedded version's name",
        ),
        ({"verified_edits": {"verifier": "eyes-9"}}, "no verifier 'eyes-9'"),
    ],
)
def test_settings_that_cannot_be_used_are_told_in_one_sentence(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        open_project(tmp_path, settings(**changes))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
