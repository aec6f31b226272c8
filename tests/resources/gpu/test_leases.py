"""GPU leases with fake devices and real processes: never two on one device, never one left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from gpu.ending import end_leases
from resources.gpu import Device, LeaseError, Leases, held_device
from resources.gpu.leases import FOLDER_VARIABLE, held_devices
from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import Edited, EditorError
from unicedit_assets.pipeline.editing import EditRequest
from unicedit_assets.pipeline.engine import ThreadEngine
from unicedit_assets.pipeline.flow import EditFlow
from unicedit_assets.settings.gpu import GpuSettings

HOLD = """
import sys, time
from resources.gpu import Leases
from unicedit_assets.settings.gpu import GpuSettings
count, shared, wait = int(sys.argv[1]), sys.argv[2] == "shared", float(sys.argv[3])
with Leases.of(GpuSettings(wait=wait), holder=sys.argv[4]).lease(count, shared=shared) as lease:
    print(*lease.names, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def eight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Eight fake devices, locked in a folder of this test."""
    folder = tmp_path / "locks"
    monkeypatch.setenv("UNICEDIT_FAKE_GPUS", "8")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield folder
    end_leases()


@contextmanager
def holding(
    count: int, kind: str = "alone", wait: float = 10, **environ: str
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run a process that holds devices; yield it and what it holds (nothing: it gave up)."""
    command = [sys.executable, "-c", HOLD, str(count), kind, str(wait), f"run-{count}"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environ},
    )
    with child:
        assert child.stdout
        try:
            yield child, child.stdout.readline().split()
        finally:
            child.kill()


def leases(wait: float = 0.0) -> Leases:
    return Leases.of(GpuSettings(wait=wait))


def test_two_runs_never_share_a_device() -> None:
    with holding(3) as (_, first), holding(3) as (_, second), leases().lease(2) as mine:
        assert len({*first, *second, *mine.names}) == 8


def test_who_comes_too_late_is_told_who_holds_what() -> None:
    with holding(7) as (child, held), pytest.raises(LeaseError) as caught, leases().lease(2):
        pass
    assert f"cuda:0: process {child.pid} (run run-7)" in str(caught.value)
    assert "cuda:7: free" in str(caught.value)
    assert len(held) == 7


def test_a_killed_run_frees_its_devices() -> None:
    with holding(8) as (child, held):
        assert len(held) == 8
        child.send_signal(signal.SIGKILL)
        child.wait()
        with leases().lease(8) as mine:
            assert len(mine.names) == 8


def test_a_run_waits_for_a_device_and_gets_it(caplog: pytest.LogCaptureFixture) -> None:
    with holding(8) as (child, _), holding(1, wait=0.0) as (_, refused):
        assert refused == []
        started = time.monotonic()
        threading.Timer(1.0, child.kill).start()
        with leases(wait=30).lease(1):
            assert 0.5 < time.monotonic() - started < 20
    assert f"waiting up to 30 s for 1 GPUs; cuda:0: process {child.pid}" in caplog.text


def test_what_was_taken_in_vain_is_given_back() -> None:
    with leases().lease(7):
        with pytest.raises(LeaseError), leases().lease(2):
            pass
        with leases().lease(1) as last:
            assert last.names == ("cuda:7",)


def test_shared_leases_spread_and_keep_exclusive_ones_out() -> None:
    with (
        holding(5) as (_, alone),
        holding(2, "shared") as (_, first),
        holding(2, "shared") as (_, second),
    ):
        assert len({*alone, *first, *second}) == 8
        assert len(set(first) & set(second)) == 1
        with pytest.raises(LeaseError), leases().lease(1):
            pass


def test_a_name_means_the_hardware_whatever_is_visible() -> None:
    with holding(1, CUDA_VISIBLE_DEVICES="3") as (_, held):
        assert held == ["cuda:0"]
        with leases().lease(7) as mine:
            assert "cuda:3" not in mine.names


def test_more_than_there_are_is_refused_at_once() -> None:
    with (
        pytest.raises(LeaseError, match="9 GPUs were asked for; 8 are visible"),
        leases(99).lease(9),
    ):
        pass


def test_a_process_puts_all_its_models_on_one_leased_device() -> None:
    settings = GpuSettings(wait=0)
    with holding(1):
        assert held_device("auto", settings) == "cuda:1"
        assert held_device("cuda", settings) == "cuda:1"
        assert held_device("cpu", settings) == "cpu"
        with pytest.raises(LeaseError, match="cuda:0: process"):
            held_device("cuda:0", settings)
        assert held_device("cuda:5", settings) == "cuda:5"
        assert [device.name for device in held_devices()] == ["cuda:1", "cuda:5"]
        with pytest.raises(LeaseError), leases().lease(6):
            pass
        end_leases()
        with leases().lease(7):
            pass


