"""qwen_verify_sft and qwen_verify: training as stages; a partition is a version's name.

What a stage commits is its curve; the weights become a registered version, written before the curve
is committed. A training is not reproducible bit by bit, so a version that was registered by a run
that was cut off right after is adopted, not trained again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.rows import Collector
from unicedit_assets.pipeline.stage import Job, Ref
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT
from unicedit_assets.qwen_verify.packing import PackedExamples, pack
from unicedit_assets.qwen_verify.splitting import Split
from unicedit_assets.qwen_verify.training import (
    STAGES,
    Declared,
    Method,
    Trained,
    TrainingError,
    TrainingJob,
    VerifierTrainer,
    sft_name,
)
from unicedit_assets.qwen_verify.versions import CACHE, Version, VersionError, Versions
from unicedit_assets.settings.training import TrainingSettings
from unicedit_assets.storage.terms import ChunkOutput

SUPERVISED, PREFERRED = "qwen_verify_sft", "qwen_verify"
WORK = "models/training"


class TrainingStage:
    """The stage, supervised or by preference."""

    code_version = "1"

    def __init__(self, name: str) -> None:
        self.name = name

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        if self.name == SUPERVISED:
            return (Ref(SFT, MAIN),)
        begins = project.registry.training(partition).supervised
        return (Ref(SUPERVISED, begins), Ref(PREFERENCE, MAIN))

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        declared = project.registry.training(partition)
        settings = effective(project.settings.training, declared).identity_fields()
        common = {name: value for name, value in settings.items() if name not in STAGES}
        if self.name == SUPERVISED:
            base = dict(trainer_of(project).base_identity(declared.base))
            return {"base": base, **common, "sft": settings["sft"]}
        return {
            "method": declared.method.value,
            **common,
            "preference": settings["preference"],
        }

    def job(self, project: Project, partition: str) -> Job:
        declared = project.registry.training(partition)
        spec = project.spec(Ref(self.name, partition))
        versions = Versions(project.ledger.store)
        method = Method.SFT if self.name == SUPERVISED else declared.method
        name = sft_name(partition) if method is Method.SFT else partition
        made_by = {"stage": self.name, "fingerprint": spec.fingerprint}

        def work(index: int) -> ChunkOutput:
            # A name that is taken is told now, not when all has been trained.
            found = _adopted(versions, name, made_by)
            if found is None:
                trained = self._train(project, declared, method, spec.fingerprint)
                about: dict[str, Json] = {
                    **made_by,
                    "config": dict(spec.config),
                    "inputs": dict(spec.inputs),
                    "curve": _curve_json(trained),
                }
                try:
                    found = versions.add(name, trained.folder, method.value, about)
                except VersionError:
                    # Another home on this store may have finished the same training first.
                    found = _adopted(versions, name, made_by)
                    if found is None:
                        raise
            return _output(self.name, found)

        return Job(1, work)

    def _train(
        self, project: Project, declared: Declared, method: Method, fingerprint: str
    ) -> Trained:
        settings = checked(project, declared)
        base = declared.base
        if method is not Method.SFT:
            versions = Versions(project.ledger.store)
            supervised = versions.require(sft_name(declared.supervised))
            base = str(versions.materialize(supervised, project.home / CACHE))
        set_name = SFT if method is Method.SFT else PREFERENCE
        job = TrainingJob(
            method=method,
            base=base,
            examples=examples_of(project, set_name, Split.TRAIN),
            settings=settings.model_dump(mode="json"),
            work=project.home / WORK / declared.name / fingerprint[:12],
        )
        if not len(job.examples):
            raise TrainingError(
                f"{set_name} has no rows to train on: set synthetic_pairs.shards, or verify "
                "edits, first"
            )
        return trainer_of(project).train(job)


def _adopted(versions: Versions, name: str, made_by: Mapping[str, Json]) -> Version | None:
    """Return a version that this very training made; None where there is none of the name.

    Raises:
        VersionError: the name is taken by a version that something else made.
    """
    found = versions.find(name)
    if found is not None and any(found.training.get(k) != v for k, v in made_by.items()):
        raise VersionError(
            f"verifier {name!r} is there already and was made from other settings or sets; "
            "versions never change: choose another name"
        )
    return found


def trainer_of(project: Project) -> VerifierTrainer:
    """Return who trains verifiers.

    Raises:
        TrainingError: nobody here can.
    """
    trainer = project.backends.trainer
    if trainer is None:
        raise TrainingError("nobody plays the part of the trainer in this project")
    return trainer


def effective(settings: TrainingSettings, declared: Declared) -> TrainingSettings:
    """Return the settings of a training: its own changes over the project's.

    Raises:
        TrainingError: a change is no setting, or out of its bounds.
    """
    values = settings.model_dump(mode="json")
    for name, value in declared.changed.items():
        _set(values, name, value)
    try:
        return TrainingSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"training.{where}: {first['msg']}") from error


def checked(project: Project, declared: Declared) -> TrainingSettings:
    """Return the settings of a training that can be carried out.

    Raises:
        TrainingError: as ``effective``; or method, settings and start contradict each other.
        RegistryError: there is no training to share a stage with.
    """
    settings = effective(project.settings.training, declared)
    if declared.method is Method.D2PO and settings.trouble_with_d2po:
        raise TrainingError(settings.trouble_with_d2po)
    if declared.sft_of:
        shared = project.registry.training(declared.sft_of)
        theirs = effective(project.settings.training, shared).difference
        if theirs != settings.difference:
            raise TrainingError(
                f"{declared.sft_of!r}, whose supervised stage it shares, has difference = "
                f"{theirs}, not {settings.difference}: set difference to {theirs}"
            )
    return settings


def _set(values: dict[str, Any], name: str, value: Json) -> None:
    *tables, last = name.split(".")
    at: Any = values
    for table in tables:
        at = at.get(table) if isinstance(at, dict) else None
    if not isinstance(at, dict) or last not in at:
        raise TrainingError(f"there is no training setting {name!r}")
    if isinstance(at[last], dict):
        # Setting it as a whole would put the fields that are not named back to their defaults.
        one = next(iter(at[last]))
        raise TrainingError(
            f"{name!r} is a table of settings: set them one by one, as {name}.{one}"
        )
    at[last] = value


def examples_of(project: Project, name: str, wanted: Split) -> PackedExamples:
    """Return one split of a training set as examples, copied to the local disk once."""
    manifest = project.require(Ref(name, MAIN))

    def rows() -> Iterator[Mapping[str, Any]]:
        for part in range(len(manifest.tables[schemas.ROWS])):
            splits = project.ledger.read_part(manifest, part, ["split"])["split"].to_pylist()
            # A part is of one split.
            if wanted in splits:
                columns = [field.name for field in project.ledger.schema(manifest)]
                table = project.ledger.read_part(manifest, part, columns)
                yield from (row for row in table.to_pylist() if row["split"] == wanted)

    folder = project.home / WORK / "sets" / f"{name}-{manifest.fingerprint}-{wanted.value}"
    return pack(folder, rows())


def _curve_json(trained: Trained) -> list[Json]:
    return [
        {"step": point.step, "seconds": point.seconds, **point.figures} for point in trained.curve
    ]


def _output(stage: str, version: Version) -> ChunkOutput:
    """Return a training's curve as rows: a row a figure and step."""
    collector = Collector(stage, schemas.TRAINING_CURVE)
    for row in _rows(version):
        collector.accept(row)
    output = collector.output()
    extra: dict[str, Json] = {"version": version.name, "sha256": version.sha256}
    return ChunkOutput(output.tables, output.counts, extra)


def _rows(version: Version) -> Iterator[dict[str, Any]]:
    points = version.training.get("curve")
    for point in points if isinstance(points, list) else []:
        if isinstance(point, dict):
            for name in sorted(point.keys() - {"step", "seconds"}):
                yield {
                    "step": point["step"],
                    "elapsed": point["seconds"],
                    "figure": name,
                    "value": point[name],
                }


def curves_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Return figure -> (step, value), from the rows that a training committed."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row["figure"], []).append((float(row["step"]), float(row["value"])))
    return found
