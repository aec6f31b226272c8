"""The GPUs that this process may use, and a name for each that all processes of the host share.

``cuda:0`` is the first *visible* device of a process, so two processes with different
``CUDA_VISIBLE_DEVICES`` mean different hardware by it. Locks therefore go by a key: the device's
UUID where NVML tells it, else its index on the host.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unicedit_assets.settings import SettingsError

FAKE_VARIABLE = "UNICEDIT_FAKE_GPUS"
VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
ORDER_VARIABLE = "CUDA_DEVICE_ORDER"
PCI_ORDER = "PCI_BUS_ID"

_UUID = re.compile(r"(GPU|MIG)-[0-9A-Za-z/-]+")


class LeaseError(SettingsError):
    """No device could be leased; the message says why, and who holds which."""


@dataclass(frozen=True)
class Device:
    """One GPU.

    Attributes:
        name: what this process calls it, such as ``cuda:1``.
        key: what every process of the host calls it; a file name.
        selector: what CUDA_VISIBLE_DEVICES calls it: its UUID, else its index on the host.
        handle: its NVML handle; None without NVML.
    """

    name: str
    key: str
    selector: str = ""
    handle: Any = None


@dataclass(frozen=True)
class _Physical:
    """A device of the host, whether visible or not."""

    index: int
    uuid: str
    handle: Any = None

    @property
    def key(self) -> str:
        return re.sub(r"[^0-9A-Za-z-]", "_", self.uuid) if self.uuid else f"index-{self.index}"

    @property
    def selector(self) -> str:
        return self.uuid or str(self.index)


def visible_devices(environ: Mapping[str, str] | None = None) -> tuple[Device, ...]:
    """Return the GPUs that this process may use, in the order of their CUDA names.

    Args:
        environ: the environment; the process's own by default. ``UNICEDIT_FAKE_GPUS = 8`` makes
            eight devices up, for tests and trials.

    Raises:
        LeaseError: NVML and CUDA would count the devices in different orders.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get(VISIBLE_VARIABLE)
    physical = _fake(environ) or _by_nvml()
    _check_order(environ, physical, chosen)
    physical = physical or _by_torch(chosen)
    if chosen is not None:
        physical = _chosen(physical, chosen)
    return tuple(
        Device(f"cuda:{n}", each.key, each.selector, each.handle) for n, each in enumerate(physical)
    )


def _check_order(environ: Mapping[str, str], physical: list[_Physical], chosen: str | None) -> None:
    """Refuse an order in which an index means another device to CUDA than to NVML."""
    order = environ.get(ORDER_VARIABLE, PCI_ORDER)
    by_uuid = chosen is not None and all(
        _UUID.fullmatch(each.strip()) for each in chosen.split(",")
    )
    if order != PCI_ORDER and len(physical) > 1 and not by_uuid:
        raise LeaseError(
            f"{ORDER_VARIABLE} = {order!r} numbers the GPUs otherwise than their leases do: unset "
            f"it, set it to {PCI_ORDER}, or name UUIDs in {VISIBLE_VARIABLE}"
        )


def _chosen(physical: list[_Physical], chosen: str) -> list[_Physical]:
    """Return the devices that CUDA_VISIBLE_DEVICES names; like CUDA, stop at the first unknown."""
    found: list[_Physical] = []
    for word in (each.strip() for each in chosen.split(",")):
        match = next((each for each in physical if _is_named(each, word)), None)
        if match is None and _UUID.fullmatch(word):
            # A slice of a GPU, or a device that nothing here can list: its UUID is key enough.
            match = _Physical(-1, word)
        if match is None or match in found:
            break
        found.append(match)
    return found


def _is_named(device: _Physical, word: str) -> bool:
    if word.isdecimal():
        return device.index == int(word)
    return bool(device.uuid) and len(word) > len("GPU-") and device.uuid.startswith(word)


def _fake(environ: Mapping[str, str]) -> list[_Physical]:
    count = int(environ.get(FAKE_VARIABLE, 0))
    return [_Physical(index, f"FAKE-{index}") for index in range(count)]


def nvml() -> Any:
    """Return the initialised NVML module, or None where the package or the driver is missing."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _by_nvml() -> list[_Physical]:
    """Return the host's devices in PCI order (CUDA's own order may put the fastest first)."""
    library = nvml()
    if library is None:
        return []
    found = []
    for index in range(library.nvmlDeviceGetCount()):
        handle = library.nvmlDeviceGetHandleByIndex(index)
        found.append(_Physical(index, str(library.nvmlDeviceGetUUID(handle)), handle))
    return found


def _by_torch(chosen: str | None) -> list[_Physical]:
    """Return what torch sees; it applied CUDA_VISIBLE_DEVICES already, so it is undone here."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        return []
    words = [each.strip() for each in chosen.split(",")] if chosen else []
    indices = [int(each) if each.isdecimal() else n for n, each in enumerate(words)]
    return [
        _Physical(
            indices[number] if number < len(indices) else number,
            f"GPU-{torch.cuda.get_device_properties(number).uuid}",
        )
        for number in range(torch.cuda.device_count())
    ]
