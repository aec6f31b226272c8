"""What it takes to know what is stale in a lake of 2,500 shards on a store that is far away.

The store holds everything in memory and sleeps at each request, as S3 makes one wait. The baseline
is the way one would write first: read each shard for its fingerprint, read each manifest, list and
read its checks, one after the other. It is measured on a few shards and scaled up. A sensor gets
60 seconds.

    python benchmarks/bench_status.py [--shards 2500] [--latency 0.02] [--sample 50]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lakes import open_scripted

from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.pipeline.pending import State, standings
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.storage.blobs import MissingBlob
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest

STAGES = ("raw_images", "instructions", "edits", "verified_edits")
PER_SHARD = 20
PAGE = 1000


class FarStore:
    """Blobs in memory behind a latency; a listing waits once a page."""

    url = "memory://far"

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._sorted: list[str] = []
        self.latency = 0.0
        self.requests = 0

    def _wait(self) -> None:
        self.requests += 1
        if self.latency:
            time.sleep(self.latency)

    def put(self, key: str, data: bytes) -> None:
        self._blobs[key] = data

    def put_new(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True

    def read(self, key: str) -> bytes:
        self._wait()
        if key not in self._blobs:
            raise MissingBlob(key)
        return self._blobs[key]

    def open(self, key: str) -> IO[bytes]:
        return io.BytesIO(self.read(key))

    def exists(self, key: str) -> bool:
        self._wait()
        return key in self._blobs

    def modified(self, key: str) -> float:
        self._wait()
        return 0.0

    def seal(self) -> None:
        self._sorted = sorted(self._blobs)

    def keys(self, prefix: str) -> Iterator[str]:
        from bisect import bisect_left

        self._wait()
        folder = prefix.rstrip("/") + "/"
        for number, place in enumerate(range(bisect_left(self._sorted, folder), len(self._sorted))):
            if not self._sorted[place].startswith(folder):
                return
            if number and number % PAGE == 0:
                self._wait()
            yield self._sorted[place]


def opened(home: Path, store: Any) -> Project:
    """Return a project over the store, with nothing remembered."""
    return replace(
        open_scripted(home, {"shard_size": PER_SHARD, "holdout": 0}),
        ledger=Ledger(store),
        registry=Registry(store),
        _specs={},
    )


def build(home: Path, store: FarStore, shards: int) -> None:
    """Register the shards and commit every partition of the sharded stages, empty."""
    entries = [
        SourceEntry(f"{n:08d}.jpg", 1, f"sha256:{n:064x}") for n in range(shards * PER_SHARD)
    ]
    project = opened(home, store)
    project.registry.register("/photographs", entries, PER_SHARD, 0, lambda entry: True)
    store.seal()
    project = opened(home, store)
    for ref in (ref for stage in STAGES for ref in project.refs(stage)):
        spec = project.spec(ref)
        manifest = Manifest(
            stage=spec.stage,
            partition=spec.partition,
            fingerprint=spec.fingerprint,
            code_version=spec.code_version,
            config={},
            inputs=dict(spec.inputs),
            tables={},
            counts=Counts(),
        )
        store.put(f"{manifest.folder}/manifest.json", manifest.to_bytes())
        project.ledger.record_check(manifest, "sound", True, True)
    store.seal()


def one_by_one(project: Project, shards: int) -> int:
    """Look at each partition in turn; return how many are current."""
    current = 0
    for stage in STAGES:
        for ref in project.refs(stage)[:shards]:
            if stage == STAGES[0]:
                project.registry.shard(ref.partition)
            manifest = project.find(ref)
            current += manifest is not None and not project.ledger.blocked(manifest)
    return current


def together(project: Project) -> int:
    """Look at all partitions as status and sensors do; return how many are current."""
    return sum(found.state is State.CURRENT for found in standings(project, STAGES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=2500)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds a request")
    parser.add_argument("--sample", type=int, default=50, help="shards of the baseline")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = FarStore()
        build(Path(scratch), store, options.shards)
        store.latency = options.latency
        sample = min(options.sample, options.shards)
        started, store.requests = time.perf_counter(), 0
        assert one_by_one(opened(Path(scratch), store), sample) == sample * len(STAGES)
        before = (time.perf_counter() - started) * options.shards / sample
        print(
            f"one by one: {before:8.1f} s, {store.requests / sample:.1f} requests a shard (scaled)"
        )
        started, store.requests = time.perf_counter(), 0
        assert together(opened(Path(scratch), store)) == options.shards * len(STAGES)
        after = time.perf_counter() - started
        print(f"together:   {after:8.1f} s, {store.requests / options.shards:.1f} requests a shard")
        print(f"ratio: {before / after:.0f}x for {options.shards} shards x {len(STAGES)} stages")
        started = time.perf_counter()
        standings(opened(Path(scratch), store), ["verified_edits"])
        print(f"one stage, as a sensor looks: {time.perf_counter() - started:.1f} s of its 60")


if __name__ == "__main__":
    main()
