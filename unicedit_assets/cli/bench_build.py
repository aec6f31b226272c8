"""``unicedit bench build``: a benchmark of one's own, reviewed by people and proved held out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.cli.bench_options import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project

build_app = typer.Typer(
    help="Propose candidates from held-out photographs, have them reviewed, freeze the accepted.",
    no_args_is_help=True,
)
console = Console()


@build_app.command()
def propose(
    out: Annotated[Path, typer.Argument(help="The review folder to write.")],
    photos: Annotated[
        Path | None,
        typer.Option(help="A folder of photographs; default: those the home holds out."),
    ] = None,
    shard: Annotated[
        list[str] | None, typer.Option(help="Also this shard of the home (repeatable).")
    ] = None,
    per_subtask: Annotated[int, typer.Option(min=1, help="Candidates wanted a subtask.")] = 50,
    seed: Annotated[int, typer.Option(help="Decides the instructions.")] = 1,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Propose samples and export them for review: a page, a table to mark, the pictures."""
    from unicedit_assets.bench.build import REVIEW, export_review
    from unicedit_assets.bench.build import propose as propose_samples
    from unicedit_assets.cli.benching import bar
    from unicedit_assets.cli.home import enter
    from unicedit_assets.report.bench_review import write_review_page

    project = enter(home)
    sources = list(_photographs(project, photos, shard or []))
    with bar(console) as progress:
        task = progress.add_task("photographs", total=len(sources), note="")

        def told() -> Iterator[bytes]:
            for path in sources:
                yield path.read_bytes()
                progress.advance(task)

        instructor = project.backends.instructor
        found = export_review(out, propose_samples(instructor, told(), per_subtask, seed))
    page = write_review_page(found, out / "review.html")
    subtasks = len({each.subtask for each in found})
    console.print(f"{len(found)} candidates of {subtasks} subtasks", highlight=False)
    console.print(f"look at {page}", soft_wrap=True, markup=False)
    console.print(
        f"mark {out / REVIEW} (or save it from the page), then `unicedit bench build freeze`",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _photographs(project: Project, photos: Path | None, shards: list[str]) -> Iterator[Path]:
    """Yield the photographs to propose from.

    Raises:
        BenchError: there are none, or they are not on this machine.
    """
    from unicedit_assets.truth.sampling import photographs

    if photos is not None and not shards:
        yield from photographs(photos)
        return
    held = project.registry.benchmark()
    lists = [project.registry.shard(name) for name in shards] or ([held] if held else [])
    if not lists:
        raise BenchError("this home holds no photographs out: register some, or give --photos")
    for each in lists:
        if "://" in each.root:
            raise BenchError(f"{each.root} is not on this machine: copy it and give --photos")
        yield from (Path(each.root) / entry.name for entry in each.entries if not entry.problem)


@build_app.command()
def freeze(
    review: Annotated[Path, typer.Argument(help="A reviewed folder.")],
    out: Annotated[Path, typer.Argument(help="The benchmark's folder, to be made.")],
    release: Annotated[
        list[Path] | None,
        typer.Option(help="A release in the published schema (repeatable), beside the home's own."),
    ] = None,
    embedder: Annotated[
        Path | None,
        typer.Option(help="Folder of a vision model (transformers), to compare embeddings too."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Freeze the accepted samples, after proving that no release contains their pictures.

    Refuses with the keys when one does. Use it with `\\[unicbench] list` or `bench score --data`.
    """
    from resources.embedders import embedder_in
    from unicedit_assets.bench.build import LIST, accepted
    from unicedit_assets.bench.build import freeze as freeze_list
    from unicedit_assets.bench.held_out import Proof, prove, release_files, require_held_out
    from unicedit_assets.cli.benching import bar
    from unicedit_assets.cli.home import enter

    candidates = accepted(review)
    folders = [*(release or []), *(_releases(enter(home)) if home.is_dir() else [])]
    proof = Proof()
    with bar(console) as progress:
        files = sum(len(release_files(folder)) for folder in folders)
        task = progress.add_task("releases", total=files, note="")
        for proof in prove(candidates, folders, embedder_in(embedder) if embedder else None):
            progress.update(task, completed=proof.files, note=f"{proof.pictures} pictures")
    require_held_out(proof)
    record = freeze_list(out, candidates, proof.record())
    console.print(
        f"{record['samples']} samples frozen; none is among {proof.pictures} pictures of "
        f"{proof.files} released files",
        highlight=False,
    )
    if not proof.files:
        console.print("note: there was no release to compare with", highlight=False)
    console.print(f"list: {out / LIST}", soft_wrap=True, markup=False)


def _releases(project: Project) -> list[Path]:
    from unicedit_assets.pipeline.summary import release_urls

    urls = release_urls(project).values()
    away = [url for url in urls if "://" in url]
    if away:
        raise BenchError(f"{away[0]} is not on this machine: copy it and give --release")
    return [Path(url) for url in urls]
