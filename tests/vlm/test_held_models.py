"""Models held in this process: one load for all threads, and what breaks condemns no row."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from resources.vlms import in_transformers, once
from resources.vlms.in_transformers import InTransformers
from resources.vlms.in_vllm import InVllm
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.pipeline.rows import named
from unicedit_assets.settings.vlms import TransformersVlm, VllmVlm
from unicedit_assets.vlm.prompting import TEXT, json_object
from unicedit_assets.vlm.roles import FailureKind, Question

QUESTION = Question("test", "Be brief.", (), "What?", json_object(said=TEXT), 64)


class OutOfMemoryError(RuntimeError):
    """As torch has it."""


class AcceleratorError(RuntimeError):
    """As torch has it."""


class EngineDeadError(Exception):
    """As vLLM has it."""


class ClientError(Exception):
    """As vLLM has it."""


class Library:
    """Stands for torch, transformers and vLLM: does what a test says, and counts."""

    def __init__(self) -> None:
        self.loads = 0
        self.ended = 0
        self.load: Callable[[], None] = lambda: None
        self.generate: Callable[[], None] = lambda: None

    def loaded(self, *_: Any, **__: Any) -> Any:
        self.loads += 1
        time.sleep(0.05)
        self.load()
        return self

    # A model of transformers.
    config = SimpleNamespace(
        get_text_config=lambda: SimpleNamespace(max_position_embeddings=99, vocab_size=9)
    )
    tokenizer = SimpleNamespace(decode=lambda *_, **__: "text")
    generation_config = SimpleNamespace(eos_token_id=1)
    device = "cpu"

    def to(self, _: str) -> Library:
        return self

    def eval(self) -> Library:
        return self

    # A processor.
    def apply_chat_template(self, *_: Any, **__: Any) -> str:
        return "What?"

    def __call__(self, **_: Any) -> Any:
        class Inputs(dict):
            def to(self, _: str) -> dict[str, Any]:
                return self

        return Inputs(input_ids=np.zeros((1, 3)))

    # An engine of vLLM.
    def shutdown(self) -> None:
        self.ended += 1
        raise RuntimeError("it is dead already")


def module(name: str, **members: Any) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(members)
    return made


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    fake = Library()
    loads = SimpleNamespace(from_pretrained=fake.loaded)
    processors = SimpleNamespace(from_pretrained=lambda *_, **__: fake)
    modules = [
        module(
            "torch",
            OutOfMemoryError=OutOfMemoryError,
            AcceleratorError=AcceleratorError,
            inference_mode=contextlib.nullcontext,
            version=SimpleNamespace(hip=None),
            cuda=SimpleNamespace(is_available=lambda: False, device_count=lambda: 0),
        ),
        module("resources.qwen_verify.model", register=lambda: None),
        module("transformers", AutoModelForImageTextToText=loads, AutoProcessor=processors),
        module("vllm", SamplingParams=dict),
        module("vllm.exceptions", VLLMClientError=ClientError),
        module("vllm.sampling_params", StructuredOutputsParams=dict),
        module("vllm.v1"),
        module("vllm.v1.engine"),
        module("vllm.v1.engine.exceptions", EngineDeadError=EngineDeadError),
        module(
            "vllm.v1.engine.async_llm",
            AsyncLLM=SimpleNamespace(from_engine_args=lambda _: Engine(fake.loaded())),
        ),
        module("vllm.engine"),
        module("vllm.engine.arg_utils", AsyncEngineArgs=dict),
    ]
    for each in modules:
        monkeypatch.setitem(sys.modules, each.__name__, each)
    unbound = SimpleNamespace(processor=lambda _: None)
    monkeypatch.setattr(in_transformers, "SchemaBound", lambda *_: unbound)
    yield fake


class Engine:
    """vLLM's engine, over the library that a test scripts."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.shutdown = library.shutdown

    async def generate(self, *_: Any) -> Any:
        self._library.generate()
        said = SimpleNamespace(text="text", token_ids=[1], logprobs=None, finish_reason="stop")
        yield SimpleNamespace(outputs=[said], prompt_token_ids=[1, 2])


def raising(error: Exception) -> Callable[..., Any]:
    def act(**_: Any) -> None:
        raise error

    return act


def backend_of(kind: str) -> InTransformers | InVllm:
    if kind == "vllm":
        return InVllm(VllmVlm(model="m"))
    return InTransformers(TransformersVlm(model="m", device="cpu"))


@pytest.mark.parametrize("kind", ["transformers", "vllm"])
def test_a_failed_load_is_told_to_all_threads_and_tried_once(
    library: Library, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.load = raising(OSError("no such folder"))
    backend = backend_of(kind)

    def told(_: int) -> str:
        with pytest.raises(BackendDownError) as caught:
            backend.ask(QUESTION)
        return str(caught.value)

    with ThreadPoolExecutor(8) as pool:
        assert all("no such folder" in text for text in pool.map(told, range(16)))
    assert library.loads == 1
    monkeypatch.setattr(once, "REMEMBERED", 0.0)
    told(0)
    assert library.loads == 2
    backend.close()


@pytest.mark.parametrize(
    "error", [EngineDeadError("gone"), RuntimeError("CUDA error: illegal access"), MemoryError()]
)
def test_a_dead_engine_ends_the_run_and_the_next_gets_a_new_one(
    library: Library, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = backend_of("vllm")
    assert backend.ask(QUESTION).text == "text"
    library.generate = raising(error)
    for _ in range(3):
        with pytest.raises(BackendDownError):
            backend.ask(QUESTION)
    assert (library.loads, library.ended) == (1, 1)
    monkeypatch.setattr(once, "REMEMBERED", 0.0)
    library.generate = lambda: None
    assert backend.ask(QUESTION).text == "text"
    assert library.loads == 2
    backend.close()


def test_one_question_that_fails_in_the_engine_fails_alone(library: Library) -> None:
    backend = backend_of("vllm")
    library.generate = raising(RuntimeError("odd picture"))
    failure = backend.ask(QUESTION).failure
    assert failure
    assert failure.kind is FailureKind.SERVER
    library.generate = lambda: None
    assert backend.ask(QUESTION).failure is None
    assert library.loads == 1
    backend.close()


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: device-side assert"), AcceleratorError("lost")]
)
def test_a_broken_device_is_no_rows_fault(library: Library, error: Exception) -> None:
    library.generate = raising(error)
    with pytest.raises(BackendDownError, match="the device is broken"):
        backend_of("transformers").ask(QUESTION)


def test_no_memory_for_question_after_question_is_no_rows_fault(library: Library) -> None:
    library.generate = raising(OutOfMemoryError("2 GiB"))
    backend = backend_of("transformers")
    for _ in range(3):
        failure = backend.ask(QUESTION).failure
        assert failure
        assert "out of memory" in failure.detail
    with pytest.raises(BackendDownError, match="out of memory"):
        backend.ask(QUESTION)


@pytest.mark.parametrize(
    "error", [MemoryError(), TimeoutError("slow"), ConnectionResetError("gone"), BackendDownError()]
)
def test_what_is_the_machines_is_raised_and_not_written_into_a_row(error: Exception) -> None:
    with pytest.raises(type(error)):
        named(error)
    assert named(ValueError("odd")) == "ValueError: odd"
