"""Errors that are answers: shown as one sentence instead of a traceback."""

from __future__ import annotations

from unicedit_assets.cli.photographs import NoPhotographsError
from unicedit_assets.cli.running import RunError
from unicedit_assets.pipeline.project import BlockedInputError, MissingInputError
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.published.audit.files import NoDataError
from unicedit_assets.published.triplets import InputError
from unicedit_assets.published.verdicts import OutputError
from unicedit_assets.settings import SettingsError
from unicedit_assets.storage.blobs import StorageError

_EXPECTED = (
    BlockedInputError,
    InputError,
    MissingInputError,
    NoDataError,
    NoPhotographsError,
    OutputError,
    RegistryError,
    RunError,
    SettingsError,
    SourceRootError,
    StorageError,
)


def is_expected(error: Exception) -> bool:
    """Tell whether the error's own sentence is all that a person needs."""
    return isinstance(error, _EXPECTED)
