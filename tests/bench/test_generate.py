"""Making outputs: into the layout, resumable, failures told, two editors never in one folder."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_world import World, make_world

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.generate import Made, generate
from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import BackendDownError, Edited, EditorError, Pixels


class Painter:
    concurrency = 2

    def __init__(self, version: int = 1, by: Any = None) -> None:
        self._version, self._by = version, by
        self.asked: list[tuple[str, int]] = []

    @property
    def identity(self) -> Any:
        return {"name": "painter", "version": self._version}

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        self.asked.append((prompt, seed))
        if self._by:
            self._by(prompt)
        image[:] = 255 - image
        return Edited(image)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "world", 6)


def made_by(
    world: World, editor: Painter, out: Path, languages: Sequence[str] = ("en", "cn")
) -> Made:
    return list(generate(world.samples.samples, languages, editor, out, "p"))[-1]


def test_every_sample_and_language_is_made_once_with_one_seed(world: World, tmp_path: Path) -> None:
    editor = Painter()
    made = made_by(world, editor, tmp_path / "out")
    assert (made.edited, made.kept, made.done) == (12, 0, 12)
    assert len({seed for _, seed in editor.asked}) == 6
    sample = world.samples.samples[0]
    place = tmp_path / "out" / "p" / "Subject_Addition" / "cn" / f"{sample.key}.png"
    assert (codec.decode(place.read_bytes()) == 255 - codec.decode(sample.source.read())).all()
    place.unlink()
    editor.asked.clear()
    again = made_by(world, editor, tmp_path / "out")
    assert (again.edited, again.kept) == (1, 11)
    assert len(editor.asked) == 1


def test_a_failure_is_missing_and_tried_again(world: World, tmp_path: Path) -> None:
    def fail(prompt: str) -> None:
        if "number 2 " in prompt:
            raise EditorError("cannot do that")

    made = made_by(world, Painter(by=fail), tmp_path / "out", ("en",))
    assert made.edited == 5
    ((where, why),) = made.failures.items()
    assert where.startswith("Subject_Replacement/en/")
    assert "cannot do that" in why
    assert made_by(world, Painter(), tmp_path / "out", ("en",)).edited == 1


def test_a_dead_editor_ends_it_and_keeps_what_was_made(world: World, tmp_path: Path) -> None:
    def die(prompt: str) -> None:
        if "number 3 " in prompt:
            raise BackendDownError("no server")

    with pytest.raises(BackendDownError, match="no server"):
        made_by(world, Painter(by=die), tmp_path / "out", ("en",))
    assert made_by(world, Painter(), tmp_path / "out", ("en",)).kept >= 2


def test_another_editor_never_adds_to_a_folder(world: World, tmp_path: Path) -> None:
    made_by(world, Painter(1), tmp_path / "out")
    with pytest.raises(BenchError, match="another editor"):
        made_by(world, Painter(2), tmp_path / "out")
    (tmp_path / "out" / "p" / "editor.json").unlink()
    with pytest.raises(BenchError, match="holds outputs of something else"):
        made_by(world, Painter(1), tmp_path / "out")


def test_no_half_written_file_is_left(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        made_by(world, Painter(), tmp_path / "out")
    for _ in range(100):  # other threads may be about to clear away what they began
        names = [name for _, _, files in os.walk(tmp_path / "out") for name in files]
        if names == ["editor.json"]:
            break
        time.sleep(0.05)
    assert names == ["editor.json"]
