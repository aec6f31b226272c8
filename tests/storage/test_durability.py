"""Races, kills and full disks: what is visible is whole, and nothing finished is lost."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import storage_samples
from storage_samples import SPEC, heavy_chunk, race, spec

from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import ChunkMarker
from unicedit_assets.storage.parts import read_part, verify_part
from unicedit_assets.storage.terms import ChunkOutput

CHUNKS = 8
WRITERS = 4
ROUNDS = 5


def test_of_many_writers_one_wins_and_the_others_adopt_its_work(store_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(WRITERS, timeout=120), context.Queue()
    writers = [
        context.Process(target=race, args=(store_url, number, ROUNDS, start, told))
        for number in range(WRITERS)
    ]
    for process in writers:
        process.start()
    outcomes = [told.get(timeout=120) for _ in range(WRITERS * ROUNDS)]
    for process in writers:
        process.join(timeout=60)
        assert process.exitcode == 0
    ledger = Ledger(open_store(store_url))
    for round_ in range(ROUNDS):
        mine = [outcome for outcome in outcomes if outcome[0] == round_]
        assert sum(fresh for _, fresh, _ in mine) == 1
        assert len({manifest for _, _, manifest in mine}) == 1
        manifest = ledger.find(SPEC.stage, SPEC.partition, spec(f"round{round_}").fingerprint)
        assert manifest is not None
        ledger.verify(manifest)
        rows = ledger.read(manifest)
        assert rows["edit_id"].to_pylist() == [
            f"{i:04d}-{j:04d}" for i in range(3) for j in range(4)
        ]
        makers = [rows["writer"].to_pylist()[4 * index : 4 * index + 4] for index in range(3)]
        assert all(len(set(chunk)) == 1 for chunk in makers)


def started(command: str, url: str) -> subprocess.Popen[str]:
    """Start a helper process that shares this one's import path."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, storage_samples.__file__, command, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def kill_after(url: str, seconds: float) -> bool:
    """Let a commit run for a while, then SIGKILL it; tell whether it was still at work."""
    with started("commit", url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.kill()
        return "done" not in process.stdout.read()


def visible(ledger: Ledger) -> Iterator[pa.Table]:
    """Check everything a reader could come across, and yield the rows of finished chunks."""
    for key in ledger.store.keys(""):
        if "/chunks/" in key:
            marker = ChunkMarker.from_bytes(ledger.store.read(key), key)
            for part in marker.parts.values():
                verify_part(ledger.store, part)
            yield read_part(ledger.store, marker.parts["rows"], None)


def torture(url: str, delays: list[float]) -> int:
    """Kill, look, resume; return how many kills hit a commit that was under way."""
    expected = [heavy_chunk(index).tables["rows"] for index in range(CHUNKS)]
    hits = 0
    ledger = Ledger(open_store(url))
    for delay in delays:
        hits += kill_after(url, delay)
        found = list(visible(ledger))
        assert all(one.equals(other) for one, other in zip(found, expected, strict=False))
        manifest = ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint)
        if manifest is not None:
            assert len(found) == CHUNKS
            break
    done_before = len(list(visible(ledger)))
    worked: list[int] = []

    def counted(index: int) -> ChunkOutput:
        worked.append(index)
        return heavy_chunk(index)

    done = ledger.commit(SPEC, CHUNKS, counted)
    assert worked == list(range(done_before, CHUNKS))
    assert ledger.read(done.manifest).equals(pa.concat_tables(expected))
    ledger.verify(done.manifest)
    return hits


def test_a_killed_commit_resumes_to_the_same_content(store_url: str) -> None:
    assert torture(store_url, [0.03]) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_at_random_moments(store_url: str) -> None:
    source = random.Random(11)
    hits = 0
    for number in itertools.count():
        delays = [source.uniform(0, 0.12) for _ in range(4)]
        hits += torture(f"{store_url}/{number}", delays)
        if hits >= 20:
            break
        assert number < 100


def test_a_file_size_limit_leaves_the_old_state_and_finished_chunks(tmp_path: Path) -> None:
    url = str(tmp_path / "lake")
    with started("limited", url) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.count("nothing was changed; free some space") == 2
    assert output.count("\n") == 2
    ledger = Ledger(open_store(url))
    assert ledger.store.read("pointer") == b"old"
    assert not list((tmp_path / "lake").rglob(".*"))
    done = ledger.commit(
        SPEC, 2, lambda index: storage_samples.chunk(index, image_bytes=40_000 * index)
    )
    assert (done.fresh, done.resumed) == (True, 1)
    ledger.verify(done.manifest)
