"""An editor that is a diffusers pipeline: loaded once a process, batched, and guarded.

What goes wrong stays with the rows that it goes wrong for: a batch that fails is halved until the
row that fails stands alone. Memory is given back in between, because too large a batch is the
commonest failure. A device that is broken or too small condemns no row; it ends the run, since what
cures it (offloading, another device) would not make condemned rows anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from resources.editors.fitting import fitted, to_pixels
from resources.editors.pipelines import load_pipeline, run_pipeline
from resources.editors.weights import weights_version
from resources.gpu import Holder, LeaseError, free_memory
from resources.gpu.broken import is_broken, is_too_large
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.roles import (
    BackendDownError,
    Edited,
    EditorError,
    EditSample,
    Pixels,
)
from unicedit_assets.settings.editors import DiffusionEditor
from unicedit_assets.settings.fields import identity_of
from unicedit_assets.settings.gpu import GpuSettings

# Raised when this code gives other pixels for the same settings.
CODE_VERSION = 1

# A pipeline keeps its schedule's state in itself, so one call runs at a time. One model is held:
# two of these do not fit on one accelerator.
_lock = threading.RLock()
_held: dict[str, Any] = {}
_records: dict[str, _Record] = {}

# Rows in a row without a picture, after which it cannot be the rows.
_MOST_FAILURES = 8


@dataclass
class _Record:
    """How a model fares in this process: the largest area it edited, rows that failed in a row."""

    largest: int = 0
    failures: int = 0


def hold(key: str, load: Callable[[], Any]) -> Any:
    """Return the model of a key; whatever else this process held is let go first."""
    if key not in _held:
        _held.clear()
        free_memory()
        _held[key] = load()
    return _held[key]


def _let_go() -> None:
    with _lock:
        _held.clear()
        free_memory()


_holder = Holder("editor", _let_go)


@dataclass(frozen=True)
class DiffusersEditor:
    """One configured pipeline. It holds settings only and is cheap to send to another process."""

    name: str
    settings: DiffusionEditor
    gpu: GpuSettings = field(default_factory=GpuSettings)
    # In another process: the digest of the identity that the sender's weights have.
    expected: str = field(default="", compare=False)

    concurrency = 1

    def __getstate__(self) -> Mapping[str, object]:
        """Travel without what was computed, so that equal editors are equal bytes."""
        expected = self.expected or digest(self.identity)
        return {
            "name": self.name,
            "settings": self.settings,
            "gpu": self.gpu,
            "expected": expected,
        }

    @property
    def gpus(self) -> int:
        """How many GPUs the model wants."""
        return 0 if self.settings.device == "cpu" else 1

    @property
    def batch(self) -> int:
        """The most samples a call."""
        return self.settings.batch_size

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """Name, weights by their contents, every setting that can change the pixels.

        Raises:
            SettingsError: there are no such weights.
        """
        where, settings = f"editors.{self.name}", self.settings
        fields = identity_of(settings)
        found: dict[str, Json] = {
            **{name: fields[name] for name in fields if name not in ("model", "revision", "lora")},
            "name": self.name,
            "version": weights_version(f"{where}.model", settings.model, settings.revision),
            "code": CODE_VERSION,
        }
        if settings.lora:
            lora = settings.lora
            version = weights_version(f"{where}.lora.path", lora.path, lora.revision)
            found["lora"] = {
                "version": version,
                "weight_name": lora.weight_name,
                "scale": lora.scale,
            }
        return found

    def load(self) -> None:
        """Load the model, unless this process holds it.

        Raises:
            BackendDownError: it cannot be loaded.
        """
        with _holder.using(), _lock:
            self._pipeline()

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        """Return the edited picture, the same size as the source.

        Raises:
            EditorError: it could not be made.
            BackendDownError: no edit can be made any more.
        """
        (made,) = self.edit_batch([EditSample(image, prompt, seed)])
        if isinstance(made, EditorError):
            raise made
        return made

    def edit_batch(self, samples: Sequence[EditSample]) -> list[Edited | EditorError]:
        """Edit samples of one size; a failing batch is halved until the failing row is alone.

        Raises:
            BackendDownError: no edit can be made any more.
        """
        with _holder.using(), _lock:
            pipeline, record = self._pipeline()
            made, problem = self._tried(pipeline, samples)
            if not problem:
                return [self._noted(record, *each) for each in zip(samples, made, strict=True)]
            # The failed call's tensors hang on its traceback, which is gone by now.
            free_memory()
            if len(samples) == 1:
                return [self._noted(record, samples[0], problem)]
            middle = (len(samples) + 1) // 2
            return [*self.edit_batch(samples[:middle]), *self.edit_batch(samples[middle:])]

    def _tried(
        self, pipeline: Any, samples: Sequence[EditSample]
    ) -> tuple[list[Edited | EditorError], EditorError | None]:
        """Return what a call made, or what went wrong."""
        try:
            values = run_pipeline(pipeline, self.settings, samples)
        except EditorError as error:
            return [], error.with_traceback(None)
        except Exception as error:
            if is_broken(error):
                raise BackendDownError(
                    f"editors.{self.name}: the device is broken: {told(error)}"
                ) from error
            return [], (_TooLargeError if is_too_large(error) else _FailedError)(told(error))
        pairs = zip(samples, values, strict=True)
        return [_checked(sample, picture) for sample, picture in pairs], None

    def _noted(
        self, record: _Record, sample: EditSample, made: Edited | EditorError
    ) -> Edited | EditorError:
        """Return what became of a row, unless it tells more of the device than of the row."""
        area = sample.image.shape[0] * sample.image.shape[1]
        if isinstance(made, Edited):
            record.largest, record.failures = max(record.largest, area), 0
            return made
        # Whatever is not one of these was refused before the model saw it.
        record.failures += isinstance(made, _FailedError)
        if isinstance(made, _TooLargeError) and area > 2 * record.largest:
            raise BackendDownError(
                f"editors.{self.name}: one picture alone does not fit into the device's memory, "
                "and none of about its size did: set `offload`, `vae_tiling` or `quantization`, "
                f"or take another device: {made}"
            )
        if record.failures >= _MOST_FAILURES:
            raise BackendDownError(
                f"editors.{self.name}: {record.failures} rows in a row failed, lastly: {made}"
            )
        return made

    def _pipeline(self) -> tuple[Any, _Record]:
        try:
            identity = digest(self.identity)
            if self.expected not in ("", identity):
                raise BackendDownError(
                    f"editors.{self.name}: the weights of this worker are not those of the run's "
                    f"own process: {self.settings.model}"
                )
            device = _holder.place(self.settings.device, self.gpu)
            key = digest(self.identity, device, self.settings.offload)
            pipeline = hold(key, lambda: load_pipeline(self.settings, device))
            return pipeline, _records.setdefault(key, _Record())
        except BackendDownError:
            raise
        except LeaseError as error:
            raise BackendDownError(f"editors.{self.name}: {error}") from error
        except Exception as error:
            raise BackendDownError(
                f"editors.{self.name}: the model cannot be loaded: {told(error)}"
            ) from error


class _FailedError(EditorError):
    """The model was asked and gave no picture."""


class _TooLargeError(_FailedError):
    """The device's memory does not suffice."""


def _checked(sample: EditSample, values: Any) -> Edited | EditorError:
    height, width = sample.image.shape[:2]
    try:
        return Edited(fitted(to_pixels(values), width, height))
    except EditorError as error:
        return _FailedError(str(error))


def told(error: Exception) -> str:
    """Return an error in words."""
    return f"{type(error).__name__}: {error}"
