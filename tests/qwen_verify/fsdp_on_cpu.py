"""``resources.qwen_verify.multi_gpu`` under FSDP on a CPU; torchrun starts it.

torch shards on a CPU as on a GPU, but accelerate takes FSDP's settings for GPUs alone: it is told
that several CPUs are several GPUs. Each process leaves a note of what it holds of the reference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import DistributedType, fsdp2_prepare_model

from resources.qwen_verify import multi_gpu, trainers

_begin = PartialState.__init__


def _begin_as_gpus(state: Any, *args: Any, **how: Any) -> None:
    _begin(state, *args, **how)
    if state.distributed_type is DistributedType.MULTI_CPU:
        state._shared_state["distributed_type"] = DistributedType.MULTI_GPU


def _noted(accelerator: Any, model: Any) -> Any:
    sharded = fsdp2_prepare_model(accelerator, model)
    weights = list(sharded.parameters())
    held = {"held": sum(w.to_local().numel() for w in weights), "whole": sum(map(_count, weights))}
    Path(os.environ["NOTES"], f"{accelerator.process_index}.json").write_text(json.dumps(held))
    return sharded


def _count(weight: Any) -> int:
    return int(weight.numel())


if __name__ == "__main__":
    PartialState.__init__ = _begin_as_gpus  # type: ignore[method-assign]
    trainers.fsdp2_prepare_model = _noted
    multi_gpu.main()
