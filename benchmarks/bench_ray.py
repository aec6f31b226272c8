"""Edits a second of the classical editor: the local engine's processes against Ray's actors.

Run: ``python benchmarks/bench_ray.py [EDITS]``. Both have as many workers, warmed up; the ratio is
what Ray costs on one machine. It pays from the second machine on.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle, islice

from bench_edit_ops import procedural

from resources.ray_engine import RayEngine
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import Draft
from unicedit_assets.pipeline.edits import EditRequest, make_edit
from unicedit_assets.pipeline.engine import Engine, LocalEngine
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.gpu import RaySettings

EDITS = 96


def requests(number: int) -> list[EditRequest]:
    """Return edits of one photograph: what it allows, again and again under other seeds."""
    image, instructor = procedural(), ClassicalInstructor()
    survey = instructor.survey(image)
    drafts = instructor.write(image, survey, survey.subtasks, 1)
    texts = [draft.en for draft in drafts if isinstance(draft, Draft)]
    data = codec.encode_lake(image)
    return [EditRequest(data, text, seed) for seed, text in enumerate(islice(cycle(texts), number))]


def throughput(engine: Engine, asked: Sequence[EditRequest]) -> tuple[float, list[bytes]]:
    """Return edits a second, and the edited pictures."""
    work = partial(make_edit, ClassicalEditor())
    list(engine.map(work, asked[: 4 * (os.cpu_count() or 1)]))
    started = time.perf_counter()
    pictures = [answer.image for answer in engine.map(work, asked)]
    return len(asked) / (time.perf_counter() - started), pictures


def main() -> int:
    """Run from the command line."""
    asked = requests(int(sys.argv[1]) if len(sys.argv) > 1 else EDITS)
    workers = len(os.sched_getaffinity(0))
    local, expected = throughput(LocalEngine(workers), asked)
    try:
        ray, found = throughput(RayEngine(RaySettings(actors=workers), workers), asked)
    except SettingsError as error:
        print(f"not measured: {error}")
        return 0
    print(f"{len(asked)} edits, {workers} workers")
    print(f"  local {local:8.2f} edits/s")
    print(f"  ray   {ray:8.2f} edits/s   ratio {ray / local:.2f}")
    print(f"  pictures are {'identical' if expected == found else 'DIFFERENT'}")
    return 0 if expected == found else 1


if __name__ == "__main__":
    sys.exit(main())
