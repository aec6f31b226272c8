"""Models of one process that share its GPUs: each finds room, none is let go while it is asked.

The libraries are stood in for, so that fake devices do; everything else is what runs in production.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gpu.ending import end_leases
from resources.editors import diffusion
from resources.editors.diffusion import DiffusersEditor
from resources.gpu import held_models
from resources.gpu.leases import FOLDER_VARIABLE, held_devices
from resources.vlms.in_vllm import InVllm
from unicedit_assets.domain.roles import BackendDownError, Edited, EditSample
from unicedit_assets.settings import Settings
from unicedit_assets.settings.gpu import GpuSettings
from unicedit_assets.settings.vlms import VllmVlm
from unicedit_assets.vlm.roles import Question

GPU = GpuSettings(wait=0)
PICTURE = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
QUESTION = Question("q", "", (), "What?", {"type": "object"})


class Pipeline:
    """Stands for a loaded diffusion pipeline."""


class Engine:
    """Stands for vLLM's engine."""

    def __init__(self) -> None:
        self.sees = os.environ.get("CUDA_VISIBLE_DEVICES")
        self.open, self.asked = True, threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    async def generate(self, *_: object) -> AsyncIterator[Any]:
        import asyncio

        assert self.open
        self.asked.set()
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)
        said = SimpleNamespace(token_ids=[], logprobs=[], text="{}", finish_reason="stop")
        yield SimpleNamespace(outputs=[said], prompt_token_ids=[])

    def shutdown(self) -> None:
        self.open = False


class World:
    """What was loaded."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []
        self.pipelines: list[tuple[str, weakref.ref[Pipeline]]] = []

    def engine(self, _: object) -> Engine:
        self.engines.append(Engine())
        return self.engines[-1]

    def pipeline(self, _: object, device: str) -> Pipeline:
        made = Pipeline()
        self.pipelines.append((device, weakref.ref(made)))
        return made

    @property
    def pipelines_held(self) -> list[str]:
        gc.collect()
        return [device for device, model in self.pipelines if model() is not None]

    @property
    def engines_held(self) -> int:
        return sum(engine.open for engine in self.engines)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "locks"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(diffusion, "load_pipeline", made.pipeline)
    monkeypatch.setattr(
        diffusion, "run_pipeline", lambda _, __, samples: [each.image / 255 for each in samples]
    )
    modules: dict[str, dict[str, Any]] = {
        "transformers": {"AutoProcessor": SimpleNamespace(from_pretrained=lambda *_, **__: None)},
        "vllm": {"SamplingParams": SimpleNamespace},
        "vllm.sampling_params": {"StructuredOutputsParams": SimpleNamespace},
        "vllm.exceptions": {"VLLMClientError": KeyError},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": SimpleNamespace},
        "vllm.v1.engine.exceptions": {"EngineDeadError": KeyError},
        "vllm.v1.engine.async_llm": {"AsyncLLM": SimpleNamespace(from_engine_args=made.engine)},
    }
    for name, values in modules.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("vllm.engine", "vllm.v1", "vllm.v1.engine"):
        if name not in modules:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr("resources.vlms.in_vllm.chat_text", lambda *_: "text")
    yield made
    diffusion._holder.let_go()
    diffusion._holder.leave()
    end_leases()


@pytest.fixture
def editor(tmp_path: Path) -> DiffusersEditor:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    values = {"kind": "flux-kontext", "model": str(folder)}
    settings: Any = Settings.model_validate({"editors": {"e": values}}).editors["e"]
    return DiffusersEditor("e", settings, GPU)


@pytest.fixture
def vlm() -> Iterator[InVllm]:
    made = InVllm(VllmVlm(model="big"), GPU)
    yield made
    made.close()


def edit(editor: DiffusersEditor) -> None:
    (made,) = editor.edit_batch([EditSample(PICTURE, "p", 1)])
    assert isinstance(made, Edited), made


def test_stages_in_turn_find_room_on_one_gpu(
    world: World, editor: DiffusersEditor, vlm: InVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNICEDIT_FAKE_GPUS", "1")
    for turn in range(2):
        assert vlm.ask(QUESTION).text == "{}"
        assert (world.engines_held, world.pipelines_held) == (1, [])
        assert held_models() == ("big",)
        edit(editor)
        edit(editor)
        assert (world.engines_held, world.pipelines_held) == (0, ["cuda:0"])
        assert held_models() == ("editor",)
        assert (len(world.engines), len(world.pipelines)) == (turn + 1, turn + 1)
    assert {engine.sees for engine in world.engines} == {"FAKE-0"}


def test_a_second_language_model_takes_the_place_of_the_first(
    world: World, vlm: InVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNICEDIT_FAKE_GPUS", "1")
    other = InVllm(VllmVlm(model="other"), GPU)
    vlm.ask(QUESTION)
    other.ask(QUESTION)
    assert [engine.open for engine in world.engines] == [False, True]
    other.close()
    assert held_models() == ()


def test_models_at_work_at_once_get_different_gpus(
    world: World, editor: DiffusersEditor, vlm: InVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNICEDIT_FAKE_GPUS", "2")
    vlm.load()
    with asked(world, vlm):
        edit(editor)
    assert world.engines[0].sees == "FAKE-0"
    assert (world.engines_held, world.pipelines_held) == (1, ["cuda:1"])
    # Each stays where it is, whoever is at work.
    edit(editor)
    vlm.ask(QUESTION)
    assert (len(world.engines), len(world.pipelines)) == (1, 1)
    assert [device.name for device in held_devices()] == ["cuda:0", "cuda:1"]


class asked:  # noqa: N801
    """Inside, a question is under way."""

    def __init__(self, world: World, vlm: InVllm) -> None:
        self._engine = world.engines[-1]
        self._thread = threading.Thread(target=vlm.ask, args=(QUESTION,))

    def __enter__(self) -> None:
        self._engine.go_on.clear()
        self._engine.asked.clear()
        self._thread.start()
        assert self._engine.asked.wait(20)

    def __exit__(self, *_: object) -> None:
        self._engine.go_on.set()
        self._thread.join()


def test_a_model_at_work_is_not_let_go(
    world: World, editor: DiffusersEditor, vlm: InVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNICEDIT_FAKE_GPUS", "1")
    vlm.load()
    with (
        asked(world, vlm),
        pytest.raises(BackendDownError, match=r"another model .* is at work .* \(1 visible\)"),
    ):
        edit(editor)
    assert world.engines_held == 1
    edit(editor)
    assert world.engines_held == 0


def test_without_a_gpu_models_stay_beside_each_other(
    world: World, editor: DiffusersEditor, vlm: InVllm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    vlm.ask(QUESTION)
    edit(editor)
    vlm.ask(QUESTION)
    assert (world.engines_held, world.pipelines_held) == (1, ["cpu"])
