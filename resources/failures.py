"""Expected errors as Dagster shows them: one clear sentence instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.pipeline.engine import WorkerDiedError
from unicedit_assets.pipeline.project import BlockedInputError, MissingInputError
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.qwen_verify.annotations import AnnotationError
from unicedit_assets.qwen_verify.training import TrainingError
from unicedit_assets.qwen_verify.versions import VersionError
from unicedit_assets.settings import SettingsError
from unicedit_assets.storage.blobs import StorageError
from unicedit_assets.synthetic.cutouts import CutoutError

EXPECTED = (
    AnnotationError,
    BackendDownError,
    BlockedInputError,
    CutoutError,
    MissingInputError,
    RegistryError,
    SettingsError,
    SourceRootError,
    StorageError,
    TrainingError,
    VersionError,
    WorkerDiedError,
)


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Turn an expected error into a ``dg.Failure`` that says the same.

    Raises:
        Failure: whatever it is, a later try may succeed; Dagster's own retries apply.
    """
    try:
        yield
    except EXPECTED as error:
        raise dg.Failure(description=str(error)) from None
