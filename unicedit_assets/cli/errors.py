"""Errors that are answers: shown as one sentence instead of a traceback."""

from __future__ import annotations

from resources.failures import EXPECTED
from unicedit_assets.cli.photographs import NoPhotographsError
from unicedit_assets.cli.running import RunError
from unicedit_assets.published.audit.files import NoDataError
from unicedit_assets.published.triplets import InputError
from unicedit_assets.published.verdicts import OutputError

_EXPECTED = (*EXPECTED, InputError, NoDataError, NoPhotographsError, OutputError, RunError)


def is_expected(error: Exception) -> bool:
    """Tell whether the error's own sentence is all that a person needs."""
    return isinstance(error, _EXPECTED)
