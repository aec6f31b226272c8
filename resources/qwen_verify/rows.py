"""Training sets as Parquet (``verify_sft_set``, ``verify_preference_set``), row by row at random.

The rows are copied once into an Arrow file that is mapped into memory: a shuffled pass over Parquet
would decode a whole row group for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify.question import Example

_NEEDED = ("key", "kind", "subtask", "images", "prompt_en", "prompt_cn")
_OPTIONAL = ("target", "chosen", "rejected")


class ParquetExamples(Sequence[Example]):
    """The examples of Parquet files, in the order of file names and rows.

    Args:
        source: a Parquet file or a folder of them.
        mapped: where the mapped copy is kept; made when it is not there.

    Raises:
        FileNotFoundError: there is no Parquet file.
        ValueError: a column is missing.
    """

    def __init__(self, source: Path, mapped: Path) -> None:
        files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
        if not files or not all(file.is_file() for file in files):
            raise FileNotFoundError(
                f"{source} holds no Parquet file: build the training sets first"
            )
        if not mapped.exists():
            _copy(files, mapped)
        self._table = pa.ipc.open_file(pa.memory_map(str(mapped))).read_all()
        _require(self._table.column_names, files[0])

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, index: Any) -> Any:
        row = {name: self._table[name][index].as_py() for name in self._table.column_names}
        source, edited = (_decoded(image["bytes"], row["key"]) for image in row["images"])
        return Example(
            key=row["key"],
            kind=row["kind"],
            subtask=row["subtask"],
            source=source,
            edited=edited,
            en=row["prompt_en"],
            cn=row["prompt_cn"],
            target=row.get("target") or row.get("chosen") or "",
            rejected=row.get("rejected") or "",
        )


def _require(names: Sequence[str], file: Path) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing or not {"target", "chosen"} & set(names):
        raise ValueError(f"{file} lacks {', '.join(missing or ['target or chosen'])}")


def _copy(files: Sequence[Path], mapped: Path) -> None:
    mapped.parent.mkdir(parents=True, exist_ok=True)
    part = mapped.with_suffix(".part")
    schema = pq.read_schema(files[0])
    wanted = [name for name in (*_NEEDED, *_OPTIONAL) if name in schema.names]
    _require(schema.names, files[0])
    with pa.OSFile(str(part), "wb") as sink:
        narrow = pa.schema([schema.field(name) for name in wanted])
        with pa.ipc.new_file(sink, narrow) as out:
            for file in files:
                for batch in pq.ParquetFile(file).iter_batches(64, columns=wanted):
                    out.write_batch(batch.select(wanted).cast(narrow))
    part.replace(mapped)


def _decoded(data: bytes | None, key: str) -> Pixels:
    pixels = None if data is None else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"row {key}: a picture cannot be decoded")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
