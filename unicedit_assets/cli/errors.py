"""Errors that are answers: shown as one sentence instead of a traceback."""

from __future__ import annotations

from unicedit_assets.cli.photographs import NoPhotographsError
from unicedit_assets.cli.running import RunError
from unicedit_assets.pipeline.project import BlockedInputError, MissingInputError
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.storage.blobs import StorageError

EXPECTED = (
    BlockedInputError,
    MissingInputError,
    NoPhotographsError,
    RegistryError,
    RunError,
    SourceRootError,
    StorageError,
)
