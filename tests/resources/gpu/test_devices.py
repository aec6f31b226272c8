"""Which GPUs a process sees, and that all processes of a host mean the same by their keys."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from resources.gpu import LeaseError, devices
from resources.gpu.devices import visible_devices


class FakeNvml:
    """Three GPUs."""

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(index=index)

    def nvmlDeviceGetUUID(self, handle: SimpleNamespace) -> str:  # noqa: N802
        return f"GPU-{'abc'[handle.index]}123"


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "nvml", FakeNvml)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("chosen", "keys"),
    [
        (None, ["GPU-a123", "GPU-b123", "GPU-c123"]),
        ("2,0", ["GPU-c123", "GPU-a123"]),
        ("GPU-b123", ["GPU-b123"]),
        ("GPU-b1", ["GPU-b123"]),
        ("", []),
        ("-1", []),
        ("1,9,0", ["GPU-b123"]),
        ("0,0", ["GPU-a123"]),
        ("MIG-1/2", ["MIG-1_2"]),
    ],
)
def test_visible_devices_follow_cuda(chosen: str | None, keys: list[str]) -> None:
    environ = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}
    found = visible_devices(environ)
    assert [device.key for device in found] == keys
    assert [device.name for device in found] == [f"cuda:{n}" for n in range(len(keys))]


def test_fake_devices_are_made_on_request() -> None:
    found = visible_devices({"UNICEDIT_FAKE_GPUS": "2", "CUDA_VISIBLE_DEVICES": "1"})
    assert [(device.name, device.key) for device in found] == [("cuda:0", "FAKE-1")]


def test_a_machine_without_gpus_has_none() -> None:
    assert visible_devices({}) == () or devices.nvml() is not None


@pytest.mark.usefixtures("three")
def test_an_order_that_is_not_nvmls_is_refused_where_indices_would_differ() -> None:
    fastest = {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    for chosen in ({}, {"CUDA_VISIBLE_DEVICES": "1,0"}, {"CUDA_VISIBLE_DEVICES": "GPU-a123,1"}):
        with pytest.raises(LeaseError, match="PCI_BUS_ID"):
            visible_devices({**fastest, **chosen})
    (found,) = visible_devices({**fastest, "CUDA_VISIBLE_DEVICES": "GPU-c123"})
    assert found.key == "GPU-c123"
    assert len(visible_devices({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})) == 3


@pytest.mark.parametrize("given", [None, "FASTEST_FIRST"])
def test_cuda_is_told_nvmls_order_unless_the_user_chose_one(given: str | None) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "CUDA_DEVICE_ORDER"}
    script = "import resources.gpu, os; print(os.environ['CUDA_DEVICE_ORDER'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environ, **({"CUDA_DEVICE_ORDER": given} if given else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (given or "PCI_BUS_ID")
