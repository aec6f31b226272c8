"""``unicedit repair``: find what rotted, set it aside, make it again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from unicedit_assets.cli.home import instance
from unicedit_assets.cli.running import run_stages
from unicedit_assets.pipeline.pending import REPAIRABLE, State, standings
from unicedit_assets.pipeline.project import ON_DEMAND, Project
from unicedit_assets.pipeline.repair import Examined, examine_all, partitions, quarantine


def find_damage(project: Project, console: Console) -> list[Examined]:
    """Examine every current partition with a progress bar, and list what is damaged."""
    refs = partitions(project)
    with Progress(console=console) as progress:
        examined = examine_all(project, refs)
        watched = progress.track(examined, total=len(refs), description="reading every byte")
        found = [each for each in watched if each.damage.blobs]
    for ref, damage in found:
        console.print(f"[red]damaged[/] {ref}")
        for why in damage.blobs.values():
            console.print(f"  {why}", soft_wrap=True, markup=False)
    console.print(f"{len(refs)} partitions examined, {len(found)} damaged")
    return found


def set_damage_aside(project: Project, found: Sequence[Examined], console: Console) -> None:
    """Move what is damaged to the quarantine and say where."""
    place = quarantine(project, found)
    console.print(
        f"set aside in {project.ledger.store.url}/{place}; nothing was deleted", soft_wrap=True
    )


def remake(project: Project, found: Sequence[Examined], console: Console) -> None:
    """Make damaged partitions again, and say whether what is made from them is still current.

    Args:
        project: opened after they were set aside.
        found: what was damaged.
        console: where progress is shown.

    Raises:
        RunError: some could not be made.
    """
    for ref in (each.ref for each in found if each.ref.stage in ON_DEMAND):
        project.run(ref)
    stages = {each.ref.stage for each in found} & set(REPAIRABLE)
    report = run_stages(project, instance(), sorted(stages), console)
    console.print(f"{len(report.made)} partitions made again")
    stale = sum(each.state is State.STALE for each in standings(project))
    if stale:
        console.print(f"{stale} partitions are stale; next: `unicedit run`")
