"""Peak memory and mean utilisation by a fake NVML; nothing and no error without one."""

from __future__ import annotations

import time
from itertools import chain, repeat
from types import SimpleNamespace

import pytest

from resources.gpu import Device, devices
from resources.gpu.usage import watching

GIB = 2**30


class FakeNvml:
    """One GPU whose memory and utilisation go through given values; device 9 is broken."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.used = chain([1, 7, 3], repeat(2))
        self.busy = chain([100, 50], repeat(0))
        self.samples = 0

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if handle == 9:
            raise self.NVMLError("lost")
        return SimpleNamespace(total=80 * GIB, used=next(self.used) * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802
        self.samples += 1
        return SimpleNamespace(gpu=next(self.busy))


def test_peak_memory_and_mean_utilisation_are_seen() -> None:
    library = FakeNvml()
    seen = (Device("cuda:0", "a", "", 1), Device("cuda:1", "b", "", 9), Device("cuda:2", "c"))
    with watching(0.01, library, lambda: seen) as usage:
        while library.samples < 4:
            time.sleep(0.01)
    figures = usage.figures()
    assert figures["gpu/cuda:0/peak_memory_gib"] == 7.0
    assert figures["gpu/cuda:0/memory_gib"] == 80.0
    assert 0 < figures["gpu/cuda:0/utilisation"] == round(1.5 / library.samples, 4)
    assert {name.split("/")[1] for name in figures} == {"cuda:0"}


def test_a_failure_in_the_block_goes_on_and_ends_the_watch() -> None:
    with pytest.raises(ValueError, match="x"), watching(0.01, FakeNvml(), tuple):
        raise ValueError("x")


def test_without_nvml_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "nvml", lambda: None)
    with watching(0.01) as usage:
        time.sleep(0.03)
    assert usage.figures() == {}


def test_without_the_package_there_is_no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    assert devices.nvml() is None
