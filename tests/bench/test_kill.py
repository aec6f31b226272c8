"""Killed and interrupted runs go on: nothing that was answered is asked again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_world import MODEL, World, make_world
from vlm_server import Asked, Said, VlmServer, says

from unicedit_assets.bench.store import read_records

pytestmark = pytest.mark.slow

IN_FLIGHT = 6
RUN = "from unicedit_assets.cli.app import main; main()"
QUESTIONS = 66 * 3 + 15


def answer(asked: Asked) -> Said:
    return says({"reasoning": asked.name, "score": len(asked.name) % 10}, delay=0.03)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, 66)


@pytest.fixture
def server() -> Iterator[VlmServer]:
    with VlmServer(answer) as running:
        yield running


def start(world: World, server: VlmServer) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-c", RUN, "bench", "score"),
        *("--images", str(world.images), "--model", MODEL, "--data", str(world.list)),
        *("--judge", server.url, "--judge-model", "m", "--concurrency", str(IN_FLIGHT)),
        *("--languages", "en", "--out", str(world.root / "out")),
    ]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def wait_for(server: VlmServer, process: subprocess.Popen[str], asked: int) -> None:
    ends = time.monotonic() + 60
    while len(server.asked) < asked and process.poll() is None:
        assert time.monotonic() < ends, "the run does not get on"
        time.sleep(0.005)


def finish(world: World, server: VlmServer) -> str:
    process = start(world, server)
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert f"asked {QUESTIONS} questions = {QUESTIONS} scored + 0 unscored" in told
    rows = read_records(world.root / "out").to_pylist()
    assert len(rows) == QUESTIONS
    assert all(row["score"] == len(f"judge_{row['metric']}") % 10 for row in rows)
    return told


def repeated(server: VlmServer) -> int:
    """Return how many questions were asked more often than once."""
    about = Counter((asked.name, asked.text) for asked in server.asked)
    assert len(about) == QUESTIONS
    return sum(times - 1 for times in about.values())


def test_after_kills_only_what_was_in_flight_is_asked_again(
    world: World, server: VlmServer
) -> None:
    kills = (20, 70, 130)
    for asked in kills:
        process = start(world, server)
        wait_for(server, process, asked)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)  # the server finishes what it was asked
    told = finish(world, server)
    assert "replies were there from before" in told
    assert 0 < repeated(server) <= IN_FLIGHT * len(kills)


def test_an_interrupt_ends_at_once_with_a_sentence(world: World, server: VlmServer) -> None:
    process = start(world, server)
    wait_for(server, process, 40)
    server.reply = lambda asked: says({}, delay=30)  # a server that takes its time
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    told, _ = process.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert process.returncode == 130
    assert "stopped; every reply so far is in" in told
    assert "the same command goes on" in told
    assert "Traceback" not in told
    server.reply = answer
    finish(world, server)
    assert repeated(server) <= IN_FLIGHT
