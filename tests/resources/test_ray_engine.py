"""The Ray engine on a real cluster of this machine: order, deaths, errors, and the same data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import write_photographs
from lakes import open_scripted, prepared, refs_of, release_files, run_all

from resources.editors.build import editor_from
from resources.ray_engine import RayEngine, shut_down
from unicedit_assets.domain import codec
from unicedit_assets.pipeline.editing import EditRequest
from unicedit_assets.pipeline.engine import ModelEngine, ThreadEngine, WorkerDiedError
from unicedit_assets.pipeline.flow import EditFlow, MappedEdits
from unicedit_assets.pipeline.project import Project
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.editors import FluxKontextEditor
from unicedit_assets.settings.gpu import RaySettings
from unicedit_assets.vlm.accounting import USAGE
from unicedit_assets.vlm.roles import Answer

pytestmark = [pytest.mark.neural, pytest.mark.timeout(600)]
# Ray leaves sockets and subprocesses to the end of its process.
NOISE = [
    pytest.mark.filterwarnings(f"ignore::{name}")
    for name in ("ResourceWarning", "FutureWarning", "DeprecationWarning", "UserWarning")
]
pytestmark += NOISE

SETTINGS = RaySettings(actors=3, retries=1, gpus_per_actor=0, model_actors=2, bundle=2)
WORKERS = 4


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    yield RayEngine(SETTINGS, WORKERS)
    shut_down()
    import ray

    ray.shutdown()


def square(number: int) -> int:
    time.sleep(0.01 * (3 - number % 3))
    return number * number


def where(number: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def refuse(bad: int, number: int) -> int:
    if number == bad:
        raise ValueError(f"not {number}")
    return number


def die(bad: int, number: int) -> int:
    if number == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class Locked:
    """Cannot travel."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def answer(self, number: int) -> int:
        return number


class Model:
    """Stands for a model: loaded once a process."""

    concurrency = 2

    def __init__(self) -> None:
        self.loaded_in = 0

    def load(self) -> None:
        assert self.loaded_in in (0, os.getpid())
        self.loaded_in = os.getpid()


class Connection:
    """Stands for a server's client."""

    concurrency = 5


def use(model: Model, number: int) -> tuple[int, int, str]:
    before = model.loaded_in
    model.load()
    time.sleep(0.02)
    return before, model.loaded_in, threading.current_thread().name


def test_results_come_in_order_from_several_processes(engine: RayEngine) -> None:
    assert list(engine.map(square, range(50))) == [n * n for n in range(50)]
    workers = set(engine.map(where, range(60)))
    assert len(workers) == SETTINGS.actors
    assert os.getpid() not in workers
    assert list(engine.map(square, [])) == []


def test_the_actors_stay_from_one_call_to_the_next(engine: RayEngine) -> None:
    before = set(engine.map(where, range(30)))
    assert set(engine.map(where, range(30))) == before


def test_items_are_taken_only_as_needed(engine: RayEngine) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = engine.map(square, items())
    assert next(results) == 0
    assert len(taken) <= SETTINGS.actors * SETTINGS.bundle * 3
    del results
    # What was left behind does not disturb the next call.
    assert list(engine.map(square, range(5))) == [0, 1, 4, 9, 16]


def test_two_calls_can_be_read_in_turns(engine: RayEngine) -> None:
    pairs = zip(engine.map(square, range(30)), engine.map(abs, range(30)), strict=True)
    assert list(pairs) == [(n * n, n) for n in range(30)]


def test_an_exception_of_the_function_goes_to_the_caller(engine: RayEngine) -> None:
    results = engine.map(partial(refuse, 5), range(30))
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="not 5"):
        next(results)
    assert list(engine.map(square, range(3))) == [0, 1, 4]


