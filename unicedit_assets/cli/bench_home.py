"""``unicedit bench from-home``: the scores of asset runs, for the same reports and exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.cli.bench_options import DEFAULT_HOME, HomeOption

console = Console()


def from_home(
    out: Annotated[Path, typer.Argument(help="Folder of outputs to write, in upstream's layout.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write what the assets scored as `bench score` would: pictures, list, records, coverage.

    Then `bench report`, `compare` and `export` take OUT/unicbench.
    """
    from unicedit_assets.bench.folder import COVERAGE_FILE, RUN_FILE
    from unicedit_assets.bench.samples import load_samples
    from unicedit_assets.bench.store import RECORDS_FILE, write_json, write_parquet
    from unicedit_assets.cli.home import enter
    from unicedit_assets.pipeline.unicbench_records import lake_pictures, list_rows, records_of
    from unicedit_assets.storage.files import write_text

    project = enter(home)
    records, coverage = records_of(project)
    if not records.num_rows:
        raise BenchError(f"{home} holds no benchmark scores: `unicedit run` makes them")
    for name, data in lake_pictures(project):
        place = out / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    rows = [json.dumps(row, ensure_ascii=False) + "\n" for row in list_rows(project)]
    listed = write_text(out / "list.jsonl", "".join(rows))
    folder = out / "unicbench"
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet(records, folder / RECORDS_FILE)
    write_parquet(coverage, folder / COVERAGE_FILE)
    run = {
        "data": str(listed.absolute()),
        "data_sha256": load_samples(listed).sha256,
        "images": str(out.absolute()),
        "rule": "none",
        "home": str(home),
        "judges": [],
    }
    write_json(run, folder / RUN_FILE)
    console.print(f"records: {folder}", soft_wrap=True, markup=False)
