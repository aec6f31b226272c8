"""How busy the GPUs were while a stage worked, by NVML; nothing where there is none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from resources.gpu import devices
from resources.gpu.devices import Device
from resources.gpu.leases import held_devices

# NVML averages utilisation over a sixth of a second to a second itself.
_EVERY_SECONDS = 0.5


@dataclass
class DeviceUsage:
    """What was seen of one GPU.

    Attributes:
        name: such as ``cuda:1``.
        total: its memory in bytes.
        peak: the most memory in use at a sample, in bytes, whoever used it.
        busy: sum of the samples' utilisation, each 0-1.
        samples: how many there were.
    """

    name: str
    total: int = 0
    peak: int = 0
    busy: float = 0.0
    samples: int = 0

    @property
    def utilisation(self) -> float:
        """Mean share of time in which a kernel ran, 0-1."""
        return self.busy / self.samples if self.samples else 0.0


@dataclass
class Usage:
    """What was seen of the GPUs of a stage; empty where none could be watched."""

    devices: dict[str, DeviceUsage] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """Return metadata name -> number, such as ``gpu/cuda:0/peak_memory_gib``."""
        found: dict[str, float] = {}
        for usage in self.devices.values():
            if usage.samples:
                found[f"gpu/{usage.name}/peak_memory_gib"] = round(usage.peak / 2**30, 3)
                found[f"gpu/{usage.name}/memory_gib"] = round(usage.total / 2**30, 3)
                found[f"gpu/{usage.name}/utilisation"] = round(usage.utilisation, 4)
        return found


@contextmanager
def watching(
    every: float = _EVERY_SECONDS,
    library: Any = None,
    chosen: Callable[[], Sequence[Device]] | None = None,
) -> Iterator[Usage]:
    """Sample the GPUs in a light thread until the block ends; never the reason of a failure.

    Watches the devices that this process holds from the moment when it leases them (models are
    loaded late). Ray's actors hold theirs elsewhere and are not seen.

    Args:
        every: seconds between samples.
        library: NVML; found by default.
        chosen: tells the devices; those held by this process by default.
    """
    usage, ended = Usage(), threading.Event()
    library = library or devices.nvml()
    if library is None:
        yield usage
        return
    chosen = chosen or held_devices

    def sample_until_the_end() -> None:
        while not ended.wait(every):
            _sample(library, chosen(), usage)

    thread = threading.Thread(target=sample_until_the_end, name="gpu-usage", daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        ended.set()
        thread.join(timeout=5)


def _sample(library: Any, watched: Sequence[Device], usage: Usage) -> None:
    for device in watched:
        if device.handle is None:
            continue
        try:
            memory = library.nvmlDeviceGetMemoryInfo(device.handle)
            busy = library.nvmlDeviceGetUtilizationRates(device.handle).gpu
        except library.NVMLError:
            # Not told of slices (MIG), or of a device that has just been lost.
            continue
        seen = usage.devices.setdefault(device.name, DeviceUsage(device.name))
        seen.total = int(memory.total)
        seen.peak = max(seen.peak, int(memory.used))
        seen.busy += busy / 100
        seen.samples += 1
