"""Verifier throughput on a GPU: random weights of a Qwen2.5-VL at its real 7B size, offline.

Nothing is downloaded: the architecture is written out with random weights (about 17 GB on disk) and
a tokenizer trained on the spot. Random weights read and write as many tokens a second as trained
ones; what they say means nothing, so replies are forced to a fixed length. Pairs are at the
pipeline's 1 MP. Reported: verdict-sized questions a second through the production backend (vLLM in
process, one engine, many threads) and tokens a second, with hardware and versions.

    python benchmarks/gpu_verify.py [--pairs 128] [--backend vllm|transformers] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from resources.vlms.build import vlm_from  # noqa: E402
from unicedit_assets.domain.roles import Pixels  # noqa: E402
from unicedit_assets.settings.vlms import TransformersVlm, VllmVlm  # noqa: E402
from unicedit_assets.vlm.prompting import question, quoted  # noqa: E402
from unicedit_assets.vlm.roles import Answer, Question, Vlm  # noqa: E402
from unicedit_assets.vlm.verifier import SCHEMA  # noqa: E402

SIZES = ("7B", "3B")
PACKAGES = ("vllm", "torch", "transformers")


def pair(number: int) -> tuple[Pixels, Pixels]:
    """Return two different pictures of 1024 x 1024, so that no prefix cache helps between pairs."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    grown = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return grown[0], grown[1]


def asked(number: int, tokens: int) -> Question:
    text = quoted(f"Change thing number {number}.")
    return question(
        "verifier",
        pair(number),
        SCHEMA,
        {"en": text, "cn": text},
        max_tokens=tokens,
        temperature=1.0,
    )


def opened(backend: str, folder: Path, concurrency: int) -> Vlm:
    if backend == "vllm":
        return vlm_from(
            "bench",
            VllmVlm(
                model=str(folder), dtype="bfloat16", max_model_len=8192, concurrency=concurrency
            ),
        )
    return vlm_from("bench", TransformersVlm(model=str(folder), dtype="bfloat16"))


def measured(vlm: Vlm, pairs: int, tokens: int) -> dict[str, Any]:
    """Ask all pairs at once; a reply that fills its length counts as a reply here."""
    with ThreadPoolExecutor(vlm.concurrency) as pool:

        def ask(number: int) -> Answer:
            return vlm.ask(asked(number, tokens))

        list(pool.map(ask, range(10**6, 10**6 + min(4, pairs))))
        started = time.perf_counter()
        answers = list(pool.map(ask, range(pairs)))
        seconds = time.perf_counter() - started
    replied = [answer for answer in answers if answer.tokens_out]
    return {
        "pairs": pairs,
        "replied": len(replied),
        "seconds": seconds,
        "pairs_per_second": len(replied) / seconds,
        "tokens_in_per_second": sum(answer.tokens_in for answer in replied) / seconds,
        "tokens_out_per_second": sum(answer.tokens_out for answer in replied) / seconds,
        "failures": sorted({str(a.failure.kind) for a in answers if a.failure}),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="7B")
    parser.add_argument("--backend", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=300, help="longest reply")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()

    import torch

    if not torch.cuda.is_available():
        sys.exit("error: no CUDA device: this benchmark measures a GPU and nothing else")
    from random_models import QWEN_VL_3B, QWEN_VL_7B
    from tiny_vlm import save_random_vlm

    with tempfile.TemporaryDirectory() as folder:
        size = {"7B": QWEN_VL_7B, "3B": QWEN_VL_3B}[options.size]
        save_random_vlm(Path(folder), size, device="cuda")
        torch.cuda.empty_cache()
        vlm = opened(options.backend, Path(folder), options.concurrency)
        result = {
            "device": torch.cuda.get_device_name(),
            "versions": versions(),
            "size": options.size,
            "backend": options.backend,
            "concurrency": vlm.concurrency,
            **measured(vlm, options.pairs, options.tokens),
        }
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