def test_a_killed_worker_loses_no_row(engine: RayEngine) -> None:
    results = engine.map(where, range(60))
    killed = next(results)
    os.kill(killed, signal.SIGKILL)
    others = list(results)
    assert len(others) == 59

    def replaced() -> bool:
        workers = set(engine.map(where, range(30)))
        return killed not in workers and len(workers) == SETTINGS.actors

    # On a loaded machine the others may end the rows before the new one has started.
    wait_for(replaced, 120)


def test_a_killed_source_loses_no_row(engine: RayEngine) -> None:
    results = engine.map(square, range(60))
    found = [next(results) for _ in range(20)]
    (source,) = processes_named("ray::MapBatches(source)")
    os.kill(source, signal.SIGKILL)
    assert [*found, *results] == [n * n for n in range(60)]


def test_a_row_that_ends_its_actor_each_time_is_named(engine: RayEngine) -> None:
    with pytest.raises(WorkerDiedError, match="Item 7 ended its Ray actor 2 times"):
        list(engine.map(partial(die, 7), range(20)))
    assert list(engine.map(square, range(20))) == [n * n for n in range(20)]


def test_what_cannot_travel_is_told(engine: RayEngine) -> None:
    with pytest.raises(SettingsError, match="cannot be sent to a worker"):
        list(engine.map(Locked().answer, range(3)))


def test_a_model_is_loaded_once_in_each_of_its_actors(engine: RayEngine) -> None:
    assert isinstance(engine, ModelEngine)
    model = Model()
    holding = engine.holding(model, model.concurrency)
    answers = [
        *holding.map(partial(use, model), range(20)),
        *holding.map(partial(use, Model()), range(20)),
    ]
    assert len({pid for _, pid, _ in answers}) == SETTINGS.model_actors
    assert sum(before == 0 for before, _, _ in answers) <= SETTINGS.model_actors * model.concurrency
    assert len({name for *_, name in answers}) > 1
    assert model.loaded_in == 0
    assert isinstance(engine.holding(Connection(), 5), ThreadEngine)


def ask(model: Model, number: int) -> int:
    if number == 9:
        raise ValueError("no answer")
    USAGE.add("eyes", Answer("x", tokens_in=number, tokens_out=1))
    return number


def test_what_models_in_actors_were_asked_is_counted_here(engine: RayEngine) -> None:
    holding, before = engine.holding(Model(), 2), USAGE.snapshot()
    assert list(holding.map(partial(ask, Model()), range(9))) == list(range(9))
    with pytest.raises(ValueError, match="no answer"):
        list(holding.map(partial(ask, Model()), [8, 9]))
    assert USAGE.since(before) == {
        "vlm/eyes/questions": 10,
        "vlm/eyes/tokens_in": sum(range(9)) + 8,
        "vlm/eyes/tokens_out": 10,
        "vlm/eyes/tries": 10,
    }


def test_an_actor_makes_batches_as_this_process_does(engine: RayEngine, tmp_path: Path) -> None:
    from tiny_editors import save_tiny

    settings = FluxKontextEditor(
        model=str(save_tiny("flux-kontext", tmp_path / "model")),
        steps=1,
        dtype="float32",
        device="cpu",
        batch_size=2,
    )
    editor: Any = editor_from("tiny", settings)
    noise = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    chunk = [EditRequest(codec.encode_lake(each), "paint it", n) for n, each in enumerate(noise)]
    spread = MappedEdits(engine.holding(editor, 1), editor, lambda _: chunk).answers(0)
    flow = EditFlow(editor, lambda _: chunk, lambda: [0])
    here = flow.answers(0)
    flow.close()
    assert [answer.image for answer in spread] == [answer.image for answer in here]
    assert all(answer.image for answer in here)


