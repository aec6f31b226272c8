"""The options of ``unicedit bench``, each named once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unicedit_assets.bench.frames import MEANINGS, Rule
from unicedit_assets.settings import HOME_VARIABLE
from unicedit_assets.vlm.encoding import WEBP_QUALITY, Encoding

_RULES = "; ".join(f"{rule.value}: {meaning}" for rule, meaning in MEANINGS.items())

DEFAULT_HOME = Path("unicedit-home")
HomeOption = Annotated[Path, typer.Option("--home", envvar=HOME_VARIABLE)]

# What is scored.
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
SubtasksOption = Annotated[
    list[str] | None, typer.Option(help="Only this subtask (repeatable); default: all.")
]
LimitOption = Annotated[
    int | None, typer.Option(min=1, help="At most so many samples of each subtask.")
]
ImagesOption = Annotated[
    Path, typer.Option(help="Outputs at {model}/{subtask_with_underscores}/{language}/{key}.png.")
]
ModelOption = Annotated[str, typer.Option(help="Which model: a folder of --images.")]
ResizeOption = Annotated[Rule, typer.Option(help=f"How the model resizes: {_RULES}.")]
VariantOption = Annotated[
    str, typer.Option(help="`base`, or `rewritten`: instructions rewritten before editing.")
]
CoverageOption = Annotated[
    bool, typer.Option("--require-coverage", help="Missing or unusable outputs are an error.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="Records and coverage; default: IMAGES/MODEL/unicbench.")
]

# Who judges.
JudgeOption = Annotated[
    list[str],
    typer.Option(
        help="Repeatable: a URL (http://127.0.0.1:8000/v1), vllm:PATH, a name of the project's "
        "\\[vlms], or `embedded`."
    ),
]
JudgeModelOption = Annotated[
    list[str] | None,
    typer.Option(help="The model's name at a URL; one for each URL, in their order."),
]
JudgeRevisionOption = Annotated[
    list[str] | None,
    typer.Option(
        help="What is served at a URL, or the hub revision of vllm:; in the order of those "
        "judges. Another text is another judge: change it with the checkpoint."
    ),
]
PromptsOption = Annotated[
    Path | None, typer.Option(help="Folder of other judge prompts; see docs/unicbench.md.")
]
StructuredOption = Annotated[
    str, typer.Option(help="What a URL is asked for: json_schema, json_object or none.")
]
KeyVariableOption = Annotated[str, typer.Option(help="Environment variable with the key.")]

# How it is asked.
RepeatsOption = Annotated[int, typer.Option(min=1, help="How often each question is asked.")]
TemperatureOption = Annotated[float, typer.Option(min=0.0, max=2.0, help="Of the judge.")]
AttemptsOption = Annotated[
    int, typer.Option(min=1, help="Most times a question is asked whose reply is no grade.")
]
MaxTokensOption = Annotated[int, typer.Option(min=1, help="Longest reply.")]
MaxPixelsOption = Annotated[
    int, typer.Option(min=1024, help="Larger pictures are shrunk to this; recorded.")
]
EncodingOption = Annotated[
    Encoding,
    typer.Option(
        help="How pictures travel, for all judges: lossless png, or webp of quality "
        f"{WEBP_QUALITY}, a fraction of the bytes; recorded."
    ),
]
ConcurrencyOption = Annotated[
    int, typer.Option(min=1, help="Questions in flight at once at each URL.")
]
TimeoutOption = Annotated[float, typer.Option(min=0.1, help="Seconds for one try.")]
DeadlineOption = Annotated[
    float, typer.Option(min=0.1, help="Seconds for one question, all tries.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-unscored", help="Ask again what had no usable reply.")
]

# What edits.
EditorOption = Annotated[
    str,
    typer.Option(
        help="`classical`, `identity`, a name of the project's \\[editors], or a folder with a "
        "diffusers pipeline."
    ),
]
OutputsOption = Annotated[
    Path, typer.Option(help="Folder of outputs; the model's folder goes in it.")
]
NameOption = Annotated[str | None, typer.Option(help="The model's folder; default: --editor.")]
