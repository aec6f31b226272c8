"""Errors that are answers: shown as one sentence instead of a traceback."""

from __future__ import annotations

from resources.failures import EXPECTED
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.cli.photographs import NoPhotographsError
from unicedit_assets.cli.running import RunError
from unicedit_assets.published.audit.files import NoDataError
from unicedit_assets.published.triplets import InputError
from unicedit_assets.published.verdicts import OutputError
from unicedit_assets.qwen_verify.promotion import NotComparable
from unicedit_assets.vlm.judge_prompts import PromptsError

_EXPECTED = (
    *EXPECTED,
    BenchError,
    InputError,
    NoDataError,
    NoPhotographsError,
    NotComparable,
    OutputError,
    PromptsError,
    RunError,
)


def is_expected(error: Exception) -> bool:
    """Tell whether the error's own sentence is all that a person needs."""
    return isinstance(error, _EXPECTED)
