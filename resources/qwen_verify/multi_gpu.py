"""Training on several GPUs: both stages on Parquet sets, started once for each GPU.

    accelerate launch --config_file deploy/accelerate-fsdp.yaml \\
        -m resources.qwen_verify.multi_gpu \\
        BASE --sft SFT --preference PREFERENCE --out OUT [--settings SETTINGS.toml]

SFT and PREFERENCE are the files or folders of the two training sets. LoRA runs as copies of the
model; FSDP shards the model and is for training all weights (``lora_rank = 0``). What comes out is
registered by ``unicedit verify add``; on one GPU ``unicedit verify train`` does all of this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from resources.qwen_verify.in_pipeline import QwenVerifyTrainer
from unicedit_assets.domain.identity import digest
from unicedit_assets.qwen_verify.packing import PackedExamples, pack
from unicedit_assets.qwen_verify.splitting import Split
from unicedit_assets.qwen_verify.training import Method, TrainingError, TrainingJob
from unicedit_assets.settings.training import TrainingSettings

_NEEDED = ("key", "split", "kind", "subtask", "images", "prompt_en", "prompt_cn", "target")
_OPTIONAL = ("rejected",)
_NOTE = "made-from.json"
# What a training leaves in its folder.
_HELD = ("sft", "d2po", "dpo", "sft-rows", "preference-rows", "curve.csv")
_END = 64 << 10
# How long processes wait for one another, such as while the first one saves.
_PATIENCE = timedelta(minutes=30)


def train(
    base: str, sft_rows: Path, preference_rows: Path, out: Path, settings: TrainingSettings
) -> Path:
    """Train both stages from a pretrained Qwen-VL; return the folder of the weights.

    A stage that is finished is taken as it is, one that was cut off is gone on with.

    Raises:
        FileNotFoundError, ValueError: a set is missing, or is none.
        TrainingError: the method is contradicted, or the folder belongs to another training.
    """
    if settings.preference.context and settings.trouble_with_d2po:
        raise TrainingError(settings.trouble_with_d2po)
    _claim(out, made_from(base, sft_rows, preference_rows, settings))
    trainer, values = QwenVerifyTrainer(), settings.model_dump(mode="json")
    rows = training_rows(sft_rows, out / "sft-rows")
    supervised = trainer.train(TrainingJob(Method.SFT, base, rows, values, out)).folder
    method = Method.D2PO if settings.preference.context else Method.DPO
    rows = training_rows(preference_rows, out / "preference-rows")
    return trainer.train(TrainingJob(method, str(supervised), rows, values, out)).folder


def made_from(base: str, sft_rows: Path, preference_rows: Path, settings: TrainingSettings) -> str:
    """Return a hash of all that a training is made from: weights, rows, and what changes them."""
    rows = [
        [file.name, file.stat().st_size, _ending(file)]
        for source in (sft_rows, preference_rows)
        for file in _files(source)
    ]
    identity = dict(QwenVerifyTrainer().base_identity(base))
    processes = os.environ.get("WORLD_SIZE", "1")  # each takes a batch of its own
    return digest("multi-gpu", identity, settings.identity_fields(), rows, processes)


def _ending(file: Path) -> str:
    """Return a hash of a Parquet file's end, which tells where everything lies in it."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _END))
        return hashlib.sha256(stream.read()).hexdigest()


def _claim(out: Path, origin: str) -> None:
    """Write down what a folder's training is made from, or compare it with what is there.

    Raises:
        TrainingError: the folder holds what was made from something else.
    """
    note = out / _NOTE
    if not note.is_file() and not any((out / name).exists() for name in _HELD):
        out.mkdir(parents=True, exist_ok=True)
        # Each process writes the same.
        part = out / f"{_NOTE}.{os.getpid()}.part"
        part.write_text(json.dumps({"made_from": origin}))
        part.replace(note)
    told = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    if told.get("made_from") != origin:
        raise TrainingError(
            f"{out} holds a training with another base, other settings, other rows or another "
            "number of processes: name a new folder with --out"
        )


def _files(source: Path) -> list[Path]:
    files = _parquet_files(source) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise FileNotFoundError(f"{source} holds no Parquet file: make the training sets first")
    return files


def training_rows(source: Path, folder: Path) -> PackedExamples:
    """Return the rows of Parquet files that are for training, copied once into a folder.

    Args:
        source: a file of ``verify_sft_set`` or ``verify_preference_set``, or a folder of them.
        folder: of the copy.

    Raises:
        FileNotFoundError: there is no Parquet file.
        ValueError: a column is missing.
    """
    files = _files(source)
    for file in files:
        missing = [name for name in _NEEDED if name not in pq.read_schema(file).names]
        if missing:
            raise ValueError(f"{file} lacks {', '.join(missing)}: it is no training set")
    return pack(folder, _rows(files))


def _parquet_files(folder: Path) -> list[Path]:
    """Return the files of a set; in a partition of the lake, rejects lie beside its rows."""
    return sorted(folder.rglob("rows-*.parquet")) or sorted(folder.rglob("*.parquet"))


def _rows(files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    for file in files:
        opened = pq.ParquetFile(file)
        columns = [name for name in (*_NEEDED, *_OPTIONAL) if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(64, columns=columns):
            yield from (row for row in batch.to_pylist() if row["split"] == Split.TRAIN)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; ``accelerate launch -m`` comes in here."""
    import torch
    from accelerate import PartialState

    from resources.qwen_verify import preparing

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("--sft", type=Path, required=True)
    parser.add_argument("--preference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--settings", type=Path, help="TOML file with the training settings")
    chosen = parser.parse_args(arguments)
    values = tomllib.loads(chosen.settings.read_text("utf-8")) if chosen.settings else {}
    settings = preparing.resolved(TrainingSettings.model_validate(values))
    # Else the launcher's own would overrule what is said here.
    half = settings.precision == "bfloat16"
    os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16" if half else "no"
    # Before weights are read: under FSDP the first process alone reads them, once all have met.
    PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    print(train(chosen.base, chosen.sft, chosen.preference, chosen.out, settings))


if __name__ == "__main__":
    main()