def test_a_worker_with_other_packages_is_refused(
    engine: RayEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.ray_stream.versions", lambda: {"numpy": "0.1"})
    other = RayEngine(SETTINGS.model_copy(update={"actors": 1}), WORKERS)
    with pytest.raises(
        SettingsError, match=r"a Ray worker has other packages: numpy .* instead of 0\.1"
    ):
        list(other.map(square, range(3)))


def test_a_cluster_of_this_machine_listens_to_this_machine_only(engine: RayEngine) -> None:
    list(engine.map(square, range(3)))
    own = {os.getpid(), *processes_named("ray"), *processes_named("gcs_server")}
    sockets = {
        str(link.readlink())
        for pid in own
        for link in Path(f"/proc/{pid}/fd").glob("*")
        if link.is_symlink() and os.path.lexists(link)
    }
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    heard = [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]
    assert heard
    assert all(address.split(":")[0].endswith("0100007F") for address in heard), heard


def processes_named(name: str) -> list[int]:
    """Return the processes below this one whose command begins with a name."""
    import psutil

    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if words and (Path(words[0]).name.startswith(name) or words[0].startswith(name)):
            found.append(child.pid)
    return found


def contents(project: Project) -> dict[str, Any]:
    """Return every table of every partition, without the timings."""
    found: dict[str, Any] = {}
    for ref in refs_of(project):
        manifest = project.require(ref)
        for name in manifest.tables:
            table = project.ledger.read(manifest, name)
            kept = [column for column in table.column_names if column != "seconds"]
            found[f"{ref} {name}"] = table.select(kept).to_pylist()
    return found


def parts(project: Project, stage: str) -> list[str]:
    """Return the hashes of all parts of a stage."""
    return [
        part.sha256
        for ref in project.refs(stage)
        for table in project.require(ref).tables.values()
        for part in table
    ]


def test_the_pipeline_gives_the_same_bytes_while_a_worker_is_killed(
    engine: RayEngine, tmp_path: Path
) -> None:
    source = write_photographs(tmp_path / "photographs", range(4))
    local = prepared(open_scripted(tmp_path / "local"), source)
    spread = prepared(replace(open_scripted(tmp_path / "ray"), engine=engine), source)
    run_all(local)
    list(engine.map(where, range(9)))
    victim = threading.Timer(1.5, kill_an_actor)
    victim.start()
    run_all(spread)
    victim.join()
    assert release_files(spread) == release_files(local)
    assert contents(spread) == contents(local)
    for stage in ("raw_images", "instructions"):
        assert parts(spread, stage) == parts(local, stage)


def kill_an_actor() -> None:
    os.kill(processes_named("ray::MapWorker")[0], signal.SIGKILL)


DRIVER = """
import sys
from dataclasses import replace
from pathlib import Path
from lakes import open_scripted, prepared, run_all
from resources.ray_engine import RayEngine
from unicedit_assets.settings.gpu import RaySettings

if __name__ == "__main__":
    engine = RayEngine(RaySettings(actors=2), 2)
    project = replace(open_scripted(Path(sys.argv[1])), engine=engine)
    print("begun", flush=True)
    run_all(prepared(project, sys.argv[2]))
    print("done", flush=True)
"""


def test_a_killed_driver_leaves_no_worker_and_its_work_resumes(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(4))
    local = prepared(open_scripted(tmp_path / "local"), source)
    run_all(local)
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    command = [sys.executable, str(script), str(tmp_path / "ray"), str(source)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    driver = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    wait_for(lambda: any((tmp_path / "ray").rglob("edits/**/chunks/*.json")), 120)
    import psutil

    family = psutil.Process(driver.pid).children(recursive=True)
    assert len(family) > 3
    driver.kill()
    driver.wait()
    wait_for(lambda: not living(family), 60)
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    spread = open_scripted(tmp_path / "ray")
    assert release_files(spread) == release_files(local)
    assert contents(spread) == contents(local)


def living(family: list[Any]) -> list[str]:
    """Return the processes that still run and could hold a row or a model.

    Those that nobody has buried yet do not run; Ray's two agents find out within minutes.
    """
    import psutil

    found = []
    for each in family:
        with suppress(psutil.Error):
            agent = "Agent" in " ".join(each.cmdline())
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE and not agent:
                found.append(f"{each.pid} {each.name()}")
    return found


def wait_for(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
