"""From ``[editors.NAME]`` to an editor; nothing is loaded and nobody is called."""

from __future__ import annotations

from importlib.util import find_spec

from resources.editors.diffusion import DiffusersEditor
from resources.editors.endpoint import RemoteEditor
from unicedit_assets.domain.roles import Editor
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.editors import DiffusionEditor, EndpointEditor, FluxKontextEditor
from unicedit_assets.settings.gpu import GpuSettings

_NEURAL = ("torch", "diffusers", "transformers", "accelerate", "peft")


def editor_from(
    name: str, settings: DiffusionEditor | EndpointEditor, gpu: GpuSettings | None = None
) -> Editor:
    """Return the editor that ``[editors.NAME]`` describes; a model is loaded at its first edit.

    Raises:
        SettingsError: a package is missing, or fields contradict each other.
    """
    if isinstance(settings, EndpointEditor):
        return RemoteEditor(name, settings)
    where = f"editors.{name}"
    _require(where, "neural", _NEURAL)
    if settings.quantization != "none":
        _require(where, "quantization", ("torchao",))
    if settings.lora and settings.quantization != "none":
        raise SettingsError(f"{where}: an adapter cannot be fused into quantized weights")
    guided = settings.true_cfg_scale > 1
    if isinstance(settings, FluxKontextEditor) and guided and settings.cache != "none":
        raise SettingsError(f"{where}: cache = {settings.cache!r} needs true_cfg_scale = 1 here")
    return DiffusersEditor(name, settings, gpu or GpuSettings())


def _require(where: str, extra: str, packages: tuple[str, ...]) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise SettingsError(
            f"{where} needs {', '.join(missing)}, which is not installed: "
            f"pip install 'unicedit[{extra}]'"
        )
