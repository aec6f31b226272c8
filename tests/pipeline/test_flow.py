"""The flow around a model: order, batches, read-ahead, crashes, and how busy the model was."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from backends import CALLS, ScriptedEditor, photograph, scripted_backends, write_photographs
from lakes import open_scripted, prepared, reopened

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import (
    BackendDownError,
    Edited,
    EditorError,
    EditSample,
    Pixels,
)
from unicedit_assets.pipeline.editing import EditAnswer, EditRequest
from unicedit_assets.pipeline.engine import LocalEngine
from unicedit_assets.pipeline.flow import (
    CHUNKS_AHEAD,
    BusyMeter,
    EditFlow,
    MappedEdits,
    batches,
)
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.terms import split

SIZES = [(64, 48), (48, 64), (64, 48), (64, 48), (48, 64)]


def picture(number: int) -> bytes:
    width, height = SIZES[number % len(SIZES)]
    noise = np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return codec.encode_lake(noise)


def request(number: int) -> EditRequest:
    return EditRequest(picture(number), f"prompt {number}", number)


@dataclass
class Inverting:
    """Holds a "model" that inverts pictures; remembers its batches; breaks as its prompts say."""

    batch: int = 2
    concurrency: int = 1
    nap: float = 0.0
    name: str = "inverting"
    seen: list[list[int]] = field(default_factory=list)
    loads: int = 0

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": self.name, "version": 1}

    def load(self) -> None:
        self.loads += 1

    def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
        (made,) = self.edit_batch([EditSample(image, prompt, seed)])
        if isinstance(made, EditorError):
            raise made
        return made

    def edit_batch(self, samples: Sequence[EditSample]) -> Sequence[Edited | EditorError]:
        self.seen.append([sample.seed for sample in samples])
        time.sleep(self.nap * len(samples))
        assert len({sample.image.shape for sample in samples}) == 1
        if any("crash" in sample.prompt for sample in samples):
            raise RuntimeError("crashed")
        if any("down" in sample.prompt for sample in samples):
            raise BackendDownError("the device is gone")
        return [self._one(sample) for sample in samples]

    @staticmethod
    def _one(sample: EditSample) -> Edited | EditorError:
        if "refuse" in sample.prompt:
            return EditorError("not this one")
        if "small" in sample.prompt:
            return Edited(sample.image[:8, :8])
        np.subtract(255, sample.image, out=sample.image)  # in the pixels that it was given
        return Edited(sample.image)


def flow_of(editor: Any, chunks: Sequence[Sequence[EditRequest]]) -> EditFlow:
    return EditFlow(editor, lambda index: chunks[index], lambda: range(len(chunks)))


def inverted(each: EditRequest) -> bytes:
    return codec.encode_lake(255 - codec.decode(each.image))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_batches_hold_one_size_each_and_everybody_once(most: int) -> None:
    found = batches(SIZES, most)
    assert sorted(i for batch in found for i in batch) == list(range(len(SIZES)))
    assert all(len(batch) <= most and len({SIZES[i] for i in batch}) == 1 for batch in found)
    assert [batch[0] for batch in found] == sorted(batch[0] for batch in found)


def test_answers_come_in_the_order_of_the_requests() -> None:
    chunks = [[request(n) for n in range(5)], [request(n) for n in range(5, 8)]]
    editor = Inverting()
    flow = flow_of(editor, chunks)
    for index, chunk in enumerate(chunks):
        assert [a.image for a in flow.answers(index)] == [inverted(each) for each in chunk]
    flow.close()
    assert editor.seen == [[0, 2], [1, 4], [3], [5, 7], [6]]
    assert editor.loads >= 1


def untimed(answers: Sequence[EditAnswer]) -> list[EditAnswer]:
    return [replace(answer, seconds=0.0) for answer in answers]


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("word", ["", "crash", "refuse", "small"])
def test_an_engine_batches_as_the_flow_does(batch: int, word: str) -> None:
    chunks = [[request(n) for n in range(5)], [request(n) for n in range(5, 8)]]
    chunks[0][2] = chunks[0][2]._replace(prompt=word)
    here, there = Inverting(batch), Inverting(batch)
    flow = flow_of(here, chunks)
    mapped = MappedEdits(LocalEngine(1), there, lambda index: chunks[index])
    for index in range(len(chunks)):
        made = mapped.answers(index)
        assert untimed(made) == untimed(flow.answers(index))
        assert all(answer.seconds > 0 for answer in made if answer.image)
    flow.close()
    assert there.seen == here.seen


def test_an_engine_hears_of_an_editor_that_is_down() -> None:
    chunk = [request(0), EditRequest(picture(2), "down", 2)]
    with pytest.raises(BackendDownError, match="the device is gone"):
        MappedEdits(LocalEngine(1), Inverting(), lambda _: chunk).answers(0)


def test_rows_of_one_source_do_not_share_pixels() -> None:
    source = picture(0)
    chunk = [EditRequest(source, "same", 1) for _ in range(4)]
    flow = flow_of(Inverting(batch=1), [chunk])
    assert {a.image for a in flow.answers(0)} == {inverted(chunk[0])}
    flow.close()


def test_a_crash_a_refusal_and_a_wrong_size_take_no_other_row_along() -> None:
    chunk = [EditRequest(picture(0), word, 1) for word in ("a", "crash", "refuse", "small", "b")]
    flow = flow_of(Inverting(batch=5), [chunk])
    answers = flow.answers(0)
    flow.close()
    assert [a.reason for a in answers] == [
        None,
        Reason.EDITOR_FAILED,
        Reason.EDITOR_FAILED,
        Reason.WRONG_SIZE,
        None,
    ]
    assert [a.detail for a in answers[1:3]] == ["RuntimeError: crashed", "not this one"]


def test_a_dead_backend_condemns_no_row() -> None:
    flow = flow_of(Inverting(), [[EditRequest(picture(0), "down", 1)]])
    with pytest.raises(BackendDownError, match="the device is gone"):
        flow.answers(0)
    flow.close()


def test_the_next_chunks_are_begun_and_not_all_of_them() -> None:
    loaded = []

    def load(index: int) -> list[EditRequest]:
        loaded.append(index)
        return [request(index * 5 + n) for n in range(5)]

    flow = EditFlow(Inverting(batch=1), load, lambda: range(50))
    flow.answers(0)
    assert loaded == list(range(1 + CHUNKS_AHEAD))
    flow.answers(1)
    assert loaded == list(range(2 + CHUNKS_AHEAD))
    flow.close()


def test_chunks_that_are_finished_are_not_begun() -> None:
    loaded = []

    def load(index: int) -> list[EditRequest]:
        loaded.append(index)
        return [request(index)]

    flow = EditFlow(Inverting(), load, lambda: [2, 5, 7, 8])
    assert flow.answers(2)[0].image == inverted(request(2))
    # Somebody else finished 5 and 7 meanwhile.
    assert flow.answers(8)[0].image == inverted(request(8))
    assert loaded == [2, 5, 7, 8]
    flow.close()


def test_an_editor_without_batches_is_called_as_often_at_once_as_it_says() -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Remote:
        concurrency = 3
        identity: Mapping[str, Json] = {"name": "remote", "version": 1}

        def edit(self, image: Pixels, prompt: str, seed: int) -> Edited:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return Edited(image)

    flow = flow_of(Remote(), [[request(n) for n in range(9)]])
    assert [a.image for a in flow.answers(0)] == [picture(n) for n in range(9)]
    flow.close()
    assert most == 3


def test_the_busy_share_counts_the_time_between_the_first_and_the_last_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([10.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    meter = BusyMeter()
    assert meter.share is None
    for _ in range(2):
        with meter.running():
            pass
    assert (meter.seconds, meter.share) == (2.0, 2 / 3)


def test_the_model_does_not_wait_between_chunks() -> None:
    editor = Inverting(batch=1)
    chunks = [[request(n + 4 * c) for n in range(4)] for c in range(6)]
    flow = flow_of(editor, chunks)
    flow.answers(0)
    # Whoever writes chunk 0 takes very long; the model goes on with what is begun.
    ahead = 4 * (1 + CHUNKS_AHEAD)
    patience = time.monotonic() + 60
    while len(editor.seen) < ahead and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(editor.seen) == ahead
    flow.close()
    assert 0 < flow.figures()["model_busy_share"] <= 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    top = tmp_path_factory.mktemp("flow")
    backends = scripted_backends()
    editors = {"plain": ScriptedEditor("same"), "held": Held("same")}
    project = open_scripted(
        top, {"holdout": 0, "shard_size": 4}, backends=replace(backends, editors=editors)
    )
    prepared(project, write_photographs(top / "photographs", range(4)))
    for stage in ("raw_images", "instructions"):
        project.run(Ref(stage, "s00000"))
    return project


class Held(ScriptedEditor):
    """The scripted editor as one that is called in the stage's own process."""

    concurrency = 2


