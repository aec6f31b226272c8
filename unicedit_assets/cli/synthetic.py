"""``unicedit synthetic``: look at the synthetic pairs, count them, make shards of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from unicedit_assets.settings import HOME_VARIABLE

if TYPE_CHECKING:
    from unicedit_assets.domain.roles import Pixels

app = typer.Typer(help="Pairs with exact truth, drawn from scene graphs.", no_args_is_help=True)
console = Console()

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@app.command()
def sheet(
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("sheet.png"),
    subtask: Annotated[
        list[str] | None, typer.Option(help="Only these subtasks (repeatable); default: all.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as collateral.")] = None,
    each: Annotated[int, typer.Option(min=1, help="Pairs for each subtask.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The first pair's seed.")] = 0,
    style: Annotated[str, typer.Option(help="plain or rich.")] = "rich",
    split: Annotated[str, typer.Option(help="Which split's scenes.")] = "train",
    strength: Annotated[float | None, typer.Option(help="0 to 1; default: drawn.")] = None,
    mask: Annotated[bool, typer.Option("--mask", help="Outline what changed.")] = False,
    photos: Annotated[
        Path | None, typer.Option(help="A folder of photographs to use as backdrops.")
    ] = None,
    cutouts: Annotated[
        Path | None,
        typer.Option(help="A folder of cut-outs: /usr/share/tuxpaint/stamps, or cat/tom.png ..."),
    ] = None,
) -> None:
    """Draw pairs side by side with their texts: source, edit, what was said, what is true."""
    from PIL import Image

    from unicedit_assets.domain.taxonomy import SUBTASKS
    from unicedit_assets.synthetic.cutouts import CutoutError, load_cutouts
    from unicedit_assets.synthetic.generator import PairSpec, make_pair
    from unicedit_assets.synthetic.pair import Kind
    from unicedit_assets.synthetic.sheet import contact_sheet

    if kind is not None and kind not in set(Kind):
        raise typer.BadParameter(f"no kind {kind!r}; there are: {', '.join(Kind)}")
    if style == "plain" and (photos or cutouts):
        raise typer.BadParameter("--photos and --cutouts need --style rich")
    try:
        cut = load_cutouts(cutouts) if cutouts else None
    except CutoutError as error:
        raise typer.BadParameter(str(error)) from error
    backgrounds = _photographs(photos) if photos else ()
    pairs = []
    for name in subtask or SUBTASKS:
        for number in range(each):
            spec = PairSpec(
                name,
                Kind(kind) if kind else None,
                strength,
                split=split,
                style=style,
                backgrounds=backgrounds,
                cutouts=cut,
            )
            pairs.append(make_pair(seed + number, spec))
    Image.fromarray(contact_sheet(pairs, mask=mask)).save(out)
    console.print(f"{len(pairs)} pairs: {out}", soft_wrap=True, markup=False)


def _photographs(folder: Path, most: int = 32) -> Sequence[Pixels]:
    """Read the first photographs of a folder, by name, upright and at the size of the pairs.

    Raises:
        BadParameter: there are none, or one cannot be read.
    """
    there = folder.iterdir() if folder.is_dir() else ()
    found = sorted(path for path in there if path.suffix.lower() in _PICTURES)
    if not found:
        raise typer.BadParameter(f"no photographs in {folder}: name a folder of .jpg or .png files")
    return [_backdrop(path) for path in found[:most]]


def _backdrop(path: Path) -> Pixels:
    from unicedit_assets.published.pictures import PictureError, decode_picture
    from unicedit_assets.synthetic.backdrops import fitted
    from unicedit_assets.synthetic.generator import PairSpec

    try:
        return fitted(decode_picture(path.read_bytes()), PairSpec.size)
    except (OSError, PictureError) as error:
        raise typer.BadParameter(f"{path} cannot be read as a photograph: {error}") from error


@app.command()
def distribution(
    pairs: Annotated[int, typer.Option(min=1, help="How many pairs to draw.")] = 2200,
    seed: Annotated[int, typer.Option(min=0, help="The first pair's seed.")] = 0,
    style: Annotated[str, typer.Option(help="plain or rich.")] = "rich",
) -> None:
    """Count subtasks and kinds of so many pairs, beside the shares that they are drawn with."""
    from unicedit_assets.domain.taxonomy import SUBTASKS
    from unicedit_assets.synthetic.generator import DISTRIBUTION, PairSpec, make_pair

    spec, counted = PairSpec(size=(64, 64), style=style), Counter[tuple[str, str]]()
    for number in range(seed, seed + pairs):
        pair = make_pair(number, spec)
        counted[pair.subtask, pair.kind.value] += 1
    table = Table(title=f"{pairs} pairs from seed {seed}", padding=(0, 0))
    table.add_column("subtask", no_wrap=True)
    for name in (*DISTRIBUTION, "all"):
        table.add_column(name, justify="right", overflow="fold")
    for subtask in SUBTASKS:
        row = [counted[subtask, kind] for kind in DISTRIBUTION]
        table.add_row(subtask, *map(str, row), str(sum(row)))
    sums = [sum(counted[subtask, kind] for subtask in SUBTASKS) for kind in DISTRIBUTION]
    table.add_section()
    table.add_row("share", *(f"{100 * number / pairs:.1f} %" for number in sums), "")
    table.add_row("drawn with", *(f"{100 * share:.0f} %" for share in DISTRIBUTION.values()), "")
    console.print(table)


@app.command()
def make(
    shards: Annotated[
        int, typer.Option(min=1, help="How many shards there should be; kept in unicedit.toml.")
    ] = 1,
    home: Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE)] = Path("unicedit-home"),
) -> None:
    """Draw shards of pairs into the lake, through Dagster; what is there is left alone.

    Size, style and shares are settings: `unicedit settings synthetic_pairs`. A killed call resumes
    at its next chunk.
    """
    from unicedit_assets.cli.home import enter, instance
    from unicedit_assets.cli.running import run_stages

    project = enter(home)
    if shards > project.settings.synthetic_pairs.shards:
        _keep_shards(home, shards)
        project = enter(home)
    report = run_stages(project, instance(), ["synthetic_pairs"], console)
    console.print(f"{len(report.made)} shards made, {report.current} were up to date")


def _keep_shards(home: Path, shards: int) -> None:
    """Write the number into the settings, so that every later run knows these shards."""
    from unicedit_assets.settings import SETTINGS_FILE, with_value

    path = home / SETTINGS_FILE
    fresh = path.with_suffix(".new")
    text = with_value(path.read_text("utf-8"), "synthetic_pairs", "shards", shards)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
