"""All settings of a project, read from ``unicedit.toml``."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.settings.editors import EditorModel
from unicedit_assets.settings.fields import SettingsError, identity, runtime
from unicedit_assets.settings.gpu import GpuSettings, RaySettings
from unicedit_assets.settings.places import below, placed_editor, placed_vlm
from unicedit_assets.settings.roles import RolesSettings
from unicedit_assets.settings.stages import (
    CheckSettings,
    EditsSettings,
    InstructionsSettings,
    RawImagesSettings,
    ReleaseSettings,
    SyntheticPairsSettings,
    UnicBenchEditsSettings,
    UnicBenchScoresSettings,
    UnicBenchSettings,
    VerifiedEditsSettings,
    VerifierSetsSettings,
    VerifierTestsSettings,
)
from unicedit_assets.settings.training import TrainingSettings
from unicedit_assets.settings.vlms import VlmModel

HOME_VARIABLE = "UNICEDIT_HOME"
SETTINGS_FILE = "unicedit.toml"
MODEL = "models/selfie_segmentation.tflite"


class Settings(BaseModel):
    """All settings of a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["embedded", "neural"] = identity(
        "embedded", "Which family of backends plays the roles."
    )
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
    engine: Literal["local", "ray"] = runtime(
        "local", "What spreads the work of a partition: this machine's processes, or Ray."
    )
    ray: RaySettings = runtime(RaySettings(), "The actors of the engine `ray`.")
    gpu: GpuSettings = runtime(GpuSettings(), "How runs on one host share its GPUs.")
    editors: dict[str, EditorModel] = identity(
        {}, "Name -> editor of the neural profile; better written as tables `[editors.NAME]`."
    )
    vlms: dict[str, VlmModel] = identity(
        {}, "Name -> vision-language model; better written as tables `[vlms.NAME]`."
    )
    roles: RolesSettings = runtime(
        RolesSettings(), "Role -> name of a VLM, or `embedded` (neural profile)."
    )
    raw_images: RawImagesSettings = RawImagesSettings()
    instructions: InstructionsSettings = InstructionsSettings()
    edits: EditsSettings = EditsSettings()
    verified_edits: VerifiedEditsSettings = VerifiedEditsSettings()
    unicedit_10m: ReleaseSettings = ReleaseSettings()
    unicbench: UnicBenchSettings = UnicBenchSettings()
    unicbench_edits: UnicBenchEditsSettings = UnicBenchEditsSettings()
    unicbench_scores: UnicBenchScoresSettings = UnicBenchScoresSettings()
    synthetic_pairs: SyntheticPairsSettings = SyntheticPairsSettings()
    verifier_sets: VerifierSetsSettings = VerifierSetsSettings()
    verifier_tests: VerifierTestsSettings = VerifierTestsSettings()
    training: TrainingSettings = identity(
        TrainingSettings(), "How `unicedit verify train` trains; see `unicedit settings training`."
    )
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
        return settings._placed(home)

    def _placed(self, home: Path) -> Settings:
        """Return the same settings with every folder as it is found from any working directory."""
        places = {name: getattr(self, name) for name in ("lake", "source", "subject_model")}
        if self.subject == "person":
            places["subject_model"] = self.subject_model or MODEL
        update: dict[str, Any] = {name: below(home, place) for name, place in places.items()}
        bench = {name: below(home, getattr(self.unicbench, name)) for name in ("list", "sources")}
        update["unicbench"] = self.unicbench.model_copy(update=bench)
        annotations = below(home, self.verifier_sets.annotations)
        update["verifier_sets"] = self.verifier_sets.model_copy(update={"annotations": annotations})
        cutouts = below(home, self.synthetic_pairs.cutouts)
        update["synthetic_pairs"] = self.synthetic_pairs.model_copy(update={"cutouts": cutouts})
        update["editors"] = {name: placed_editor(home, one) for name, one in self.editors.items()}
        update["vlms"] = {name: placed_vlm(home, one) for name, one in self.vlms.items()}
        return self.model_copy(update=update)

    def lake_url(self, home: Path) -> str:
        """Return where the data live."""
        return self.lake or str(home / "lake")

    def worker_count(self) -> int:
        """Return how many worker processes to start."""
        return self.workers or len(os.sched_getaffinity(0))