def rows_of(project: Project, editor: str) -> list[dict[str, Any]]:
    manifest = project.require(Ref("edits", f"s00000/{editor}"))
    tables = [
        project.ledger.read(manifest, table).to_pylist()
        for table in (schemas.ROWS, schemas.REJECTS, schemas.TRUTH)
    ]
    ignored = {"seconds", "editor", "extra"}
    return [{k: v for k, v in row.items() if k not in ignored} for t in tables for row in t]


def test_a_flow_and_worker_processes_make_the_same_rows(project: Project) -> None:
    for editor in ("plain", "held"):
        done = project.run(Ref("edits", f"s00000/{editor}"))
        assert bool(done.figures) == (editor == "held")
    assert rows_of(project, "plain") == rows_of(project, "held")
    assert len(rows_of(project, "held")) > 6


def test_a_resumed_run_makes_what_is_missing_and_the_same(project: Project) -> None:
    ref = Ref("edits", "s00000/held")
    other = reopened(project, {"edits": {"seed": 9}})

    class Killed(BaseException):
        pass

    def kill(finished: int, chunks: int) -> None:
        if finished == 2:
            raise Killed

    with pytest.raises(Killed):
        other.run(ref, kill)
    CALLS.clear()
    done = other.run(ref)
    inputs, chunks = done.manifest.counts.inputs, len(done.manifest.tables[schemas.ROWS])
    assert done.resumed == 2
    assert CALLS["edit"] == inputs - split(inputs, chunks, 2).start
    other.run(Ref("edits", "s00000/plain"))
    assert rows_of(other, "held") == rows_of(other, "plain")


