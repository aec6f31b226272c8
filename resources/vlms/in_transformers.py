"""A model loaded by transformers in this process: simple, exact, one question at a time.

It always gives the likeliest reply of the question's schema, whatever temperature is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from resources.editors.weights import weights_version
from resources.gpu import Holder, free_memory
from resources.gpu.broken import is_broken
from resources.vlms.in_vllm import chat_text
from resources.vlms.once import Once
from resources.vlms.replying import unfinished
from resources.vlms.schema_bound import LIBRARY, SchemaBound
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.gpu import GpuSettings
from unicedit_assets.settings.vlms import TransformersVlm
from unicedit_assets.vlm.parsing import Token, weighed
from unicedit_assets.vlm.roles import Answer, Failure, FailureKind, Question

# What of the code can change a reply, whoever asks.
IDENTITY: Mapping[str, Json] = {
    "name": "transformers",
    "version": 2,
    "decoding": f"greedy within the schema, by {LIBRARY}",
}
# So many questions in a row that found no memory: it is not the questions.
_STARVED = 4


@dataclass(frozen=True)
class _Loaded:
    """A model with its processor.

    Attributes:
        longest: how many tokens it can hold in all.
        ends: tokens that end a reply.
        bound: holds a reply to its schema.
    """

    model: Any
    processor: Any
    longest: int
    ends: tuple[int, ...]
    bound: SchemaBound


class InTransformers:
    """Plays the ``Vlm`` role with any image-text-to-text model of transformers."""

    concurrency = 1

    def __init__(self, settings: TransformersVlm, gpu: GpuSettings | None = None) -> None:
        self._settings = settings
        self._gpu = gpu or GpuSettings()
        self._lock = threading.Lock()
        self._once = Once[_Loaded]()
        self._starved = 0
        self._holder = Holder(settings.model, self.close)

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """What can change a reply: the weights by their content, every setting that counts."""
        fields = self._settings.identity_fields()
        where = self._settings.model, self._settings.revision
        fields["model"] = weights_version("vlms.model", *where)
        return {**IDENTITY, **fields}

    @property
    def gpus(self) -> int:
        """How many GPUs the model wants."""
        return 0 if self._settings.device == "cpu" else 1

    def load(self) -> None:
        """Load the model, unless it is held.

        Raises:
            BackendDownError: it cannot be loaded.
        """
        with self._holder.using(), self._lock:
            self._once.get(self._load)

    def ask(self, question: Question) -> Answer:
        """Answer one question; see ``Vlm``.

        Raises:
            BackendDownError: the model cannot be loaded, the device broke, or its memory is gone.
        """
        import torch

        with self._holder.using(), self._lock, torch.inference_mode():
            loaded = self._once.get(self._load)
            try:
                answer = self._answer(loaded, question)
            except torch.OutOfMemoryError as error:
                return self._starving(error)
            except ValueError as error:  # a picture or a text that the processor refuses
                return Answer(failure=Failure(FailureKind.BAD_REQUEST, str(error)))
            except Exception as error:
                if is_broken(error):
                    raise BackendDownError(f"the device is broken: {error}") from error
                raise
            self._starved = 0
            return answer

    def close(self) -> None:
        """Let go of the model; the next question loads it again."""
        with self._lock:
            held = self._once.drop() is not None
        if held:
            free_memory()
        self._holder.leave()

    def _starving(self, error: Exception) -> Answer:
        """Give memory back; one question may be too large, many in a row are not.

        Raises:
            BackendDownError: there is no memory for any question.
        """
        free_memory()
        self._starved += 1
        if self._starved >= _STARVED:
            raise BackendDownError(f"out of memory question after question: {error}") from error
        return Answer(failure=Failure(FailureKind.SERVER, f"out of memory: {error}"))

    def _load(self) -> _Loaded:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from resources.qwen_verify.model import register

        register()
        settings = self._settings
        source = {"revision": settings.revision or None, "trust_remote_code": False}
        try:
            device = self._holder.place(settings.device, self._gpu)
            processor = AutoProcessor.from_pretrained(settings.model, **source)
            model = AutoModelForImageTextToText.from_pretrained(
                settings.model, dtype=settings.dtype, use_safetensors=True, **source
            )
            model = model.to(device).eval()
            text, ends = model.config.get_text_config(), _ends(model, processor.tokenizer)
            bound = SchemaBound(processor.tokenizer, text.vocab_size, ends)
        except Exception as error:
            raise BackendDownError(f"cannot load {settings.model}: {error}") from error
        return _Loaded(model, processor, int(text.max_position_embeddings), ends, bound)

    def _answer(self, loaded: _Loaded, question: Question) -> Answer:
        pictures = [Image.fromarray(image) for image in question.images]
        inputs = loaded.processor(
            text=[chat_text(loaded.processor, question)],
            images=pictures or None,
            return_tensors="pt",
        ).to(loaded.model.device)
        asked = int(inputs["input_ids"].shape[1])
        if asked + question.max_tokens > loaded.longest:
            detail = f"{asked} tokens and a reply of {question.max_tokens}: {loaded.longest} fit"
            return Answer(failure=Failure(FailureKind.TOO_LONG, detail), tokens_in=asked)
        made = loaded.model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=question.max_tokens,
            max_time=self._settings.deadline,
            logits_processor=[loaded.bound.processor(question.schema)],
            eos_token_id=list(loaded.ends),
            output_logits=bool(question.weigh),
            return_dict_in_generate=True,
        )
        return self._told(loaded, question, made, asked)

    def _told(self, loaded: _Loaded, question: Question, made: Any, asked: int) -> Answer:
        ids = made.sequences[0, asked:]
        tokenizer = loaded.processor.tokenizer
        text = tokenizer.decode(ids, skip_special_tokens=True)
        ended = int(ids[-1]) in loaded.ends
        failure = unfinished("stop" if ended else "length", text)
        if not ended and len(ids) < question.max_tokens:
            detail = f"no whole reply within {self._settings.deadline:.0f} s"
            failure = Failure(FailureKind.TIMEOUT, detail)
        tokens = [
            Token(tokenizer.decode([token]), float(logits[0].float().log_softmax(-1)[token]))
            for token, logits in zip(ids, made.logits or (), strict=False)
        ]
        return Answer(
            text=text,
            failure=failure,
            tokens_in=asked,
            tokens_out=len(ids),
            probabilities=weighed(tokens, question.weigh),
        )


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the tokens that end a reply: the model's own, or else its tokenizer's."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        return (int(tokenizer.eos_token_id),)
    return tuple(ends) if isinstance(ends, list) else (int(ends),)
