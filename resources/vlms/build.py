"""From settings to a vision-language model; nothing is loaded before the first question."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from resources.editors.weights import weights_version
from resources.vlms.endpoint import EndpointVlm
from resources.vlms.front import FrontedVlm
from resources.vlms.replies import ReplyFolder
from resources.vlms.schema_bound import LIBRARY
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.gpu import GpuSettings
from unicedit_assets.settings.vlms import HttpVlm, TransformersVlm, VllmVlm, VlmModel
from unicedit_assets.vlm.roles import Vlm

_BUILT: dict[tuple[str, str], Vlm] = {}
_LOCK = threading.Lock()


class BuiltVlm(FrontedVlm):
    """A model as ``[vlms.NAME]`` describes it; it travels as its settings.

    Whoever unpickles one gets that process's own; equal settings are equal bytes.
    """

    def __init__(
        self,
        name: str,
        settings: VlmModel,
        gpu: GpuSettings,
        replies: ReplyFolder | None,
    ) -> None:
        super().__init__(name, _backend(settings, gpu), settings.sent_pixels, replies)
        self._described = (name, settings.model_dump_json(), gpu.model_dump_json())

    def __reduce__(self) -> tuple[Callable[..., Vlm], tuple[str, str, str]]:
        return _arrived, self._described


def _arrived(name: str, settings: str, gpu: str) -> Vlm:
    read: TypeAdapter[VlmModel] = TypeAdapter(VlmModel)
    return vlm_from(name, read.validate_json(settings), GpuSettings.model_validate_json(gpu))


# Kind -> the packages that it needs and the extra that brings them.
_NEEDS = {
    "openai": (("openai",), "openai"),
    "vllm": (("vllm",), "vllm"),
    "transformers": (("transformers", LIBRARY), "neural"),
}


def vlm_from(name: str, settings: VlmModel, gpu: GpuSettings | None = None) -> Vlm:
    """Return the model that ``[vlms.NAME]`` describes; the same settings share one in a process.

    Raises:
        SettingsError: a package is missing, or a hub id comes without a revision.
    """
    _require(name, settings)
    gpu = gpu or GpuSettings()
    key = (name, settings.model_dump_json() + gpu.model_dump_json())
    with _LOCK:
        if key not in _BUILT:
            _BUILT[key] = _build(name, settings, gpu)
        return _BUILT[key]


def _require(name: str, settings: VlmModel) -> None:
    """Look at everything that can be known to be wrong before a model is loaded."""
    packages, extra = _NEEDS[settings.kind]
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise SettingsError(
            f'vlms.{name}: kind = "{settings.kind}" needs a package that is not installed: '
            f"pip install 'unicedit[{extra}]'"
        )
    if not isinstance(settings, HttpVlm):
        weights_version(f"vlms.{name}.model", settings.model, settings.revision)


def _build(name: str, settings: VlmModel, gpu: GpuSettings) -> Vlm:
    replies = None
    if settings.cache:
        replies = ReplyFolder(Path(settings.cache).expanduser(), settings.cache_bytes)
    return BuiltVlm(name, settings, gpu, replies)


def _backend(settings: VlmModel, gpu: GpuSettings) -> Vlm:
    if isinstance(settings, VllmVlm):
        from resources.vlms.in_vllm import InVllm

        return InVllm(settings, gpu)
    if isinstance(settings, TransformersVlm):
        from resources.vlms.in_transformers import InTransformers

        return InTransformers(settings, gpu)
    return EndpointVlm(settings)