def test_threads_end_with_the_run(project: Project) -> None:
    project.run(Ref("edits", "s00000/held"))
    assert not [
        t for t in threading.enumerate() if t.name.startswith(("editor_", "reader_", "hand_"))
    ]


def test_size_of_is_that_of_the_picture() -> None:
    data = codec.encode_lake(photograph(1))
    pixels = codec.decode(data)
    assert codec.size_of(data) == (pixels.shape[1], pixels.shape[0])
    with pytest.raises(ValueError, match="do not decode"):
        codec.size_of(b"RIFF no picture")


def test_batches_never_reach_over_a_chunks_end() -> None:
    editor = Inverting(batch=8)
    chunks = [[request(0), request(2)], [request(3), request(5)]]
    flow = flow_of(editor, chunks)
    for index in range(2):
        flow.answers(index)
    flow.close()
    assert editor.seen == [[0, 2], [3, 5]]
    assert all(a[-1] < b[0] for a, b in pairwise(editor.seen))


@pytest.mark.parametrize("batch", [1, 4])
def test_the_chunk_counts_where_it_decides_who_shares_a_batch(project: Project, batch: int) -> None:
    chosen = {"held": Inverting(batch=batch)}
    backends = replace(project.backends, editors=chosen, models=chosen)
    for ref, stage in (
        (Ref("edits", "s00000/held"), "edits"),
        (Ref("unicbench_edits", "held/en"), "unicbench_edits"),
    ):
        fingerprints = {
            replace(reopened(project, {stage: {"chunk": chunk}}), backends=backends)
            .spec(ref)
            .fingerprint
            for chunk in (2, 3)
        }
        assert len(fingerprints) == (2 if batch > 1 else 1)
