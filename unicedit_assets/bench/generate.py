"""Running an editor over the benchmark, into upstream's layout; pictures that are there are kept.

A model's folder says which editor made it (``editor.json``), so that two checkpoints never mix. An
edit that fails is missing, which the coverage shows, and is tried again by the next call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.layout import model_folder, place_of
from unicedit_assets.bench.samples import Sample, require_languages
from unicedit_assets.bench.store import write_json
from unicedit_assets.domain import codec
from unicedit_assets.domain.identity import edit_id, seed_from
from unicedit_assets.domain.machine import is_machines
from unicedit_assets.domain.roles import BackendDownError, Editor
from unicedit_assets.published.pictures import decode_picture
from unicedit_assets.storage.files import write_bytes

EDITOR_FILE = "editor.json"
_AHEAD = 2


@dataclass(frozen=True)
class Made:
    """How far it is.

    Attributes:
        edited: pictures made now.
        kept: pictures that were there.
        failures: ``subtask/language/key`` -> why there is none.
    """

    edited: int = 0
    kept: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.edited + self.kept + len(self.failures)


@dataclass(frozen=True)
class _Wanted:
    sample: Sample
    language: str
    place: Path


def generate(
    samples: Sequence[Sample], languages: Sequence[str], editor: Editor, out: Path, name: str
) -> Iterator[Made]:
    """Make what is not there, and yield how far it is after each picture.

    Args:
        samples, languages: what is edited; both languages of a sample get the same seed.
        editor: called from its ``concurrency`` threads, or one for each core.
        out: folder of outputs.
        name: the model's folder in it.

    Raises:
        BenchError: another editor made the folder, or a language is missing.
        BackendDownError: the editor is of no more use; what was made is kept.
    """
    require_languages(samples, languages)
    folder = model_folder(out, name)
    _claim(folder, editor)
    wanted = [
        _Wanted(sample, language, place_of(out, name, sample, language))
        for sample in samples
        for language in languages
    ]
    missing = [each for each in wanted if not each.place.exists()]
    made = Made(kept=len(wanted) - len(missing))
    yield made
    threads = int(getattr(editor, "concurrency", 0)) or len(os.sched_getaffinity(0))
    for each, trouble in _spread(lambda w: _make(editor, w), missing, threads):
        if trouble:
            where = str(each.place.relative_to(folder))
            made = replace(made, failures={**made.failures, where: trouble})
        else:
            made = replace(made, edited=made.edited + 1)
        yield made


def _claim(folder: Path, editor: Editor) -> None:
    """Say which editor a folder is of.

    Raises:
        BenchError: it is of another, or of one that nobody knows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, mine = folder / EDITOR_FILE, json.loads(json.dumps(editor.identity))
    try:
        if json.loads(path.read_text("utf-8")) == mine:
            return
    except FileNotFoundError:
        if any(folder.iterdir()):
            raise BenchError(f"{folder} holds outputs of something else: choose --name") from None
        write_json(mine, path)
        return
    except ValueError:
        pass
    raise BenchError(f"{folder} is of another editor or other settings: choose another --name")


def _spread(
    function: Callable[[_Wanted], str], items: Sequence[_Wanted], threads: int
) -> Iterator[tuple[_Wanted, str]]:
    """Yield items with results in their order; what has not begun when it ends is dropped."""
    pool = ThreadPoolExecutor(threads)
    under_way: list[tuple[_Wanted, Future[str]]] = []
    try:
        for item in items:
            under_way.append((item, pool.submit(function, item)))
            if len(under_way) >= threads * _AHEAD:
                first, future = under_way.pop(0)
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _make(editor: Editor, wanted: _Wanted) -> str:
    """Make one picture; return why there is none, or nothing."""
    sample = wanted.sample
    seed = seed_from("unicbench", edit_id(sample.key, editor.identity, 0))
    try:
        source = decode_picture(sample.source.read())
        edited = editor.edit(source.copy(), sample.prompts[wanted.language], seed)
        data = codec.encode_release(edited.pixels)
    except BackendDownError:
        raise
    except Exception as error:  # one sample must not take the others with it
        if is_machines(error):
            raise
        return " ".join(f"{type(error).__name__}: {error}".split())
    write_bytes(wanted.place, data)
    return ""
