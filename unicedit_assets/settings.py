"""The settings of a project: one frozen model a stage, read from ``unicedit.toml``.

Each field is *identity* (it can change what a stage produces, so it enters the fingerprint) or
*runtime* (it cannot: workers, chunk sizes). A test holds that no field is left unclassed.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unicedit_assets.domain.duplicates import MAX_DISTANCE
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.taxonomy import SUBTASKS

HOME_VARIABLE = "UNICEDIT_HOME"
SETTINGS_FILE = "unicedit.toml"
MODEL = "models/selfie_segmentation.tflite"


class SettingsError(Exception):
    """The settings cannot be used; the message says which and what to do."""


def identity(default: Any, description: str, **limits: Any) -> Any:
    """Declare a field that can change what a stage produces."""
    return Field(default, description=description, json_schema_extra={"role": "identity"}, **limits)


def runtime(default: Any, description: str, **limits: Any) -> Any:
    """Declare a field that cannot change what a stage produces."""
    return Field(default, description=description, json_schema_extra={"role": "runtime"}, **limits)


class StageSettings(BaseModel):
    """Base of every stage's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chunk: int = runtime(16, "Rows a chunk; a finished chunk survives a kill.", ge=1)

    def identity_fields(self) -> dict[str, Json]:
        """Return the fields that enter the fingerprint, as JSON."""
        roles = {
            name: (info.json_schema_extra or {}).get("role")  # type: ignore[union-attr]
            for name, info in type(self).model_fields.items()
        }
        dumped = self.model_dump(mode="json")
        return {name: dumped[name] for name, role in roles.items() if role == "identity"}


class RawImagesSettings(StageSettings):
    """How photographs are taken in."""

    max_pixels: int = identity(64_000_000, "Larger headers are refused before decoding.", gt=0)
    min_side: int = identity(256, "Photographs with a shorter side are too small.", gt=0)
    max_crop: float = identity(0.20, "Largest share that may be cropped away.", ge=0, le=1)
    duplicate_distance: int = identity(
        MAX_DISTANCE,
        "Hamming distance of perceptual hashes that counts as the same photograph.",
        ge=0,
        le=16,
    )
    min_sharpness: float | None = identity(
        None, "Least sharpness (variance of the Laplacian at a fixed scale); none: no gate.", ge=0
    )
    min_entropy: float | None = identity(
        None, "Least entropy of the luma, in bits (0-8); none: no gate.", ge=0, le=8
    )
    safety: Literal["none", "opennsfw"] = identity(
        "none", "Model that scores how unsafe a picture is (`opennsfw`: extra `safety`)."
    )
    max_unsafe: float = identity(0.8, "Largest unsafe score that is let through.", ge=0, le=1)
    licence: str = identity("unknown", "Licence of the photographs, kept with every row.")


class InstructionsSettings(StageSettings):
    """How many instructions are asked for and of which subtasks."""

    per_image: int = identity(4, "Instructions a photograph (the paper: 3-7).", ge=3, le=7)
    quotas: dict[str, float] = identity(
        {}, "Subtask -> weight; empty: the same for each subtask that the editors can do."
    )
    seed: int = identity(42, "Seed of all choices.")


