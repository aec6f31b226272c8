"""``unicedit bench``: score any model on UnicBench, with any judge; no Dagster needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unicedit_assets.bench.frames import Rule
from unicedit_assets.bench.layout import BASE
from unicedit_assets.bench.samples import SampleList
from unicedit_assets.cli import bench_options as opt
from unicedit_assets.vlm.encoding import Encoding

bench_app = typer.Typer(
    help="UnicBench for any model and any judge: generate, score, report, compare, export.",
    no_args_is_help=True,
)
console = Console()

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


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
    images: opt.ImagesOption,
    model: opt.ModelOption,
    judge: opt.JudgeOption,
    data: opt.DataOption,
    judge_model: opt.JudgeModelOption = None,
    judge_revision: opt.JudgeRevisionOption = None,
    sources: opt.SourcesOption = None,
    languages: opt.LanguagesOption = "en cn",
    subtasks: opt.SubtasksOption = None,
    limit: opt.LimitOption = None,
    resize: opt.ResizeOption = Rule.NONE,
    variant: opt.VariantOption = BASE,
    repeats: opt.RepeatsOption = 1,
    temperature: opt.TemperatureOption = 0.1,
    attempts: opt.AttemptsOption = 3,
    max_tokens: opt.MaxTokensOption = 512,
    max_pixels: opt.MaxPixelsOption = 1_100_000,
    encoding: opt.EncodingOption = Encoding.PNG,
    prompts: opt.PromptsOption = None,
    structured: opt.StructuredOption = "json_schema",
    concurrency: opt.ConcurrencyOption = 16,
    timeout: opt.TimeoutOption = 180.0,
    deadline: opt.DeadlineOption = 600.0,
    key_variable: opt.KeyVariableOption = "OPENAI_API_KEY",
    require_coverage: opt.CoverageOption = False,
    retry_unscored: opt.RetryOption = False,
    out: opt.OutOption = None,
    home: opt.HomeOption = opt.DEFAULT_HOME,
) -> None:
    """Judge a model's outputs on UnicBench; a second call goes on where the first one stopped.

    Each metric is a question of its own, whose raw reply is kept. What is missing, unreadable, of a
    size that --resize does not explain, or unscored is counted as that and is never a zero.
    """
    from resources.judges import JudgeChoice
    from unicedit_assets.bench.run import RunSettings
    from unicedit_assets.cli.benching import score_and_show
    from unicedit_assets.vlm.judge import JudgeOptions

    choice = JudgeChoice(
        home=home,
        options=JudgeOptions(temperature, attempts, max_tokens),
        max_pixels=max_pixels,
        encoding=encoding,
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
    named = (judge, judge_model or [], judge_revision or [])
    score_and_show(named, choice, load(data, sources), settings, out, console)


@bench_app.command(context_settings=_WORDS_FOLLOW)
def generate(
    context: typer.Context,
    editor: opt.EditorOption,
    out: opt.OutputsOption,
    data: opt.DataOption,
    name: opt.NameOption = None,
    sources: opt.SourcesOption = None,
    languages: opt.LanguagesOption = "en cn",
    subtasks: opt.SubtasksOption = None,
    limit: opt.LimitOption = None,
    home: opt.HomeOption = opt.DEFAULT_HOME,
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
