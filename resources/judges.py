"""From ``--judge`` to a judge of the benchmark; no model is loaded and nobody is called."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from resources.vlms.build import vlm_from
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.judges import BenchJudge, RoleBenchJudge, VlmBenchJudge
from unicedit_assets.evidence.judge import EmbeddedJudge
from unicedit_assets.settings import Settings
from unicedit_assets.settings.roles import EMBEDDED
from unicedit_assets.settings.vlms import HttpVlm, TransformersVlm, VllmVlm, VlmModel
from unicedit_assets.vlm.encoding import Encoding
from unicedit_assets.vlm.judge import JudgeOptions, VlmJudge
from unicedit_assets.vlm.judge_prompts import JudgePrompts, prompts_in

VLLM = "vllm:"
MAX_PIXELS = 1_100_000


@dataclass(frozen=True)
class JudgeChoice:
    """What all judges of a run have in common.

    Attributes:
        home: project whose ``[vlms.NAME]`` a name stands for.
        max_pixels, concurrency, timeout, deadline: as in ``[vlms]``; a named one has its own.
        encoding: how pictures travel, the same for all judges, named ones included.
        key_variable: environment variable with an endpoint's key.
        structured: how an endpoint is told to reply in JSON.
        prompts: folder of other prompts; None: ours.
    """

    home: Path
    options: JudgeOptions = field(default_factory=JudgeOptions)
    max_pixels: int = MAX_PIXELS
    encoding: Encoding = Encoding.PNG
    concurrency: int = 16
    timeout: float = 180.0
    deadline: float = 600.0
    key_variable: str = "OPENAI_API_KEY"
    structured: str = "json_schema"
    prompts: Path | None = None


def is_url(spec: str) -> bool:
    """Tell whether a judge is an endpoint, which needs a model's name."""
    return spec.startswith(("http://", "https://"))


def judge_from(spec: str, choice: JudgeChoice, model: str = "", revision: str = "") -> BenchJudge:
    """Return the judge that a text stands for: ``embedded``, a URL, ``vllm:PATH`` or a name.

    Args:
        spec: see above.
        choice: what all judges share.
        model: name under which an endpoint knows its model.
        revision: of what is served there, as the user knows it.

    Raises:
        BenchError: it stands for nothing, or a URL comes without a model.
        SettingsError: a package is missing, or a hub id comes without a revision.
        PromptsError: the folder of prompts cannot be used.
    """
    if spec == EMBEDDED:
        cores = len(os.sched_getaffinity(0))
        return RoleBenchJudge(EMBEDDED, EmbeddedJudge(), cores, choice.max_pixels, choice.encoding)
    settings = _settings(spec, choice, model, revision)
    label = spec if not is_url(spec) and not spec.startswith(VLLM) else settings.model
    prompts: JudgePrompts | None = prompts_in(choice.prompts) if choice.prompts else None
    judge = VlmJudge(vlm_from(label, settings), choice.options, prompts)
    likeliest = isinstance(settings, TransformersVlm)
    about = settings.model, settings.revision, settings.max_pixels
    return VlmBenchJudge(label, judge, *about, deterministic=likeliest, encoding=choice.encoding)


def _settings(spec: str, choice: JudgeChoice, model: str, revision: str) -> VlmModel:
    try:
        if is_url(spec):
            return _endpoint(spec, choice, model, revision)
        if spec.startswith(VLLM):
            path = spec.removeprefix(VLLM)
            return VllmVlm(model=path, revision=revision, max_pixels=choice.max_pixels)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"the judge {spec}: {where}: {first['msg']}") from error
    known = Settings.load(choice.home).vlms
    if spec not in known:
        names = ", ".join([*known, EMBEDDED])
        raise BenchError(
            f"no judge {spec!r}: give a URL such as http://127.0.0.1:8000/v1, vllm:PATH, or a name "
            f"of {choice.home}: {names}"
        )
    return known[spec]


def _endpoint(url: str, choice: JudgeChoice, model: str, revision: str) -> HttpVlm:
    if not model:
        raise BenchError(f"the judge {url} needs the name of its model: --judge-model")
    return HttpVlm(
        model=model,
        revision=revision,
        base_url=url,
        max_pixels=choice.max_pixels,
        concurrency=choice.concurrency,
        timeout=choice.timeout,
        deadline=choice.deadline,
        key_variable=choice.key_variable,
        structured=choice.structured,  # type: ignore[arg-type]
        logprobs=False,
    )
