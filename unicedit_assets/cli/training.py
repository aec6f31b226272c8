"""``unicedit verify train``: from options to a declared training, and through its stages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from rich.console import Console

from unicedit_assets.cli.running import make_partitions
from unicedit_assets.cli.verifiers import new_name
from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT
from unicedit_assets.pipeline.verifier_training import PREFERRED, SUPERVISED, checked, trainer_of
from unicedit_assets.qwen_verify.training import (
    SMALL,
    STAGES,
    Declared,
    Method,
    TrainingError,
    VerifierTrainer,
    sft_name,
)


@dataclass(frozen=True)
class Options:
    """What somebody asked for; None: as the settings say."""

    base: str
    small: bool
    method: Method
    sft_of: str = ""
    lora_rank: int | None = None
    minutes: float | None = None
    epochs: float | None = None
    changes: tuple[str, ...] = ()


def declared_of(
    version: str, options: Options, trainer: VerifierTrainer, registry: Registry
) -> Declared:
    """Return a training as it will be declared.

    Args:
        version: its name.
        options: what was asked for.
        trainer: knows what settings suit a base.
        registry: knows the training that this one shares its first stage with.

    Raises:
        TrainingError: no base, two of them, or a change that cannot be read.
        RegistryError: there is no training to share with.
    """
    base = _base(options, registry)
    changed = dict(trainer.defaults(base, options.minutes))
    if options.lora_rank is not None:
        changed["lora_rank"] = options.lora_rank
    if options.epochs is not None:
        changed |= {f"{stage}.epochs": options.epochs for stage in STAGES}
    changed |= dict(map(_change, options.changes))
    return Declared(version, base, options.method, changed, options.sft_of)


def _distinct(version: str, registry: Registry) -> None:
    """Refuse a name whose versions could be taken for another training's.

    Raises:
        TrainingError: it is the name of a supervised version, or its supervised version's is taken.
    """
    if version.endswith(sft_name("")):
        raise TrainingError(
            f"names that end in {sft_name('')} are those of supervised versions: call {version!r} "
            "otherwise"
        )
    if sft_name(version) in registry.trainings():
        raise TrainingError(
            f"the supervised version of {version!r} would have the name of a training that there "
            "is: choose another name"
        )


def _base(options: Options, registry: Registry) -> str:
    if (bool(options.base), options.small, bool(options.sft_of)).count(True) != 1:
        raise TrainingError(
            "name one start: --base FOLDER with weights, --small, or --sft-of VERSION"
        )
    if options.sft_of:
        if options.method is Method.SFT:
            raise TrainingError("--sft-of shares a supervised stage: choose --method dpo or d2po")
        return registry.training(options.sft_of).base
    # A folder means the same from any working directory, and in Dagster's daemon.
    return SMALL if options.small else str(Path(options.base).absolute())


def _change(text: str) -> tuple[str, Json]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise TrainingError(f"--set takes SETTING=VALUE, not {text!r}")
    if name == "preference.context":
        raise TrainingError("preference.context follows the method: choose --method d2po or dpo")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def train_version(
    project: Project,
    instance: dg.DagsterInstance,
    version: str,
    options: Options,
    console: Console,
) -> None:
    """Declare a training and bring it, and what it is made from, up to date.

    Raises:
        TrainingError, RegistryError: it cannot be trained as asked.
        RunError: a stage failed; what is done is kept, and the next call goes on.
    """
    _distinct(version, project.registry)
    declared = declared_of(version, options, trainer_of(project), project.registry)
    own = () if declared.sft_of else (sft_name(version),)
    for name in (version, *own):
        new_name(project, name)
    checked(project, declared)
    project.registry.declare_training(declared)
    refs = [*project.refs("synthetic_pairs"), Ref(SFT, MAIN), Ref(SUPERVISED, declared.supervised)]
    made = sft_name(version)
    if declared.method is not Method.SFT:
        refs += [Ref(PREFERENCE, MAIN), Ref(PREFERRED, version)]
        made = version
    report = make_partitions(project, instance, refs, console)
    console.print(f"{len(report.made)} partitions made, {report.current} were up to date")
    console.print(f"{made} is registered; next: `unicedit verify eval {made}`")
