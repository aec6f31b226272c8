"""Pools of the stages that can need a GPU, and what their runs ask a cluster for.

A pool bounds how many runs of its stages the daemon launches at once, over all machines; leases
(``resources.gpu``) keep those on one host apart. The embedded profile needs no GPU, so nothing is
asked of Kubernetes or ECS unless the code location's environment says how many GPUs a run gets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

GPUS_VARIABLE = "UNICEDIT_GPUS_PER_RUN"

EDITS = "gpu_edits"
VLM = "gpu_vlm"
TRAINING = "gpu_training"

POOLS: Mapping[str, str] = MappingProxyType(
    {
        "instructions": VLM,
        "unicbench": VLM,
        "edits": EDITS,
        "verified_edits": VLM,
        "unicbench_edits": EDITS,
        "unicbench_scores": VLM,
        "qwen_verify_eval": VLM,
        "qwen_verify_sft": TRAINING,
        "qwen_verify": TRAINING,
    }
)


def gpu_requests(gpus: int) -> Mapping[str, Any]:
    """Return tags that ask Kubernetes and ECS for GPUs; each reads its own and no other."""
    if not gpus:
        return {}
    limits = {"nvidia.com/gpu": str(gpus)}
    return {
        "dagster-k8s/config": {"container_config": {"resources": {"limits": limits}}},
        "ecs/container_overrides": {
            "resourceRequirements": [{"type": "GPU", "value": str(gpus)}],
        },
    }


def gpus_per_run(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many GPUs a run asks a cluster for; unset or empty means none.

    Raises:
        ValueError: the variable is no count.
    """
    value = environ.get(GPUS_VARIABLE, "").strip()
    if value and not (value.isascii() and value.isdecimal()):
        raise ValueError(f"{GPUS_VARIABLE} = {value!r}: a number of GPUs is wanted, such as 1")
    return int(value or 0)


def op_tags(stage: str, environ: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    """Return the tags of a stage's op, for executors that give each op a pod or task."""
    return gpu_requests(gpus_per_run(environ)) if stage in POOLS else {}


def run_tags(stage: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the tags of a stage's job, for launchers that give each run a pod or task."""
    return {name: json.dumps(value) for name, value in op_tags(stage, environ).items()}
