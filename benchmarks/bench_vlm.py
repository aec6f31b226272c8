"""Requests a second through our HTTP backend, against a bare openai-client loop on the same server.

The server is scripted and answers every question after 50 ms, so the ceiling is 20 requests a
second for each one in flight; what is missing to it is client, protocol and (here) the server
itself, which shares the cores. Each question carries two 224 px pictures that differ from question
to question. Both sides encode them; the bare loop neither retries nor checks nor counts.

    python benchmarks/bench_vlm.py [--requests 400] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from vlm_server import Asked, Said, VlmServer, says  # noqa: E402

from resources.vlms.endpoint import EndpointVlm  # noqa: E402
from resources.vlms.front import FrontedVlm  # noqa: E402
from resources.vlms.replying import messages_of  # noqa: E402
from unicedit_assets.domain.roles import Pixels  # noqa: E402
from unicedit_assets.settings.vlms import HttpVlm  # noqa: E402
from unicedit_assets.vlm.pictures import data_url  # noqa: E402
from unicedit_assets.vlm.prompting import TEXT, json_object  # noqa: E402
from unicedit_assets.vlm.roles import Question  # noqa: E402

LATENCY = 0.05
SCHEMA = json_object(said=TEXT)
CONCURRENCIES = (1, 8, 32)
ROUNDS = 3


def late(_: Asked) -> Said:
    return says({"said": "yes"}, delay=LATENCY)


def serve(told: Connection) -> None:
    """Serve from a process of its own, so that client and server do not share an interpreter."""
    with VlmServer(late) as server:
        told.send(server.url)
        told.recv()


def pictures(number: int) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (2, 14, 14, 3)).astype(np.uint8)
    grown = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return grown[0], grown[1]


def ours(url: str, concurrency: int, requests: int) -> float:
    """Return requests a second of the backend that the pipeline uses, called by threads."""
    backend = EndpointVlm(HttpVlm(model="m", base_url=url, concurrency=concurrency))
    vlm = FrontedVlm("bench", backend, 1_100_000)

    def ask(number: int) -> bool:
        question = Question("test", "Be brief.", pictures(number), "What is it?", SCHEMA)
        return vlm.ask(question).failure is None

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, range(concurrency)))
        started = time.perf_counter()
        assert all(pool.map(ask, range(requests)))
        seconds = time.perf_counter() - started
    backend.close()
    return requests / seconds


def bare(url: str, concurrency: int, requests: int) -> float:
    """Return requests a second of nothing but the openai client, called by as many threads."""
    from openai import OpenAI

    with OpenAI(base_url=url, api_key="none", max_retries=0) as client:

        def ask(number: int) -> bool:
            urls = map(data_url, pictures(number))
            reply = client.chat.completions.create(
                model="m",
                messages=messages_of("Be brief.", urls, "What is it?"),  # type: ignore[arg-type]
                max_tokens=1024,
                temperature=0.0,
                seed=0,
            )
            return bool(reply.choices[0].message.content)

        with ThreadPoolExecutor(concurrency) as pool:
            list(pool.map(ask, range(concurrency)))
            started = time.perf_counter()
            assert all(pool.map(ask, range(requests)))
            return requests / (time.perf_counter() - started)


def measured(url: str, requests: int) -> list[dict[str, Any]]:
    """Measure both in turn, several times; medians."""
    rows = []
    for concurrency in CONCURRENCIES:
        count = max(20, requests * concurrency // max(CONCURRENCIES))
        sides: dict[str, Callable[[str, int, int], float]] = {"ours": ours, "bare": bare}
        figures: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                figures[name].append(side(url, concurrency, count))
        rates = {name: statistics.median(each) for name, each in figures.items()}
        rows.append({"concurrency": concurrency, **rates, "share": rates["ours"] / rates["bare"]})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="at the highest concurrency")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    rows = measured(here.recv(), options.requests)
    here.send("end")
    process.join()
    print(f"{'in flight':>9} {'ours /s':>8} {'bare /s':>8} {'share':>6} {'ceiling /s':>10}")
    for row in rows:
        ceiling = row["concurrency"] / LATENCY
        print(
            f"{row['concurrency']:>9} {row['ours']:>8.1f} {row['bare']:>8.1f} "
            f"{row['share']:>6.2f} {ceiling:>10.0f}"
        )
    if options.json:
        machine = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
