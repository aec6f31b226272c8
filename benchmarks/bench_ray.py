"""Edits a second of the classical editor: the local engine's processes against Ray's actors.

Run: ``python benchmarks/bench_ray.py [EDITS]``. Both have as many workers, warmed up; the ratio is
what Ray costs or gains on one machine. It is meant for more than one.
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
ROUNDS = 3


def requests(number: int) -> list[EditRequest]:
    """Return edits of one photograph: what it allows, again and again under other seeds."""
    image, instructor = procedural(), ClassicalInstructor()
    survey = instructor.survey(image)
    drafts = instructor.write(image, survey, survey.subtasks, 1)
    texts = [draft.en for draft in drafts if isinstance(draft, Draft)]
    data = codec.encode_lake(image)
    return [EditRequest(data, text, seed) for seed, text in enumerate(islice(cycle(texts), number))]


def timed(engine: Engine, asked: Sequence[EditRequest]) -> tuple[float, list[bytes]]:
    """Return edits a second, and the edited pictures."""
    started = time.perf_counter()
    pictures = [answer.image for answer in engine.map(partial(make_edit, ClassicalEditor()), asked)]
    return len(asked) / (time.perf_counter() - started), pictures


def main() -> int:
    """Run from the command line."""
    asked = requests(int(sys.argv[1]) if len(sys.argv) > 1 else EDITS)
    workers = len(os.sched_getaffinity(0))
    engines: dict[str, Engine] = {
        "local": LocalEngine(workers),
        "ray": RayEngine(RaySettings(actors=workers), workers),
    }
    best = dict.fromkeys(engines, 0.0)
    pictures = []
    try:
        for engine in engines.values():
            timed(engine, asked[: 4 * workers])
        # In turns, so that whatever else the machine does meets both.
        for _ in range(ROUNDS):
            for name, engine in engines.items():
                rate, made = timed(engine, asked)
                best[name] = max(best[name], rate)
                pictures.append(made)
    except SettingsError as error:
        print(f"not measured: {error}")
        return 0
    same = all(made == pictures[0] for made in pictures)
    print(f"{len(asked)} edits, {workers} workers, best of {ROUNDS} rounds")
    print(f"  local {best['local']:8.2f} edits/s")
    print(f"  ray   {best['ray']:8.2f} edits/s   ratio {best['ray'] / best['local']:.2f}")
    print(f"  pictures are {'identical' if same else 'DIFFERENT'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
