"""Edit throughput on a CUDA GPU: pipelines of the real sizes with random weights, real stage.

Nothing is fetched: shapes are those of the published models, weights are random,
tokenizers are trained on a few sentences on the spot. So speed and memory mean something and the
pictures do not. For each pipeline that fits: images a second, busy share (see bench_busy.py), peak
memory; written as JSON with hardware and versions. Not measured yet.

    python benchmarks/gpu_edit.py --out gpu-edit.json [--kinds flux-kontext qwen-image-edit]
        [--images 2] [--steps 0] [--batch 1] [--compile]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
# First: the tests have a folder named `resources` too.
sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_busy import made_ready, measure

from resources.editors import diffusion, pipelines
from resources.editors.build import editor_from
from unicedit_assets.settings import Settings

PACKAGES = ("torch", "diffusers", "transformers", "accelerate")


@dataclass(frozen=True)
class Size:
    """A pipeline of the real size, and the memory that its weights and one edit take in bf16."""

    build: Callable[[], Any]
    gigabytes: float


def flux_full() -> Any:
    """Build FLUX.1-Kontext-dev: a 12B transformer, T5-XXL, CLIP-L."""
    from random_models import flux_kontext

    return flux_kontext(
        clip={
            "vocab_size": 49408,
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "projection_dim": 768,
        },
        t5={
            "vocab_size": 32128,
            "d_model": 4096,
            "d_kv": 64,
            "d_ff": 10240,
            "num_layers": 24,
            "num_heads": 64,
            "feed_forward_proj": "gated-gelu",
        },
        vae={
            "block_out_channels": (128, 256, 512, 512),
            "layers_per_block": 2,
            "latent_channels": 16,
            "scaling_factor": 0.3611,
            "shift_factor": 0.1159,
        },
        transformer={},
    )


def klein_full() -> Any:
    """Build FLUX.2-klein-4B: a 4B transformer and Qwen3-4B."""
    from random_models import flux2_klein

    return flux2_klein(
        text={
            "vocab_size": 151936,
            "hidden_size": 2560,
            "intermediate_size": 9728,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
        vae={},
        transformer={"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24},
    )


def qwen_full(kind: str) -> Any:
    """Build Qwen-Image-Edit: a 20B transformer and Qwen2.5-VL-7B."""
    from random_models import QWEN_VL_7B, qwen_edit

    return qwen_edit(kind, text=QWEN_VL_7B, vae={}, transformer={}, max_pixels=28 * 28 * 1280)


SIZES = {
    "flux-kontext": Size(flux_full, 40),
    "flux2-klein": Size(klein_full, 24),
    "qwen-image-edit": Size(lambda: qwen_full("QwenImageEditPipeline"), 66),
    "qwen-image-edit-plus": Size(lambda: qwen_full("QwenImageEditPlusPipeline"), 66),
}
# These pipelines take one sample a call.
SINGLE = ("flux2-klein", "qwen-image-edit-plus")


def loaded(kind: str, settings: Any) -> Any:
    """Build a pipeline in the device's memory and give every weight a small random value."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            pipeline = SIZES[kind].build()
    finally:
        torch.set_default_dtype(before)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.to("cuda", torch.bfloat16).eval()
            for weights in part.parameters():
                torch.nn.init.normal_(weights, std=0.02)
    pipeline.set_progress_bar_config(disable=True)
    if settings.compile:
        pipeline.transformer.compile_repeated_blocks(fullgraph=True)
    return pipeline


def run_one(kind: str, arguments: argparse.Namespace, top: Path) -> dict[str, Any]:
    """Measure one pipeline, or say why it was not."""
    import torch
    from tiny_editors import save_tiny

    has = torch.cuda.get_device_properties(0).total_memory / 2**30
    if has < SIZES[kind].gigabytes:
        return {"skipped": f"needs about {SIZES[kind].gigabytes} GiB, the device has {has:.0f}"}
    values: dict[str, Any] = {"kind": kind, "model": str(save_tiny(kind, top / kind))}
    values |= {"device": "cuda", "compile": arguments.compile}
    values |= {"steps": arguments.steps} if arguments.steps else {}
    values |= {} if kind in SINGLE else {"batch_size": arguments.batch}
    settings = Settings.model_validate({"editors": {"e": values}}).editors["e"]
    diffusion.load_pipeline = lambda chosen, device: loaded(kind, chosen)
    editor = editor_from(kind, settings)  # type: ignore[arg-type]
    project = made_ready(top / f"lake-{kind}", arguments.images, 8, flat=False)
    torch.cuda.reset_peak_memory_stats()
    found = measure(project, editor)
    return {
        "settings": settings.model_dump(mode="json", exclude={"model"}),
        "edits": found.samples,
        "images_per_second": found.samples / found.stage,
        "seconds_per_image": found.stage / found.samples,
        "busy_share": found.busy,
        "loop_over_stage": found.bare / found.stage,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", choices=SIZES, default=list(pipelines_offered()))
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="0: each pipeline's default")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        raise SystemExit("torch is not installed: pip install 'unicedit[neural]'") from None
    if not torch.cuda.is_available():
        raise SystemExit("there is no CUDA device here: nothing was measured")
    device = torch.cuda.get_device_properties(0)
    report: dict[str, Any] = {
        "device": device.name,
        "device_gib": round(device.total_memory / 2**30, 1),
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "weights": "random, of the real sizes",
        "pipelines": {},
    }
    with tempfile.TemporaryDirectory() as name:
        for kind in arguments.kinds:
            report["pipelines"][kind] = run_one(kind, arguments, Path(name))
            arguments.out.write_text(json.dumps(report, indent=2))
            print(kind, json.dumps(report["pipelines"][kind]), flush=True)


def pipelines_offered() -> list[str]:
    """Return the kinds that production code can load, all of which have a size here."""
    kinds = [kind.model_fields["kind"].default for kind in pipelines.CLASSES]
    assert set(kinds) == set(SIZES)
    return kinds


if __name__ == "__main__":
    main()
