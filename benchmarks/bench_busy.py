"""How busy the `edits` stage keeps a model, against the bare loop over the same samples.

Two editors, each through the real stage and ledger (decode, check, encode, Parquet, hashes, fsync):

(a) a stand-in that holds a lock for 40 ms a sample, as an accelerator does, and costs no CPU time;
(b) FLUX.1-Kontext with tiny random weights on this CPU (needs the extra `neural`).

The bare loop calls the same editor with the decoded samples one after the other and does nothing
else; it runs before and after the stage, in this process. `busy` is the time that the model ran
over the time from its first sample to its last; `loop / stage` is what the stage reaches of the
bare loop's speed. `CPU` is what the stage computes beside the model: where that is more than the
free cores give in 40 ms, no overlap can help. All pictures are of about 1 MP, procedural with the
statistics of photographs; `--patchwork` takes flat patches, which cost next to nothing to encode.

    python benchmarks/bench_busy.py [--images 24] [--tiny-images 2] [--chunk 16] [--steps 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
# First: the tests have a folder named `resources` too.
sys.path.insert(0, str(Path(__file__).parents[1]))

from backends import photograph as patchwork
from lakes import open_scripted, prepared
from photographs import photograph
from PIL import Image

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.resolutions import PREFERRED
from unicedit_assets.domain.roles import Edited, Editor, EditSample, Pixels
from unicedit_assets.pipeline.edits import seed_of
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref

SHARD = "s00000"
NAP = 0.040


@dataclass(frozen=True)
class Standing:
    """Holds a lock for a fixed time a sample and returns the picture with its rows turned round."""

    concurrency: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "stand-in", "version": 1}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        with self.lock:
            time.sleep(NAP)
        return Edited(image[::-1])


@dataclass(frozen=True)
class Measured:
    """One editor's figures; seconds."""

    samples: int
    bare: float
    stage: float
    cpu: float
    busy: float

    def told(self, name: str, bar: float) -> str:
        held = "held" if self.busy >= bar else "NOT held"
        return (
            f"{name:<26} {self.samples:>4} samples  bare loop {self.bare:7.2f} s  "
            f"stage {self.stage:7.2f} s  CPU {1000 * self.cpu / self.samples:5.0f} ms a sample  "
            f"loop / stage {self.bare / self.stage:5.3f}  "
            f"busy {self.busy:5.3f} (bar {bar}: {held})"
        )


def made_ready(home: Path, images: int, chunk: int, flat: bool) -> Project:
    """Take photographs in and write instructions for them."""
    source = home / "photographs"
    source.mkdir(parents=True)
    for seed in range(images):
        size = PREFERRED[5 + seed % 7]
        picture = patchwork(seed) if flat else photograph(seed, (size.width, size.height))
        Image.fromarray(picture).save(source / f"{seed:03d}.png", compress_level=1)
    changes = {
        "shard_size": images,
        "holdout": 0,
        "raw_images": {"chunk": 16},
        "instructions": {"chunk": 16, "per_image": 4},
        "edits": {"chunk": chunk},
    }
    project = prepared(open_scripted(home, changes), source)
    for stage in ("raw_images", "instructions"):
        project.run(Ref(stage, SHARD))
    return project


def samples_of(project: Project) -> list[EditSample]:
    """Return what the stage will ask for, decoded."""
    asked = project.ledger.read(project.require(Ref("instructions", SHARD)), schemas.ROWS)
    sources = project.require(Ref("raw_images", SHARD))
    pictures = Pictures(project.ledger, sources, "image_id", "image")
    return [
        EditSample(codec.decode(pictures[row["image_id"]]), row["en"], seed_of(project, row))
        for row in asked.to_pylist()
    ]


def bare_loop(editor: Editor, samples: list[EditSample]) -> float:
    start = time.perf_counter()
    for sample in samples:
        editor.edit(sample.image, sample.prompt, sample.seed)
    return time.perf_counter() - start


def measure(project: Project, editor: Editor) -> Measured:
    """Time the bare loop, the stage, and the bare loop again."""
    samples = samples_of(project)
    editor.edit(samples[0].image, samples[0].prompt, 0)
    before = bare_loop(editor, samples)
    backends = replace(project.backends, editors={"measured": editor})
    own = replace(project, backends=backends, _specs={})
    start, computed = time.perf_counter(), time.process_time()
    done = own.run(Ref("edits", f"{SHARD}/measured"))
    stage, cpu = time.perf_counter() - start, time.process_time() - computed
    if done.manifest.counts.accepted != len(samples):
        raise SystemExit(f"only {done.manifest.counts} of {len(samples)} samples were edited")
    bare = (before + bare_loop(editor, samples)) / 2
    return Measured(len(samples), bare, stage, cpu, done.figures["model_busy_share"])


def tiny_kontext(folder: Path, steps: int) -> Editor:
    from tiny_editors import save_tiny

    from resources.editors.build import editor_from
    from unicedit_assets.settings.editors import FluxKontextEditor

    model = save_tiny("flux-kontext", folder)
    settings = FluxKontextEditor(model=str(model), steps=steps, dtype="float32", device="cpu")
    return editor_from("tiny", settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--tiny-images", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--patchwork", action="store_true")
    arguments = parser.parse_args()
    flat = arguments.patchwork
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        project = made_ready(Path(name, "a"), arguments.images, arguments.chunk, flat)
        print(measure(project, Standing()).told("stand-in, 40 ms", 0.97), flush=True)
        if find_spec("diffusers") is None:
            print("tiny FLUX.1-Kontext: not run, needs pip install 'unicedit[neural]'")
            return
        warnings.simplefilter("ignore")
        project = made_ready(Path(name, "b"), arguments.tiny_images, 2, flat)
        editor = tiny_kontext(Path(name, "tiny"), arguments.steps)
        print(measure(project, editor).told("tiny FLUX.1-Kontext, CPU", 0.95))


if __name__ == "__main__":
    main()