class FaultSettings(BaseModel):
    """Faults planted on purpose, to measure the gates after the editor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = identity(0.25, "Share of edits that get a fault.", ge=0, le=1)
    mix: dict[str, float] = identity({}, "Fault kind -> weight; empty: all kinds alike.")


class EditsSettings(StageSettings):
    """How instructions are carried out."""

    language: Literal["en", "cn"] = identity("en", "Language in which the editor is instructed.")
    seed: int = identity(42, "Seed of all edits; each edit mixes its own identity into it.")
    faults: FaultSettings = identity(
        FaultSettings(), "Faults planted into the classical editor's work (hidden truth is kept)."
    )


class VerifiedEditsSettings(StageSettings):
    """Who verifies, unless a version was promoted (then that one does)."""

    verifier: str = identity("evidence-1", "Verifier version; a promoted version overrides it.")


class ReleaseSettings(StageSettings):
    """How accepted edits are published."""

    max_per_subtask: int | None = identity(None, "Most rows a subtask; None: no limit.", ge=1)
    rows_per_file: int = identity(
        15_000, "Rows a Parquet file (the published files: 15,000).", ge=1
    )
    row_group_bytes: int = identity(64 << 20, "Image bytes a row group.", ge=1)
    duplicate_distance: int = identity(
        MAX_DISTANCE,
        "Hamming distance that counts as the same photograph across shards.",
        ge=0,
        le=16,
    )


class UnicBenchSettings(StageSettings):
    """The small benchmark frozen from photographs that no release contains."""

    per_image: int = identity(4, "Samples a held-out photograph.", ge=1, le=7)
    seed: int = identity(7, "Seed of the benchmark's instructions.")
    planted_rate: float = identity(0.6, "Fault rate of the `classical-faulty` model.", ge=0, le=1)


class CheckSettings(StageSettings):
    """Bounds of the data-quality checks."""

    max_reject_rate: float = runtime(0.6, "Largest share a gate may reject in a shard.", ge=0, le=1)
    max_failure_rate: float = runtime(0.1, "Largest share that may fail in a shard.", ge=0, le=1)
    quota_factor: float = runtime(
        3.0, "Largest factor between the most and the least frequent subtask.", ge=1
    )


class Settings(BaseModel):
    """All settings of a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["embedded"] = identity("embedded", "Which family of backends plays the roles.")
    lake: str = runtime("", "Folder or s3://bucket/prefix of the data; empty: HOME/lake.")
    source: str = runtime("", "Folder or s3:// prefix that the sensor watches for new photographs.")
    shard_size: int = runtime(2000, "Photographs a shard.", ge=1)
    holdout: int = runtime(
        6, "Photographs set aside for the benchmark at the first registration.", ge=0
    )
    subject: Literal["plain_ground", "person"] = identity(
        "plain_ground",
        "What the embedded instructor and editor take for a photograph's main subject: what stands "
        "before a plain ground, or first of all a person (`person`: extra `people`).",
    )
    subject_model: str = runtime(
        "", f"File of the person model, fetched through npm when missing; empty: HOME/{MODEL}."
    )
    workers: int = runtime(0, "Worker processes; 0: one for each core.", ge=0)
    raw_images: RawImagesSettings = RawImagesSettings()
    instructions: InstructionsSettings = InstructionsSettings()
    edits: EditsSettings = EditsSettings()
    verified_edits: VerifiedEditsSettings = VerifiedEditsSettings()
    unicedit_10m: ReleaseSettings = ReleaseSettings()
    unicbench_scores: UnicBenchSettings = UnicBenchSettings()
    checks: CheckSettings = CheckSettings()

    @classmethod
    def load(cls, home: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
        """Read ``unicedit.toml`` below ``home``; a missing file means the defaults.

        Raises:
            SettingsError: the file is not TOML, or a field is unknown or out of its bounds.
        """
        path = home / SETTINGS_FILE
        try:
            values = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
            settings = cls.model_validate({**values, **(overrides or {})})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not TOML: {error}") from error
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"{path}: {where}: {first['msg']}") from error
        quotas = settings.instructions.quotas
        unknown = sorted(set(quotas) - set(SUBTASKS))
        if unknown:
            raise SettingsError(f"{path}: instructions.quotas: not a subtask: {unknown[0]!r}")
        if quotas and not (min(quotas.values()) >= 0 and 0 < sum(quotas.values()) < math.inf):
            raise SettingsError(
                f"{path}: instructions.quotas: weights are at least 0, and one is positive"
            )
        places = {name: getattr(settings, name) for name in ("lake", "source", "subject_model")}
        if settings.subject == "person":
            places["subject_model"] = settings.subject_model or MODEL
        below = {name: _below(home, place) for name, place in places.items()}
        return settings.model_copy(update=below)

    def lake_url(self, home: Path) -> str:
        """Return where the data live."""
        return self.lake or str(home / "lake")

    def worker_count(self) -> int:
        """Return how many worker processes to start."""
        return self.workers or len(os.sched_getaffinity(0))


def _below(home: Path, place: str) -> str:
    """Return a place that means the same from any working directory."""
    return place if not place or "://" in place else str(home.absolute() / place)


def settings_text(changed: Mapping[str, object]) -> str:
    """Return a commented ``unicedit.toml``: every field with its meaning; defaults commented out.

    Args:
        changed: dotted name, such as ``raw_images.licence`` -> value that differs from the default.
    """
    lines = [
        "# Settings of this UnicEdit project. Lines that start with '#' show the defaults.",
        "",
    ]
    lines += _field_lines(Settings(), "", changed)
    for name in Settings.model_fields:
        part = getattr(Settings(), name)
        if isinstance(part, StageSettings):
            lines += ["", f"[{name}]", *_field_lines(part, f"{name}.", changed)]
    return "\n".join(lines) + "\n"


def _field_lines(model: BaseModel, prefix: str, changed: Mapping[str, object]) -> list[str]:
    lines = []
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, StageSettings):
            continue
        lines.append(f"# {info.description}")
        if value is None and f"{prefix}{name}" not in changed:
            lines.append(f"# {name} =  # none")
        elif f"{prefix}{name}" in changed:
            lines.append(f"{name} = {_toml(changed[f'{prefix}{name}'])}")
        else:
            lines.append(f"# {name} = {_toml(value)}")
    return lines


def _toml(value: object) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    # JSON and TOML agree about strings, booleans and numbers.
    return json.dumps(value, ensure_ascii=False)
