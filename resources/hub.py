"""A benchmark from the Hugging Face hub, through ``datasets``; pictures are fetched as bytes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.samples import Row, SampleList, checked
from unicedit_assets.bench.sources import IMAGE_COLUMNS, CalledPicture


def samples_from_hub(name: str, split: str = "") -> SampleList:
    """Load a data set with the official list's fields and a column of source pictures.

    Args:
        name: ``owner/name``, as the hub knows it.
        split: which part; empty: the only one, or ``test``.

    Raises:
        BenchError: no ``datasets``, no network, no such data set, or it breaks a rule.
    """
    if importlib.util.find_spec("datasets") is None:
        raise BenchError(f"--data {name}: pip install datasets, or download it and name its folder")
    import datasets

    try:
        loaded: Any = datasets.load_dataset(name, split=split or None)
    except Exception as error:  # anything from a missing repository to no network
        reason = " ".join(str(error).split())[:300]
        raise BenchError(
            f"the data set {name} cannot be had from the hub ({type(error).__name__}: {reason}): "
            "check name and network, or download it and give its folder or list to --data"
        ) from error
    return checked(name, _rows(name, _part_of(name, loaded)))


def _part_of(name: str, loaded: Any) -> Any:
    if hasattr(loaded, "column_names") and isinstance(loaded.column_names, list):
        return loaded
    parts = list(loaded)
    if len(parts) == 1:
        return loaded[parts[0]]
    if "test" in parts:
        return loaded["test"]
    raise BenchError(f"{name} has the parts {', '.join(parts)}, and none is called test")


def _rows(name: str, table: Any) -> Iterator[Row]:
    import datasets

    column = next((each for each in IMAGE_COLUMNS if each in table.column_names), None)
    if column is None:
        raise BenchError(f"{name} has no column {' or '.join(IMAGE_COLUMNS)} with source pictures")
    if isinstance(table.features[column], datasets.Image):
        table = table.cast_column(column, datasets.Image(decode=False))
    pictures = table.select_columns([column])
    fields = table.remove_columns([each for each in IMAGE_COLUMNS if each in table.column_names])
    for number, row in enumerate(fields):
        place = f"{name}, row {number}"
        yield Row(place, row, CalledPicture(place, _Fetch(pictures, column, number)))


class _Fetch:
    def __init__(self, table: Any, column: str, number: int) -> None:
        self._table, self._column, self._number = table, column, number

    def __call__(self) -> bytes:
        cell = self._table[self._number][self._column]
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(data, bytes) or not data:
            raise OSError("the picture is empty")
        return data
