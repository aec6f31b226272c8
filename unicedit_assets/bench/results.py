"""What runs left in their folders, read back as one set of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.exports.tables import Result
from unicedit_assets.bench.exports.upstream import Cell, Texts
from unicedit_assets.bench.folder import read_coverage, read_run
from unicedit_assets.bench.layout import ENDINGS, folder_of
from unicedit_assets.bench.samples import Sample, SampleList
from unicedit_assets.bench.sheet import Run, Sheet, sheets
from unicedit_assets.bench.statistics import RESAMPLES, lines
from unicedit_assets.bench.store import read_records


@dataclass(frozen=True)
class Results:
    """Records and coverage of one or several folders.

    Attributes:
        folders: where they were read from.
        runs: what ``run.json`` says, one a folder.
        places: (model, variant) -> the folder of outputs that its pictures lie in.
    """

    folders: tuple[Path, ...]
    records: pa.Table
    coverage: pa.Table
    runs: tuple[Mapping[str, Any], ...]
    places: Mapping[tuple[str, str], Path]

    @cached_property
    def sheets(self) -> list[Sheet]:
        """One sheet a run of a judge over a model."""
        return sheets(self.records, self.coverage)

    @property
    def data(self) -> str:
        """The benchmark as the runs named it; empty when they do not say."""
        return str(next((run["data"] for run in self.runs if "data" in run), ""))

    def results(self, resamples: int = RESAMPLES) -> list[Result]:
        """Return every run with its lines."""
        return [Result(sheet.run, tuple(lines(sheet, resamples))) for sheet in self.sheets]

    def sheet(self, text: str) -> Sheet:
        """Return the run that a text names: MODEL, MODEL:VARIANT, or either with @JUDGE.

        Raises:
            BenchError: none, or several; the message names them.
        """
        found = [sheet for sheet in self.sheets if _names(text, sheet.run)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(label(sheet.run) for sheet in found or self.sheets)
        what = "several runs are" if found else "no run is"
        raise BenchError(f"{what} called {text!r}; there are: {known}")

    def edited_path(self, row: Mapping[str, Any]) -> Path | None:
        """Return where a coverage row's picture is now; None when it cannot be found."""
        if row["path"] and Path(row["path"]).is_file():
            return Path(row["path"])
        images = self.places[row["model"], row["variant"]]
        stem = images / row["model"] / folder_of(row["subtask"]) / row["language"] / row["key"]
        named = (stem.with_name(f"{row['key']}{ending}") for ending in ENDINGS)
        return next((path for path in named if path.is_file()), None)

    def texts(self, samples: SampleList) -> Texts:
        """Return what the records do not hold: instructions, and where the pictures are."""
        instructions: dict[Cell, str] = {
            (sample.key, language): text
            for sample in samples.samples
            for language, text in sample.prompts.items()
        }
        return Texts(instructions, {})

    def paths_of(self, run: Run) -> dict[Cell, str]:
        """Return (key, language) -> the picture's path, as the coverage has it."""
        return {
            (row["key"], row["language"]): row["path"]
            for row in self.coverage.to_pylist()
            if (row["model"], row["variant"]) == (run.model, run.variant)
        }

    def require_list(self, samples: SampleList) -> None:
        """See that a benchmark is the one that was scored.

        Raises:
            BenchError: it is another list.
        """
        scored = {run["data_sha256"] for run in self.runs if "data_sha256" in run}
        if scored and scored != {samples.sha256}:
            raise BenchError(
                f"{samples.name} is another list than the one that was scored ({self.data}): "
                "name that with --data"
            )


def label(run: Run) -> str:
    """Return the text that names a run on the command line."""
    model = run.model if run.variant == "base" else f"{run.model}:{run.variant}"
    return f"{model}@{run.judge}"


def _names(text: str, run: Run) -> bool:
    model = run.model if run.variant == "base" else f"{run.model}:{run.variant}"
    return text in (model, label(run)) or (
        # Judges' names end with a hash; what comes before it is what people remember.
        text.startswith(f"{model}@") and run.judge.startswith(text.removeprefix(f"{model}@"))
    )


def read_results(folders: Sequence[Path]) -> Results:
    """Read the folders that ``unicedit bench score`` wrote.

    Raises:
        BenchError: nothing is there, it is damaged, or the folders are of different lists.
    """
    if not folders:
        raise BenchError("name at least one folder that `unicedit bench score` wrote")
    runs = [read_run(folder) for folder in folders]
    lists = {run["data_sha256"] for run in runs if "data_sha256" in run}
    if len(lists) > 1:
        raise BenchError(
            "the folders are of different benchmark lists and cannot stand in one table: "
            + ", ".join(str(folder) for folder in folders)
        )
    coverages = [read_coverage(folder) for folder in folders]
    records = [read_records(folder) for folder in folders]
    places: dict[tuple[str, str], Path] = {}
    for folder, run, table in zip(folders, runs, coverages, strict=True):
        images = Path(str(run.get("images", "")))
        place = images if run and images.is_dir() else folder.absolute().parent.parent
        models = zip(table["model"].to_pylist(), table["variant"].to_pylist(), strict=True)
        places |= dict.fromkeys(models, place)
    return Results(
        folders=tuple(folders),
        records=pa.concat_tables(records),
        coverage=pa.concat_tables(coverages),
        runs=tuple(runs),
        places=places,
    )


def by_key(samples: SampleList | None) -> dict[str, Sample]:
    """Return the samples by key; none where there is no list."""
    return {sample.key: sample for sample in samples.samples} if samples else {}
