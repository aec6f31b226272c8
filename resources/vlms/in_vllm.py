"""vLLM inside this process: its engine batches the questions of many threads as they come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from resources.editors.weights import weights_version
from resources.gpu import Holder
from resources.gpu.broken import is_broken
from resources.vlms.guardian import Guardian, descendants, guard_new
from resources.vlms.loop import BackgroundLoop
from resources.vlms.once import Once
from resources.vlms.replying import failure_of, unfinished
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.gpu import GpuSettings
from unicedit_assets.settings.vlms import VllmVlm
from unicedit_assets.vlm.parsing import Token, weighed
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question

VERSION = 1


@dataclass(frozen=True)
class _Running:
    """A started engine, what words its questions, and its bound on questions in flight."""

    engine: Any
    processor: Any
    slots: asyncio.Semaphore
    guardian: Guardian


class InVllm:
    """Plays the ``Vlm`` role with vLLM's asynchronous engine.

    Each question is a request of its own, so one that is too long fails alone.
    """

    def __init__(self, settings: VllmVlm, gpu: GpuSettings | None = None) -> None:
        self._settings = settings
        self._gpu = gpu or GpuSettings()
        self._lock = threading.Lock()
        self._loop: BackgroundLoop | None = None
        self._once = Once[_Running]()
        self._holder = Holder(settings.model, self.close)

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """What can change a reply: the weights by their content, every setting that counts."""
        fields = self._settings.identity_fields()
        where = self._settings.model, self._settings.revision
        fields["model"] = weights_version("vlms.model", *where)
        return {"name": "vllm", "version": VERSION, **fields}

    @property
    def concurrency(self) -> int:
        return self._settings.concurrency

    @property
    def gpus(self) -> int:
        """How many GPUs the model wants."""
        return self._settings.tensor_parallel

    def ask(self, question: Question) -> Answer:
        """Answer one question; see ``Vlm``.

        Raises:
            BackendDownError: the model cannot be loaded, or the engine died.
        """
        with self._holder.using():
            loop, running = self._started()
            try:
                return loop.run(self._ask(running, question))
            except BackendDownError as error:
                # Who asks after this run deserves a new engine.
                if self._once.died(running, error):
                    loop.run(_ended(running))
                raise

    def load(self) -> None:
        """Start the engine, unless it runs.

        Raises:
            BackendDownError: the model cannot be loaded.
        """
        with self._holder.using():
            self._started()

    def _started(self) -> tuple[BackgroundLoop, _Running]:
        with self._lock:
            loop = self._loop = self._loop or BackgroundLoop("vlm-vllm")
        return loop, self._once.get(lambda: loop.run(self._start()))

    def close(self) -> None:
        """End the engine and free its memory; the next question starts it again."""
        with self._lock:
            running = self._once.drop()
            loop, self._loop = self._loop, None

        async def last() -> None:
            if running:
                await _ended(running)

        if loop:
            loop.finish(last)
        self._holder.leave()

    async def _start(self) -> _Running:
        before = descendants(os.getpid())
        try:
            from transformers import AutoProcessor
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM

            revision = self._settings.revision or None
            processor = AutoProcessor.from_pretrained(self._settings.model, revision=revision)
            # The engine is a process of its own and sees only the devices that are leased for it.
            with self._holder.places(self._settings.tensor_parallel, self._gpu):
                engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**self._engine_arguments()))
        except Exception as error:
            raise BackendDownError(f"vLLM cannot load {self._settings.model}: {error}") from error
        slots = asyncio.Semaphore(self._settings.concurrency)
        return _Running(engine, processor, slots, guard_new(before))

    def _engine_arguments(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "model": settings.model,
            "revision": settings.revision or None,
            "dtype": settings.dtype,
            "max_model_len": settings.max_model_len,
            "tensor_parallel_size": settings.tensor_parallel,
            "gpu_memory_utilization": settings.gpu_memory,
            "limit_mm_per_prompt": {"image": 2},
            # Free white space lets a weak model loop on newlines.
            "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
            "disable_log_stats": True,
            **settings.engine,
        }

    async def _ask(self, running: _Running, question: Question) -> Answer:
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        async with running.slots:
            try:
                async with asyncio.timeout(self._settings.deadline):
                    output = await self._generated(running, question)
            except TimeoutError:
                detail = f"no answer within {self._settings.deadline:.0f} s"
                return Answer(failure=Failure(FailureKind.TIMEOUT, detail))
            except EngineDeadError as error:
                raise BackendDownError(f"vLLM's engine died: {error}") from error
            except (ValueError, VLLMClientError) as error:  # wrong with this request
                return Answer(failure=failure_of(400, str(error)))
            except Exception as error:  # one question must not take the others with it
                if isinstance(error, MemoryError) or is_broken(error):
                    raise BackendDownError(f"vLLM lost its device or memory: {error}") from error
                return Answer(failure=failure_of(500, f"{type(error).__name__}: {error}"))
        return _answer(output, question)

    @staticmethod
    async def _generated(running: _Running, question: Question) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        prompt: dict[str, Any] = {"prompt": chat_text(running.processor, question)}
        if question.images:
            pictures = [Image.fromarray(image) for image in question.images]
            prompt["multi_modal_data"] = {"image": pictures}
        how = SamplingParams(
            temperature=question.temperature,
            seed=question.seed,
            max_tokens=question.max_tokens,
            logprobs=0 if question.weigh else None,
            structured_outputs=StructuredOutputsParams(json=dict(question.schema)),
        )
        last = None
        async for output in running.engine.generate(prompt, how, uuid.uuid4().hex):
            last = output
        return last


async def _ended(running: _Running) -> None:
    """End an engine, which may be dead already."""
    with contextlib.suppress(Exception):
        running.engine.shutdown()
    running.guardian.dismiss()


def chat_text(processor: Any, question: Question) -> str:
    """Return a question in the words of a model's chat template, the images first."""
    content = [{"type": "image"} for _ in question.images]
    messages = [
        {"role": "system", "content": [{"type": "text", "text": question.system}]},
        {"role": "user", "content": [*content, {"type": "text", "text": question.text}]},
    ]
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _answer(output: Any, question: Question) -> Answer:
    said = output.outputs[0]
    tokens = [
        Token(str(found[token].decoded_token), float(found[token].logprob))
        for token, found in zip(said.token_ids, said.logprobs or (), strict=False)
    ]
    return Answer(
        text=said.text,
        failure=unfinished(said.finish_reason, said.text),
        tokens_in=len(output.prompt_token_ids or ()),
        tokens_out=len(said.token_ids),
        probabilities=weighed(tokens, question.weigh),
    )
