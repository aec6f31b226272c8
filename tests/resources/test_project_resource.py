"""Opening a project: settings from its home, and one sentence for what cannot work."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.embedded import IdentityEditor, embedded_backends
from resources.project import ProjectResource, open_project
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.settings import SETTINGS_FILE, Settings, SettingsError


def test_a_home_without_settings_has_the_defaults_and_its_own_lake(tmp_path: Path) -> None:
    project = ProjectResource(home=str(tmp_path)).open()
    assert project.settings == Settings()
    assert project.ledger.store.url == str(tmp_path / "lake")


def test_changed_settings_count_at_the_next_opening(tmp_path: Path) -> None:
    resource = ProjectResource(home=str(tmp_path))
    assert resource.open().settings.shard_size == 2000
    (tmp_path / SETTINGS_FILE).write_text("shard_size = 5")
    assert resource.open().settings.shard_size == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[verified_edits]\nverifier = "nobody"', "no verifier 'nobody'; there are: evidence-"),
        ('[edits]\nfaults = {rate = 0.5, mix = {"no_edits" = 1.0}}', "the fault mix must weigh"),
    ],
)
def test_settings_that_no_backend_can_follow_are_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(SettingsError, match=told):
        open_project(tmp_path)


def test_the_embedded_family_covers_what_it_says() -> None:
    backends = embedded_backends(Settings())
    assert len(set(backends.subtasks)) >= 14
    assert set(backends.subtasks) <= set(SUBTASKS)
    assert Settings().verified_edits.verifier in backends.verifiers
    identities = [str(model.identity) for model in backends.models.values()]
    assert len(set(identities)) == len(identities)


def test_without_faults_the_pipeline_uses_the_plain_editor() -> None:
    plain = embedded_backends(Settings.model_validate({"edits": {"faults": {"rate": 0.0}}}))
    assert plain.editors["classical"].identity == plain.models["classical"].identity
    planted = embedded_backends(Settings())
    assert planted.editors["classical"].identity != planted.models["classical"].identity


def test_the_identity_changes_nothing_and_shares_nothing() -> None:
    import numpy as np

    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    edited = IdentityEditor().edit(picture, "anything", 1).pixels
    assert (edited == picture).all()
    assert not np.shares_memory(edited, picture)
