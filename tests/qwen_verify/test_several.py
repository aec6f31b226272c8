"""Training in two processes, as copies and sharded by FSDP: what one GPU does, several do too."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tiny_vlm import save_tiny_qwen3  # noqa: E402

from qwen_verify.conftest import make_tiny, training_row  # noqa: E402
from resources.qwen_verify import budget, multi_gpu  # noqa: E402
from resources.qwen_verify.in_pipeline import QwenVerifyTrainer  # noqa: E402
from unicedit_assets.qwen_verify.training import Method, TrainingJob  # noqa: E402
from unicedit_assets.settings.training import TrainingSettings  # noqa: E402

pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[2]
ALL_WEIGHTS = """
lora_rank = 0
precision = "float32"
max_pixels = 3136
"""
STAGE = "learning_rate = 1e-3\naccumulate = 1\nepochs = 1.0\nsave_steps = 2\n"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 rows, good for both sets."""
    file = tmp_path_factory.mktemp("rows") / "a.parquet"
    table = pa.Table.from_pylist([training_row(one) for one in make_tiny().examples])
    pq.write_table(table, file)
    return file


def launched(
    program: list[str], base: Path, rows: Path, out: Path, settings: str, **more: str
) -> None:
    """Train both stages in two processes on this CPU."""
    toml = out.with_suffix(".toml")
    toml.write_text(settings)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
    launcher = ("-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    options = ["--sft", str(rows), "--preference", str(rows), "--out", str(out)]
    options += ["--settings", str(toml)]
    done = subprocess.run(
        [sys.executable, *launcher, *program, str(base), *options],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]


def weights(out: Path, stage: str) -> dict[str, Any]:
    return load_file(out / stage / "model" / "model.safetensors")


def apart(some: Mapping[str, Any], others: Mapping[str, Any]) -> float:
    """Return how far weights are apart, by Euclid: single ones jump where gradients are tiny."""
    assert set(some) == set(others)
    return math.sqrt(sum(float(((some[name] - others[name]) ** 2).sum()) for name in some))


@pytest.mark.parametrize(("rank", "context"), [(0, False), (4, True)])
def test_copies_train_both_stages_with_the_context_off_at_times(
    rank: int, context: bool, tiny_folder: Path, rows: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    settings = ALL_WEIGHTS.replace("lora_rank = 0", f"lora_rank = {rank}")
    settings += "context_dropout = 0.5\n"
    settings += f"[sft]\nbatch = 1\n{STAGE}[preference]\nbatch = 1\n{STAGE}"
    settings += f"context = {str(context).lower()}\n"
    launched(["-m", "resources.qwen_verify.multi_gpu"], tiny_folder, rows, out, settings)
    stage = "d2po" if context else "dpo"
    before, after = weights(out, "sft"), weights(out, stage)
    layer = "model.diff_proj.weight"
    assert before[layer].any()
    assert torch.equal(before[layer], after[layer]) is not context
    assert apart(before, after) > 0
    told = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [(row["stage"], row["step"]) for row in told] == [("sft", "10"), (stage, "10")]


def fsdp() -> dict[str, str]:
    """Return what ``accelerate launch`` tells its processes by deploy/accelerate-fsdp.yaml."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    file = str(ROOT / "deploy" / "accelerate-fsdp.yaml")
    chosen = launch_command_parser().parse_args(["--config_file", file, "x.py"])
    env = prepare_multi_gpu_env(_validate_launch_command(chosen)[0])
    return {key: value for key, value in env.items() if key.startswith(("ACCELERATE_", "FSDP_"))}


@pytest.mark.parametrize("base", ["qwen2.5", "qwen3, tied"])
def test_fsdp_trains_and_resumes_as_one_process_does(
    base: str, tiny_folder: Path, rows: Path, tmp_path: Path
) -> None:
    folder = tiny_folder if base == "qwen2.5" else save_tiny_qwen3(tmp_path / "base", tied=True)
    out, notes = tmp_path / "out", tmp_path / "notes"
    notes.mkdir()
    stages = f"[sft]\nbatch = 4\n{STAGE}[preference]\nbatch = BATCH\n{STAGE}"
    settings = ALL_WEIGHTS + stages
    script = [str(Path(__file__).parent / "fsdp_on_cpu.py")]
    how = (script, folder, rows, out, settings.replace("BATCH", "4"))
    more = {**fsdp(), "ACCELERATE_MIXED_PRECISION": "no", "NOTES": str(notes)}
    launched(*how, **more)
    for rank in (0, 1):
        noted = json.loads((notes / f"{rank}.json").read_text())
        assert 0.4 < noted["held"] / noted["whole"] < 0.6
    sharded = weights(out, "d2po")
    assert ("lm_head.weight" in sharded) is (base == "qwen2.5")

    values = tomllib.loads(settings.replace("BATCH", "8"))
    alone = TrainingSettings.model_validate(values).model_dump(mode="json")
    start, examples = str(out / "sft" / "model"), multi_gpu.training_rows(rows, tmp_path / "copy")
    job = TrainingJob(Method.D2PO, start, examples, alone, tmp_path / "alone")
    QwenVerifyTrainer().train(job)
    moved = apart(weights(out, "sft"), sharded)
    assert moved > 1e-2
    assert apart(weights(tmp_path / "alone", "d2po"), sharded) < moved / 10

    shutil.rmtree(out / "d2po" / "model")
    shutil.rmtree(out / "d2po" / "checkpoint-3")
    begun = (out / "d2po" / "checkpoint-2" / "budget.json").stat().st_mtime_ns
    launched(*how, **more)
    # Else it began anew, and came to the same.
    assert (out / "d2po" / "checkpoint-2" / "budget.json").stat().st_mtime_ns == begun
    assert apart(weights(out, "d2po"), sharded) < moved / 1000


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now


def two_clocks(rank: int, meeting: str, notes: str) -> None:
    """Take two steps by a clock that goes slow in the first process and fast in the second."""
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}
    from accelerate import PartialState

    PartialState(cpu=True)
    budget.time = clock = Clock(1000.0 * rank)
    one, told = budget.Budget(minutes=1), []
    one.on_train_begin(None, None, None)
    for step in (1, 2):
        clock.now += (30, 500)[rank]
        control = SimpleNamespace(should_training_stop=False, should_save=False)
        one.on_step_end(None, SimpleNamespace(global_step=step, max_steps=100), control)
        told.append([one.elapsed, one.rate(0.1), control.should_training_stop])
    Path(notes, f"{rank}.json").write_text(json.dumps(told))
    torch.distributed.destroy_process_group()


def test_the_first_process_says_when_the_minutes_are_over(tmp_path: Path) -> None:
    meeting = f"file://{tmp_path}/meeting"
    torch.multiprocessing.spawn(two_clocks, (meeting, str(tmp_path)), nprocs=2)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert [(seconds, over) for seconds, _, over in first] == [(30, False), (60, True)]
