"""A project at one moment: what each partition should be, and making it so.

The expected fingerprint of every partition follows from the settings and the registered sources
alone, and a partition is up to date exactly when its manifest exists under that fingerprint. There
is no mutable "current" pointer, so nothing can point at the wrong thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from unicedit_assets.domain.identity import digest
from unicedit_assets.domain.quality import Gate
from unicedit_assets.domain.roles import Editor, Instructor, Judge, Verifier
from unicedit_assets.pipeline.engine import Engine, ModelEngine, ThreadEngine
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stage import Ref, Stage
from unicedit_assets.qwen_verify.training import VerifierTrainer
from unicedit_assets.settings import Settings
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Manifest, folder_of
from unicedit_assets.storage.repair import NotReproduced
from unicedit_assets.storage.terms import Committed, PartitionSpec

OnChunk = Callable[[int, int], None]

# Made by whoever needs it first: a release must not wait for anybody to ask for the benchmark, and
# the verifiers' test pairs are no asset of their own.
ON_DEMAND = frozenset({"unicbench", "verifier_tests"})

# The one partition of what is not divided: the benchmark, and each training set.
MAIN = "main"
# Evaluated beside the verifiers: a threshold on one number about two pictures.
BASELINES = ("pixels", "ssim")


class MissingInputError(Exception):
    """A partition was asked for before what it is made from."""


class BlockedInputError(Exception):
    """A blocking check of an input failed, so nothing is made from it."""


@dataclass(frozen=True)
class Backends:
    """Who plays the roles under the chosen profile.

    Attributes:
        editors: the editors of the pipeline, by partition key.
        models: the editors that UnicBench scores, by partition key.
        verifiers: all verifier versions that can be promoted.
        subtasks: the subtasks that the editors can do.
        gates: what a photograph must pass beside the decoder's rules.
        trainer: who trains verifiers; None where nobody can.
    """

    instructor: Instructor
    editors: Mapping[str, Editor]
    models: Mapping[str, Editor]
    verifiers: Mapping[str, Verifier]
    judge: Judge
    subtasks: tuple[str, ...]
    gates: tuple[Gate, ...] = ()
    trainer: VerifierTrainer | None = None


@dataclass(frozen=True)
class Project:
    """Everything that a stage needs; a snapshot, made anew for each run or tick.

    Attributes:
        inspect: makes sure that a partition's blocking checks have been evaluated and recorded.
    """

    home: Path
    settings: Settings
    ledger: Ledger
    registry: Registry
    backends: Backends
    engine: Engine
    stages: Mapping[str, Stage]
    inspect: Callable[[Project, Manifest], None]
    _specs: dict[Ref, PartitionSpec] = field(default_factory=dict, repr=False)

    def spec(self, ref: Ref) -> PartitionSpec:
        """Return what a partition should be under the present settings.

        Raises:
            KeyError: no such stage, shard, editor, release or model.
        """
        if ref not in self._specs:
            self._specs[ref] = self._spec(ref)
        return self._specs[ref]

    def look_again(self) -> None:
        """Work out every fingerprint anew: runs elsewhere may have given some up meanwhile."""
        self.registry.look_again()
        self._specs.clear()

    def _spec(self, ref: Ref) -> PartitionSpec:
        stage = self.stages[ref.stage]
        inputs = {str(up): self.spec(up).fingerprint for up in stage.inputs(self, ref.partition)}
        config = dict(stage.config(self, ref.partition))
        fingerprint = digest(ref.stage, stage.code_version, config, inputs)
        while self.registry.is_retired(folder_of(ref.stage, ref.partition, fingerprint)):
            fingerprint = digest("successor", fingerprint)
        return PartitionSpec(
            stage=ref.stage,
            partition=ref.partition,
            fingerprint=fingerprint,
            code_version=stage.code_version,
            config=config,
            inputs=inputs,
        )

    def engine_for(self, backend: object) -> Engine:
        """Return what calls a backend: the engine, or threads where it holds a model.

        The threads are this process's, unless the engine has a place of its own for models.
        """
        threads = getattr(backend, "concurrency", None)
        if threads is None:
            return self.engine
        if isinstance(self.engine, ModelEngine):
            return self.engine.holding(backend, threads)
        return ThreadEngine(threads)

    def find(self, ref: Ref) -> Manifest | None:
        """Return the up-to-date manifest of a partition, or None when it must be made."""
        spec = self.spec(ref)
        return self.ledger.find(spec.stage, spec.partition, spec.fingerprint)

    def require(self, ref: Ref) -> Manifest:
        """Return the up-to-date manifest of a partition that others are made from.

        Raises:
            MissingInputError: it has not been made under the present settings.
            BlockedInputError: one of its blocking checks failed.
        """
        manifest = self.find(ref)
        if manifest is None:
            raise MissingInputError(
                f"{ref} has not been made under the present settings: run `unicedit run` "
                f"(or materialize {ref.stage} for {ref.partition}) first"
            )
        self.inspect(self, manifest)
        failed = self.ledger.blocked(manifest)
        if failed:
            raise BlockedInputError(
                f"{ref} is blocked by failed checks: {', '.join(failed)}; see `unicedit status`"
            )
        return manifest

    def usable(self, ref: Ref) -> bool:
        """Tell whether a partition is there and nothing blocks what is made from it."""
        manifest = self.find(ref)
        if manifest is None:
            # What no person asks for by name is made on demand.
            return ref.stage in ON_DEMAND
        return not self.ledger.blocked(manifest)

    def run(self, ref: Ref, on_chunk: OnChunk | None = None) -> Committed:
        """Make a partition, or return it when it is there; a killed run resumes at its next chunk.

        Raises:
            MissingInputError, BlockedInputError: see ``require``.
        """
        spec = self.spec(ref)
        manifest = self.find(ref)
        if manifest is not None:
            return Committed(manifest=manifest, fresh=False, resumed=0)
        stage = self.stages[ref.stage]
        for up in stage.inputs(self, ref.partition):
            if up.stage in ON_DEMAND:
                self.run(up)
            self.require(up)
        job = stage.job(self, ref.partition)
        try:
            committed = self.ledger.commit(spec, job.chunks, job.work, on_chunk)
        except NotReproduced as lost:
            self.registry.retire(lost.folder)
            self.look_again()
            return self.run(ref, on_chunk)
        finally:
            job.close()
        return replace(committed, figures=job.figures())

    def refs(self, stage: str) -> list[Ref]:
        """Return all partitions that a stage should have now, in shard order.

        Raises:
            KeyError: no such stage.
        """
        return [Ref(stage, partition) for partition in self._partitions()[stage]()]

    def _partitions(self) -> Mapping[str, Callable[[], list[str]]]:
        registry, backends = self.registry, self.backends
        editors, models = sorted(backends.editors), sorted(backends.models)

        def edited() -> list[str]:
            return [f"{shard}/{editor}" for shard in registry.shards() for editor in editors]

        def scored() -> list[str]:
            return [f"{model}/{language}" for model in models for language in ("en", "cn")]

        undivided = ("unicbench", "verify_sft_set", "verify_preference_set")
        return {
            **dict.fromkeys(("raw_images", "instructions"), registry.shards),
            **dict.fromkeys(("edits", "verified_edits"), edited),
            "unicedit_10m": registry.releases,
            **dict.fromkeys(("unicbench_edits", "unicbench_scores"), scored),
            "synthetic_pairs": lambda: [
                f"y{i:05d}" for i in range(self.settings.synthetic_pairs.shards)
            ],
            **dict.fromkeys(undivided, lambda: [MAIN]),
            "qwen_verify_sft": registry.supervised_trainings,
            "qwen_verify": registry.preferred_trainings,
            "qwen_verify_eval": lambda: [*BASELINES, *sorted(backends.verifiers)],
        }
