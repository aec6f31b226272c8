"""The partitions: shards and releases grow; editors and benchmarked models are the settings'."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from unicedit_assets.pipeline.project import MAIN

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project

SHARDS = dg.DynamicPartitionsDefinition(name="shards")
SYNTHETIC_SHARDS = dg.DynamicPartitionsDefinition(name="synthetic_shards")
RELEASES = dg.DynamicPartitionsDefinition(name="releases")
# Dynamic, since settings name them: importing this module must not read a project.
EDITORS = dg.DynamicPartitionsDefinition(name="editors")
MODELS = dg.DynamicPartitionsDefinition(name="models")
# What is not divided: the benchmark and each training set.
UNDIVIDED = dg.StaticPartitionsDefinition([MAIN])
# Verifier versions and baselines that can be evaluated.
VERIFIERS = dg.DynamicPartitionsDefinition(name="verifiers")
# Trainings of verifiers, each by the name of the version that comes out.
TRAININGS = dg.DynamicPartitionsDefinition(name="trainings")
LANGUAGES = dg.StaticPartitionsDefinition(["en", "cn"])

SHARDS_BY_EDITOR = dg.MultiPartitionsDefinition({"shard": SHARDS, "editor": EDITORS})
MODELS_BY_LANGUAGE = dg.MultiPartitionsDefinition({"model": MODELS, "language": LANGUAGES})

# The order of dimensions in the lake's folders; Dagster sorts dimension names in its own keys.
DIMENSIONS = {
    "edits": ("shard", "editor"),
    "verified_edits": ("shard", "editor"),
    "unicbench_edits": ("model", "language"),
    "unicbench_scores": ("model", "language"),
}


def lake_partition(stage: str, key: str) -> str:
    """Return the lake's name of a Dagster partition key, such as ``s00000/classical``."""
    if stage not in DIMENSIONS:
        return str(key)
    if not isinstance(key, dg.MultiPartitionKey):
        raise TypeError(f"{stage} needs a multi-partition key, not {key!r}")
    return "/".join(key.keys_by_dimension[dimension] for dimension in DIMENSIONS[stage])


def dagster_key(stage: str, partition: str) -> str:
    """Return the Dagster partition key of a lake partition."""
    if stage not in DIMENSIONS:
        return partition
    values = partition.split("/")
    return dg.MultiPartitionKey(dict(zip(DIMENSIONS[stage], values, strict=True)))


def sync_partitions(project: Project, instance: dg.DagsterInstance) -> None:
    """Make Dagster know all shards and releases, and the editors and models of the profile."""
    for definition, names in (
        (SHARDS, project.registry.shards()),
        (EDITORS, sorted(project.backends.editors)),
        (MODELS, sorted(project.backends.models)),
        (RELEASES, project.registry.releases()),
        (TRAININGS, project.registry.trainings()),
        (VERIFIERS, [ref.partition for ref in project.refs("qwen_verify_eval")]),
        (SYNTHETIC_SHARDS, [ref.partition for ref in project.refs("synthetic_pairs")]),
    ):
        name = str(definition.name)
        known = set(instance.get_dynamic_partitions(name))
        new = [each for each in names if each not in known]
        if new:
            instance.add_dynamic_partitions(name, new)