def test_without_a_gpu_auto_means_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert held_device("auto", GpuSettings()) == "cpu"
    with pytest.raises(LeaseError, match="no such GPU; visible: none"):
        held_device("cuda", GpuSettings())


def test_a_default_folder_that_others_may_write_into_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "planted"
    monkeypatch.setattr("resources.gpu.leases.default_folder", lambda: folder)
    device = Device("cuda:0", "x")
    with Leases((device,), folder).lease():
        assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    with (
        pytest.raises(LeaseError, match="others may write into it"),
        Leases((device,), folder).lease(),
    ):
        pass


def test_a_link_in_place_of_a_lock_is_not_followed(tmp_path: Path, eight: Path) -> None:
    eight.mkdir()
    (eight / "x.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), Leases((Device("cuda:0", "x"),), eight).lease():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_notes_that_cannot_be_changed_are_no_matter(
    eight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a sticky folder with another user's note, and on a full disk."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    eight.mkdir()
    (eight / "FAKE-0.1.json").write_text("{}")
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    for _ in range(2):
        with leases().lease(8) as mine:
            assert len(mine.names) == 8


def test_a_failure_on_the_way_to_a_lease_leaves_nothing_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no way")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_text", fail)
        with pytest.raises(RuntimeError), leases().lease(8):
            pass
    with leases().lease(8):
        pass


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named_with_the_mode_it_needs(eight: Path) -> None:
    eight.mkdir(mode=0o555)
    with pytest.raises(LeaseError, match="1777") as caught, leases().lease():
        pass
    assert str(eight) in str(caught.value)


def test_a_forbidden_lock_is_told_as_well(eight: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LeaseError, match="1777") as caught, leases().lease():
        pass
    assert str(eight) in str(caught.value)


def test_who_is_waited_for_is_told_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.gpu.leases._TELL_SECONDS", 0.3)
    with holding(8) as (child, _), pytest.raises(LeaseError), leases(wait=1.5).lease(1):
        pass
    told = [record for record in caplog.records if f"process {child.pid}" in record.getMessage()]
    assert 2 <= len(told) <= 5


WAIT = """
import sys
from resources.gpu import held_device
from unicedit_assets.pipeline.engine import ThreadEngine
from unicedit_assets.settings.gpu import GpuSettings

def lease(_):
    return held_device("auto", GpuSettings(wait=600))

print("begun", flush=True)
if sys.argv[1] == "thread":
    list(ThreadEngine(3).map(lease, range(20)))
else:
    lease(0)
"""


@pytest.mark.parametrize("where", ["thread", "main"])
def test_an_interrupt_ends_the_wait(where: str) -> None:
    with holding(8):
        waiter = subprocess.Popen(
            [sys.executable, "-c", WAIT, where],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with waiter:
            assert waiter.stdout and waiter.stderr
            assert waiter.stdout.readline() == "begun\n"
            assert "waiting up to 600 s" in waiter.stderr.readline()
            started = time.monotonic()
            waiter.send_signal(signal.SIGINT)
            try:
                assert "KeyboardInterrupt" in waiter.communicate(timeout=20)[1]
            finally:
                waiter.kill()
            assert time.monotonic() - started < 10


def test_a_failure_beside_it_ends_the_wait() -> None:
    def lease_or_fail(number: int) -> str:
        if number:
            return held_device("auto", GpuSettings(wait=600))
        time.sleep(0.5)
        raise ValueError("given up")

    with holding(8):
        started = time.monotonic()
        with pytest.raises(ValueError, match="given up"):
            list(ThreadEngine(2).map(lease_or_fail, range(2)))
        assert time.monotonic() - started < 20


class Waiting:
    """An editor whose model has no GPU yet."""

    concurrency = batch = 1
    identity: ClassVar = {"name": "waiting"}

    def load(self) -> None:
        held_device("auto", GpuSettings(wait=600))

    def edit_batch(self, _: object) -> list[Edited | EditorError]:
        return [EditorError("not reached")]

    def edit(self, *_: object) -> Edited:
        raise EditorError("not reached")


def test_a_stage_that_ends_waits_for_no_device() -> None:
    picture = codec.encode_lake(np.zeros((64, 64, 3), np.uint8))
    flow = EditFlow(Waiting(), lambda _: [EditRequest(picture, "p", 1)], lambda: [0])
    with holding(8):
        started = time.monotonic()
        stop = threading.Timer(0.7, flow.close)
        stop.start()
        with pytest.raises(LeaseError, match="was ended"):
            flow.answers(0)
        stop.join()
        assert time.monotonic() - started < 20
