"""Wall time of ``unicedit bench score`` against a serial loop on the same server and samples.

The loop is what upstream's evaluator does for a local judge: one request at a time, each metric
encodes both pictures again. Both sides send the same questions with the same PNGs, so their scores
must be equal, and that is asserted. The scripted server answers after 50 ms and takes 32 requests
at once; it lives in a process of its own, but shares the cores with the client. With ``--vllm``
the server is the real vLLM with a tiny random Qwen2.5-VL on CPU (needs vLLM's own environment).

    python benchmarks/bench_judge.py [--samples 200] [--size 384 288] [--vllm] [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bench_world import MODEL, World, make_world  # noqa: E402
from vlm_server import Asked, Said, VlmServer, says  # noqa: E402

from resources.judges import JudgeChoice, judge_from  # noqa: E402
from resources.vlms.replying import messages_of  # noqa: E402
from unicedit_assets.bench.judges import read_reply  # noqa: E402
from unicedit_assets.bench.run import Run, RunSettings  # noqa: E402
from unicedit_assets.bench.store import RecordStore  # noqa: E402
from unicedit_assets.vlm.judge import JudgeOptions  # noqa: E402
from unicedit_assets.vlm.judge_prompts import ReplyKeys, shipped_prompts  # noqa: E402
from unicedit_assets.vlm.pictures import data_url  # noqa: E402

LATENCY, ROOM = 0.05, 32
LEAST = 8.0
# Greedy, so that a model's replies can be compared.
OPTIONS = JudgeOptions(temperature=0.0, attempts=1, max_tokens=64)

Scores = dict[tuple[str, str], float | None]


def scripted(told: Connection) -> None:
    """Serve from a process of its own; a reply depends on the text and both pictures."""
    room = threading.Semaphore(ROOM)

    def reply(asked: Asked) -> Said:
        with room:
            time.sleep(LATENCY)
        seen = hashlib.sha256(asked.text.encode())
        for part in asked.parts[:2]:
            seen.update(part["image_url"]["url"].encode())
        return says({"reasoning": "seen", "score": seen.digest()[0] % 21 / 2})

    with VlmServer(reply) as server:
        told.send(server.url)
        told.recv()


@contextmanager
def scripted_server() -> Iterator[tuple[str, str]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=scripted, args=(there,))
    process.start()
    try:
        yield here.recv(), "scripted"
    finally:
        here.send("end")
        process.join()


@contextmanager
def vllm_server() -> Iterator[tuple[str, str]]:
    """Serve a tiny random Qwen2.5-VL with the real vLLM."""
    from tiny_vlm import save_tiny_vlm
    from vllm_process import VllmServer

    with tempfile.TemporaryDirectory() as folder:
        model = save_tiny_vlm(Path(folder) / "model")
        server = VllmServer(model, Path(folder) / "log")
        try:
            server.wait(400)
            yield server.url, "tiny"
        finally:
            server.kill()


def serial(world: World, url: str, model: str) -> Scores:
    """Ask one question at a time; each encodes its pictures."""
    from openai import OpenAI

    prompts, keys, scores = shipped_prompts(), ReplyKeys(), {}
    with OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        for sample in world.samples.samples:
            paths = (world.root / "images" / f"{sample.key}.png", world.output(sample))
            for metric in sample.metrics:
                images = [np.array(Image.open(path)) for path in paths]
                points = sample.points_in("en")
                asked = prompts.question(metric, images, sample.prompts["en"], points)
                schema = {"name": asked.name, "schema": asked.schema, "strict": True}
                reply = client.chat.completions.create(
                    model=model,
                    messages=messages_of(asked.system, map(data_url, images), asked.text),  # type: ignore[arg-type]
                    max_tokens=OPTIONS.max_tokens,
                    temperature=OPTIONS.temperature,
                    seed=0,
                    response_format={"type": "json_schema", "json_schema": schema},  # type: ignore[arg-type,misc]
                )
                text = reply.choices[0].message.content or ""
                scores[sample.key, metric] = read_reply(text, keys)[0]
    return scores


def ours(world: World, url: str, model: str, out: Path) -> Scores:
    """Score as the command does: threads, checks, retries, records on disk."""
    choice = JudgeChoice(home=world.root, options=OPTIONS, concurrency=ROOM)
    judge = judge_from(url, choice, model)
    settings = RunSettings(world.images, MODEL, languages=("en",))
    with RecordStore(out) as store:
        outcome = Run(world.samples, [judge], settings).score(store, lambda _: None)
    return {(row["key"], row["metric"]): row["score"] for row in outcome.rows}


def measure(world: World, url: str, model: str) -> dict[str, Any]:
    import openai  # noqa: F401  # not what is measured

    started = time.perf_counter()
    fast = ours(world, url, model, world.root / "records")
    middle = time.perf_counter()
    slow = serial(world, url, model)
    ended = time.perf_counter()
    equal = sum(fast[about] == score for about, score in slow.items())
    figures = {"questions": len(slow), "equal": equal, "unscored": list(slow.values()).count(None)}
    figures |= {"ours_s": middle - started, "serial_s": ended - middle}
    return {**figures, "times": (ended - middle) / (middle - started)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--size", type=int, nargs=2, default=(384, 288), metavar=("W", "H"))
    parser.add_argument("--vllm", action="store_true", help="the real vLLM with a tiny model")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder), options.samples, tuple(options.size))
        with vllm_server() if options.vllm else scripted_server() as (url, model):
            figures = measure(world, url, model)
    print(
        f"{figures['questions']} questions on {options.samples} samples: ours "
        f"{figures['ours_s']:.1f} s ({figures['questions'] / figures['ours_s']:.0f}/s), serial "
        f"{figures['serial_s']:.1f} s ({figures['questions'] / figures['serial_s']:.1f}/s): "
        f"{figures['times']:.1f} times faster; {figures['equal']} scores equal, "
        f"{figures['unscored']} unscored"
    )
    if options.json:
        machine = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}
        options.json.write_text(json.dumps({"machine": machine, **figures}, indent=2))
    if figures["equal"] < figures["questions"]:
        sys.exit("the two sides do not give the same scores")
    if not options.vllm and figures["times"] < LEAST:
        sys.exit(f"less than {LEAST:.0f} times faster")


if __name__ == "__main__":
    main()
