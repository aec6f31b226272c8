"""``unicedit bench``: score any model on UnicBench, with any judge; no Dagster needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unicedit_assets.bench.frames import MEANINGS, Rule
from unicedit_assets.bench.samples import SampleList
from unicedit_assets.settings import HOME_VARIABLE

bench_app = typer.Typer(
    help="UnicBench for any model and any judge: generate, score, rescore.",
    no_args_is_help=True,
)
console = Console()

_RULES = "; ".join(f"{rule.value}: {meaning}" for rule, meaning in MEANINGS.items())
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        help="The benchmark: a .jsonl in the form of upstream's test_data.jsonl, a folder of "
        "Parquet files, or the id of a hub data set.",
    ),
]
SourcesOption = Annotated[
    Path | None,
    typer.Option(help="Folder of the source pictures; default: where the list lies."),
]
LanguagesOption = Annotated[
    str, typer.Option(help="Languages of the instructions, parted by commas or spaces.")
]
HomeOption = Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE)]
_HOME = Path("unicedit-home")


def words(text: str) -> tuple[str, ...]:
    """Return the words of an option that holds several."""
    return tuple(dict.fromkeys(re.split(r"[\s,]+", text.strip()))) if text.strip() else ()


# So that `--languages en cn` works as it is written everywhere else.
_WORDS_FOLLOW = {"allow_extra_args": True}


def _languages(first: str, context: typer.Context) -> tuple[str, ...]:
    return words(" ".join([first, *context.args]))


@bench_app.command(context_settings=_WORDS_FOLLOW)
def score(
    context: typer.Context,
    images: Annotated[
        Path,
        typer.Option(help="Outputs at {model}/{subtask_with_underscores}/{language}/{key}.png."),
    ],
    model: Annotated[str, typer.Option(help="Which model: a folder of --images.")],
    judge: Annotated[
        list[str],
        typer.Option(
            help="Repeatable: a URL (http://127.0.0.1:8000/v1), vllm:PATH, a name of the "
            "project's [vlms], or `embedded`."
        ),
    ],
    data: DataOption,
    judge_model: Annotated[
        list[str] | None,
        typer.Option(help="The model's name at a URL; one for each URL, in their order."),
    ] = None,
    judge_revision: Annotated[
        list[str] | None,
        typer.Option(
            help="What is served at a URL, or the hub revision of vllm:; in the order of those "
            "judges. Another text is another judge: change it with the checkpoint."
        ),
    ] = None,
    sources: SourcesOption = None,
    languages: LanguagesOption = "en cn",
    subtasks: Annotated[
        list[str] | None, typer.Option(help="Only this subtask (repeatable); default: all.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many samples of each subtask.")
    ] = None,
    resize: Annotated[Rule, typer.Option(help=f"How the model resizes: {_RULES}.")] = Rule.NONE,
    variant: Annotated[
        str, typer.Option(help="`base`, or `rewritten`: instructions rewritten before editing.")
    ] = "base",
    repeats: Annotated[int, typer.Option(min=1, help="How often each question is asked.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, max=2.0, help="Of the judge.")] = 0.1,
    attempts: Annotated[
        int, typer.Option(min=1, help="Most times a question is asked whose reply is no grade.")
    ] = 3,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest reply.")] = 512,
    max_pixels: Annotated[
        int, typer.Option(min=1024, help="Larger pictures are shrunk to this; recorded.")
    ] = 1_100_000,
    prompts: Annotated[
        Path | None, typer.Option(help="Folder of other judge prompts; see docs/unicbench.md.")
    ] = None,
    structured: Annotated[
        str, typer.Option(help="What a URL is asked for: json_schema, json_object or none.")
    ] = "json_schema",
    concurrency: Annotated[
        int, typer.Option(min=1, help="Questions in flight at once at each URL.")
    ] = 16,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for one try.")] = 180.0,
    deadline: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one question, all tries.")
    ] = 600.0,
    key_variable: Annotated[
        str, typer.Option(help="Environment variable with the key.")
    ] = "OPENAI_API_KEY",
    require_coverage: Annotated[
        bool,
        typer.Option("--require-coverage", help="Missing or unusable outputs are an error."),
    ] = False,
    retry_unscored: Annotated[
        bool, typer.Option("--retry-unscored", help="Ask again what had no usable reply.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Records and coverage; default: IMAGES/MODEL/unicbench.")
    ] = None,
    home: HomeOption = _HOME,
) -> None:
    """Judge a model's outputs on UnicBench; a second call goes on where the first one stopped.

    Each metric is a question of its own, whose raw reply is kept. What is missing, unreadable, of a
    size that --resize does not explain, or unscored is counted as that and is never a zero.
    """
    from resources.judges import JudgeChoice
    from unicedit_assets.bench.run import Run, RunSettings
    from unicedit_assets.cli.benching import judges_of, run_and_show
    from unicedit_assets.vlm.judge import JudgeOptions

    choice = JudgeChoice(
        home=home,
        options=JudgeOptions(temperature, attempts, max_tokens),
        max_pixels=max_pixels,
        concurrency=concurrency,
        timeout=timeout,
        deadline=deadline,
        key_variable=key_variable,
        structured=structured,
        prompts=prompts,
    )
    settings = RunSettings(
        images=images,
        model=model,
        languages=_languages(languages, context),
        variant=variant,
        subtasks=tuple(subtasks or ()),
        limit=limit,
        rule=resize,
        repeats=repeats,
        require_coverage=require_coverage,
        again=retry_unscored,
    )
    judges = judges_of(judge, choice, judge_model or [], judge_revision or [])
    run = Run(load(data, sources), judges, settings)
    run_and_show(run, out, console)


@bench_app.command(context_settings=_WORDS_FOLLOW)
def generate(
    context: typer.Context,
    editor: Annotated[
        str,
        typer.Option(
            help="`classical`, `identity`, a name of the project's [editors], or a folder with a "
            "diffusers pipeline."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of outputs; the model's folder goes in it.")],
    data: DataOption,
    name: Annotated[str | None, typer.Option(help="The model's folder; default: --editor.")] = None,
    sources: SourcesOption = None,
    languages: LanguagesOption = "en cn",
    subtasks: Annotated[
        list[str] | None, typer.Option(help="Only this subtask (repeatable); default: all.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many samples of each subtask.")
    ] = None,
    home: HomeOption = _HOME,
) -> None:
    """Run one of our editors over the benchmark, into the layout that `score` reads; resumable."""
    from resources.benchmarked import editor_from_text
    from unicedit_assets.cli.benching import generate_and_show

    label, chosen = editor_from_text(editor, home)
    benchmark = load(data, sources)
    samples = benchmark.selected(tuple(subtasks or ()), limit)
    generate_and_show(samples, _languages(languages, context), chosen, out, name or label, console)


@bench_app.command()
def rescore(
    out: Annotated[Path, typer.Argument(help="A folder that `score` wrote.")],
) -> None:
    """Parse the kept raw replies again, without asking anybody."""
    from unicedit_assets.bench.folder import rescore as parse_again

    rows, changed = parse_again(out)
    console.print(f"{rows} records, {changed} of them read differently now")


def load(data: str, sources: Path | None) -> SampleList:
    """Return the benchmark that ``--data`` names.

    Raises:
        BenchError: it cannot be read, or breaks a rule.
    """
    from resources.hub import samples_from_hub
    from unicedit_assets.bench.samples import load_samples

    if not Path(data).exists() and _HUB_ID.fullmatch(data) and not data.endswith(".jsonl"):
        return samples_from_hub(data)
    return load_samples(Path(data), sources)
