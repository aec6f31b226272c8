"""Settings: every field is classed, identity fields count and runtime fields do not."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from backends import write_photographs
from lakes import open_scripted, prepared, reopened
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from resources.embedded import embedded_backends
from unicedit_assets.pipeline.pending import EVERYTHING, PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.settings import (
    SETTINGS_FILE,
    Settings,
    SettingsError,
    StageSettings,
    settings_text,
    tables,
    with_value,
)


def role_of(info: FieldInfo) -> object:
    return (
        (info.json_schema_extra or {}).get("role")
        if isinstance(info.json_schema_extra, dict)
        else None
    )


def kinds_in(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and everything inside it, such as dict[str, Annotated[A | B, ...]]."""
    yield annotation
    for inner in get_args(annotation):
        yield from kinds_in(inner)


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and every model below it."""
    yield model
    for info in model.model_fields.values():
        for kind in kinds_in(info.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from models_in(kind)


FIELDS = {
    f"{model.__name__}.{name}": info
    for model in models_in(Settings)
    for name, info in model.model_fields.items()
    if not (isinstance(info.annotation, type) and issubclass(info.annotation, StageSettings))
}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_classed_and_described(name: str) -> None:
    assert role_of(FIELDS[name]) in ("identity", "runtime"), f"class {name}"
    assert FIELDS[name].description


def test_nested_fields_are_seen() -> None:
    assert {"FaultSettings.rate", "EditsSettings.faults", "Settings.workers"} <= set(FIELDS)
    assert {"FluxKontextEditor.steps", "LoraSettings.scale", "EndpointEditor.model"} <= set(FIELDS)


# Another value for each identity field, and the first stage that it must reach.
IDENTITY: dict[str, tuple[Any, str]] = {
    "raw_images.max_pixels": (1_000_000, "raw_images"),
    "raw_images.min_side": (300, "raw_images"),
    "raw_images.max_crop": (0.3, "raw_images"),
    "raw_images.duplicate_distance": (3, "raw_images"),
    "raw_images.min_sharpness": (1.0, "raw_images"),
    "raw_images.min_entropy": (1.0, "raw_images"),
    "raw_images.safety": ("opennsfw", "raw_images"),
    "raw_images.max_unsafe": (0.7, "raw_images"),
    "raw_images.licence": ("CC0", "raw_images"),
    "instructions.per_image": (5, "instructions"),
    "instructions.quotas": ({"Lens Zooming": 1.0}, "instructions"),
    "instructions.seed": (1, "instructions"),
    "edits.language": ("cn", "edits"),
    "edits.seed": (1, "edits"),
    "verified_edits.verifier": ("scripted-2", "verified_edits"),
    "unicedit_10m.max_per_subtask": (9, "unicedit_10m"),
    "unicedit_10m.rows_per_file": (9, "unicedit_10m"),
    "unicedit_10m.row_group_bytes": (9, "unicedit_10m"),
    "unicedit_10m.duplicate_distance": (3, "unicedit_10m"),
    "unicbench.per_image": (3, "unicbench"),
    "unicbench.seed": (1, "unicbench"),
    "synthetic_pairs.rows": (9, "synthetic_pairs"),
    "synthetic_pairs.side": (96, "synthetic_pairs"),
    "synthetic_pairs.style": ("plain", "synthetic_pairs"),
    "synthetic_pairs.subtasks": (["Color Alteration"], "synthetic_pairs"),
    "synthetic_pairs.kinds": (["normal", "no_edit"], "synthetic_pairs"),
    "synthetic_pairs.held_out": (0.1, "synthetic_pairs"),
    "synthetic_pairs.backgrounds": (3, "synthetic_pairs"),
    "synthetic_pairs.vague": (0.5, "synthetic_pairs"),
    "synthetic_pairs.seed": (1, "synthetic_pairs"),
    "verifier_sets.origins": (["pipeline"], "verify_sft_set"),
    "verifier_sets.sft_kinds": (["normal"], "verify_sft_set"),
    "verifier_sets.validation": (0.2, "verify_sft_set"),
    "verifier_sets.test": (0.2, "verify_sft_set"),
    "verifier_sets.most_per_cell": (9, "verify_sft_set"),
    "verifier_sets.most_over_median": (9.0, "verify_sft_set"),
    "verifier_sets.min_confidence": (0.9, "verify_sft_set"),
    "verifier_tests.most": (9, "qwen_verify_eval"),
    "verifier_tests.per_photograph": (9, "qwen_verify_eval"),
    "verifier_tests.seed": (1, "qwen_verify_eval"),
    "verifier_tests.fitted_on": (9, "qwen_verify_eval"),
    "verifier_tests.judged": (True, "qwen_verify_eval"),
}

CHUNKED = (*PIPELINE, "synthetic_pairs", "verifier_sets", "verifier_tests", "checks")

RUNTIME: dict[str, Any] = {
    "lake": "elsewhere",
    "source": "elsewhere",
    "shard_size": 77,
    "holdout": 3,
    "workers": 5,
    "engine": "ray",
    "ray": {"actors": 3, "retries": 7},
    "gpu": {"wait": 1.0, "shared": True},
    "roles": {"judge": "somebody"},
    "subject_model": "elsewhere",
    **{f"{stage}.chunk": 77 for stage in CHUNKED},
    "verifier_sets.annotations": ".",
    "synthetic_pairs.shards": 3,
    "raw_images.max_unreadable": 0.9,
    "checks.max_reject_rate": 0.11,
    "checks.max_failure_rate": 0.011,
    "checks.min_coverage": 0.5,
    "checks.quota_factor": 7.0,
}

# These reach the fingerprints through the backends that they configure.
BY_BACKEND = {
    "profile",
    "subject",
    "editors",
    "vlms",
    "edits.faults",
    "unicbench_edits.planted_rate",
    "training",  # through the trainings that were declared; see tests/pipeline
}

# These do by what lies there: see test_unicbench_list.py and test_synthetic_pairs.py.
BY_CONTENT = {"unicbench.list", "unicbench.sources", "synthetic_pairs.cutouts"}


def dotted(role: str) -> set[str]:
    """Return all fields of a role as they are named in unicedit.toml."""
    found = set()
    for name, info in Settings.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, StageSettings):
            found |= {f"{name}.{n}" for n, i in kind.model_fields.items() if role_of(i) == role}
        elif role_of(info) == role:
            found.add(name)
    return found


def nested(name: str, value: Any) -> dict[str, Any]:
    stage, _, field = name.rpartition(".")
    return {stage: {field: value}} if stage else {field: value}


def fingerprints(project: Project) -> dict[str, str]:
    refs = {stage: project.refs(stage) for stage in EVERYTHING}
    refs["synthetic_pairs"] = [Ref("synthetic_pairs", "y00000")]
    return {stage: project.spec(found[0]).fingerprint for stage, found in refs.items() if found}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    top = tmp_path_factory.mktemp("settings")
    return prepared(open_scripted(top), write_photographs(top / "photographs", range(5)))


def test_the_tables_here_name_every_field() -> None:
    assert set(IDENTITY) | BY_BACKEND | BY_CONTENT == dotted("identity")
    assert set(RUNTIME) == dotted("runtime")


@pytest.mark.parametrize("name", IDENTITY)
def test_an_identity_field_changes_its_stage_and_none_before(project: Project, name: str) -> None:
    value, first = IDENTITY[name]
    before, after = fingerprints(project), fingerprints(reopened(project, nested(name, value)))
    changed = [stage for stage in before if before[stage] != after[stage]]
    order = [stage for stage in EVERYTHING if stage in changed]
    assert first in changed
    assert order[0] == first


@pytest.mark.parametrize("name", RUNTIME)
def test_a_runtime_field_changes_no_fingerprint(project: Project, name: str) -> None:
    before = fingerprints(project)
    after = fingerprints(reopened(project, nested(name, RUNTIME[name])))
    if name == "synthetic_pairs.shards":
        # More pairs are other inputs of what is made from all of them, like new photographs.
        before, after = ({s: f[s] for s in (*PIPELINE, "synthetic_pairs")} for f in (before, after))
    assert after == before


@pytest.mark.parametrize(
    ("changes", "stage", "partition"),
    [
        ({"edits": {"faults": {"rate": 0.5}}}, "edits", "s00000/classical"),
        ({"edits": {"faults": {"rate": 0.0}}}, "edits", "s00000/classical"),
        ({"edits": {"faults": {"mix": {"no_edit": 1.0}}}}, "edits", "s00000/classical"),
        ({"unicbench_edits": {"planted_rate": 0.5}}, "unicbench_edits", "classical-faulty/en"),
    ],
)
def test_fault_settings_reach_the_fingerprint_of_the_editor_that_plants_them(
    project: Project, changes: dict[str, Any], stage: str, partition: str
) -> None:

    found = set()
    for each in ({}, changes):
        settings = Settings.model_validate(
            {
                **each,
                "verified_edits": {"verifier": next(iter(embedded_backends(Settings()).verifiers))},
            }
        )
        embedded = replace(
            project, settings=settings, backends=embedded_backends(settings), _specs={}
        )
        found.add(embedded.spec(Ref(stage, partition)).fingerprint)
    assert len(found) == 2


def test_the_written_file_is_read_back_and_shows_every_field(tmp_path: Path) -> None:
    changed = {"shard_size": 7, "raw_images.licence": 'CC "0"', "edits.faults": {"rate": 0.5}}
    text = settings_text(changed)
    (tmp_path / "unicedit.toml").write_text(text)
    settings = Settings.load(tmp_path)
    assert settings.shard_size == 7
    assert settings.raw_images.licence == 'CC "0"'
    assert settings.edits.faults.rate == 0.5
    for name in dotted("identity") | dotted("runtime"):
        field = name.rpartition(".")[2]
        assert f"{field} = " in text or f"[{field}]" in text


def test_each_kind_of_editor_and_model_can_be_copied_out_of_what_is_shown() -> None:
    for family in ("editors", "vlms"):
        for number, text in enumerate(tables()[family].split("\n\n")):
            filled = text.replace("NAME", f"n{number}")
            for field, value in {"model": "m", "base_url": "http://127.0.0.1:1/v1"}.items():
                filled = filled.replace(f"{field} =  # must be given", f'{field} = "{value}"')
            assert "must be given" not in filled
            (made,) = getattr(Settings.model_validate(tomllib.loads(filled)), family).values()
            named = [line for line in text.splitlines() if line.removeprefix("# ")[:1].islower()]
            for field in type(made).model_fields:
                assert any(line.removeprefix("# ").startswith(f"{field} =") for line in named)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "shard_size = 3\n",
        "[edits]\nseed = 3\n[synthetic_pairs]\nrows = 5\n[checks]\n",
        "[synthetic_pairs]",
        "[synthetic_pairs]\n# shards = 0\nshards = 2\n",
        settings_text({"edits.seed": 3}),
        settings_text({"synthetic_pairs.shards": 3}),
    ],
)
def test_one_value_is_set_and_the_rest_stays(before: str) -> None:
    after = with_value(before, "synthetic_pairs", "shards", 7)
    expected = tomllib.loads(before)
    expected.setdefault("synthetic_pairs", {})["shards"] = 7
    assert tomllib.loads(after) == expected
    assert with_value(after, "synthetic_pairs", "shards", 7) == after


def test_the_defaults_in_the_file_are_the_defaults(tmp_path: Path) -> None:
    text = settings_text({})
    (tmp_path / "unicedit.toml").write_text(text)
    assert Settings.load(tmp_path) == Settings()
    # Uncommented, they say the same.
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    lines = [line for line in lines if not line.endswith("# none")]
    lines = ["" if line.startswith("#") else line for line in lines]
    (tmp_path / "unicedit.toml").write_text("\n".join(lines))
    assert Settings.load(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shard_size = ", "is not TOML"),
        ("shards = 3", "shards: Extra inputs"),
        ("shard_size = 0", "shard_size: Input should be greater"),
        ("[instructions]\nper_image = 9", "instructions.per_image: Input should be less"),
        ('[instructions]\nquotas = {"Colour" = 1.0}', "quotas: not a subtask: 'Colour'"),
        ('[instructions]\nquotas = {"Lens Zooming" = -1.0}', "weights are at least 0"),
        ('[instructions]\nquotas = {"Lens Zooming" = 0.0}', "one is positive"),
        ("[edits]\nfaults = {rate = 2.0}", "edits.faults.rate: Input should be less"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "unicedit.toml").write_text(text)
    with pytest.raises(SettingsError, match=SETTINGS_FILE.replace(".", "[.]")) as caught:
        Settings.load(tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_annotations_lie_below_the_home_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unicedit.toml").write_text('[verifier_sets]\nannotations = "people"\n')
    monkeypatch.chdir("/")
    found = Settings.load(tmp_path).verifier_sets.annotations
    assert found == str(tmp_path / "people")
