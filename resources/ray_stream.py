"""One long pass of Ray Data that work is fed into, so that actors keep their models.

A Ray Data pipeline starts its actors anew for each dataset, and a stage calls its engine once a
chunk: a model of tens of gigabytes would be loaded for every chunk. So one dataset stays open as
long as its process: its source asks a small actor, the feed, for the next bundle of rows, and the
actors of ``map_batches`` answer bundles of whatever function they come with. Bundles carry
numbers, so neither Ray's order nor a repetition matters; the feed keeps each until it is answered,
so a source that dies starts again and loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from resources.ray_cluster import WorkerMismatchError, actor_count, compare_versions, versions
from unicedit_assets.pipeline.engine import ThreadEngine, prepare_worker
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.gpu import RaySettings
from unicedit_assets.vlm.accounting import USAGE

# (True, result) for each row of a bundle; (False, error) ends the list early.
Answers = list[tuple[bool, Any]]

# Answers, and what the models behind them were asked: (model, figure) -> number.
Accounted = tuple[Answers, dict[tuple[str, str], float]]

# A bundle that was answered before its source died and started again has no work.
_GONE = ""

# Functions, and with them models, that an actor keeps.
_KEPT = 4


@dataclass(frozen=True)
class Work:
    """What is done with rows: a function as it travels, known by its hash.

    Stages make a new partial of the same function and backend for each chunk; equal ones are one.
    """

    name: str
    code: bytes

    @classmethod
    def of(cls, function: Callable[[Any], Any], threads: int) -> Work:
        """Return a function, called by ``threads`` threads of an actor, ready to travel.

        Functions and classes of installed modules travel by name.

        Raises:
            SettingsError: the function or its backend cannot travel to another process.
        """
        from ray import cloudpickle

        try:
            code = cloudpickle.dumps((function, threads))
        except (TypeError, AttributeError) as error:
            raise SettingsError(
                f"engine = 'ray': {function!r} cannot be sent to a worker: {error}"
            ) from error
        return cls(hashlib.sha256(code).hexdigest(), code)


class Feed:
    """Bundles of rows on their way to the actors; an actor itself, on the driver's behalf."""

    def __init__(self) -> None:
        self._bundles: dict[int, tuple[str, bytes]] = {}
        self._works: dict[str, bytes] = {}
        self._answered = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def teach(self, name: str, code: bytes) -> None:
        """Make a function known by a name."""
        self._works[name] = code

    async def code(self, name: str) -> bytes:
        """Return a function."""
        return self._works[name]

    async def push(self, number: int, name: str, items: bytes, answered: int) -> None:
        """Take in a bundle; those below ``answered`` will not be asked for again."""
        async with self._changed:
            for old in range(self._answered, answered):
                self._bundles.pop(old, None)
            self._answered = max(answered, self._answered)
            self._bundles[number] = (name, items)
            self._changed.notify_all()

    async def take(self, number: int) -> tuple[str, bytes] | None:
        """Return a bundle, waiting for it; None at the end."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: number in self._bundles or number < self._answered or self._ended
            )
            if number < self._answered:
                return _GONE, b""
            return self._bundles.get(number)

    async def ended(self) -> None:
        """Return when the work is over."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended)

    async def here(self) -> None:
        """Return at once, to whoever asks whether there is work at all."""

    async def end(self) -> None:
        """Let the source and the actors end."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()


def source(_: Any, feed: Any) -> Iterator[Any]:
    """Yield the bundles as they come, one a block; runs in a worker."""
    import pyarrow as pa
    import ray

    number = 0
    while (bundle := ray.get(feed.take.remote(number))) is not None:
        name, items = bundle
        yield pa.table(
            {
                "number": pa.array([number], pa.int64()),
                "work": pa.array([name], pa.string()),
                "items": pa.array([items], pa.large_binary()),
            }
        )
        number += 1


class Actor:
    """Answers bundles; keeps the functions, and with them the models that they hold."""

    def __init__(self, feed: Any, expected: dict[str, str]):
        import ray

        ray.get(feed.here.remote())
        threading.Thread(target=_end_with, args=(feed,), daemon=True).start()
        prepare_worker()
        self._feed = feed
        self._works: dict[str, tuple[Callable[[Any], Any], int]] = {}
        self._mismatch: Exception | None = None
        try:
            compare_versions(expected)
        except WorkerMismatchError as error:
            # An actor that cannot start would be started again for ever.
            self._mismatch = error

    def __call__(self, block: Any) -> Any:
        """Return the answers of the bundles of a block."""
        import pyarrow as pa
        from ray import cloudpickle

        bundles = zip(block["work"].to_pylist(), block["items"].to_pylist(), strict=True)
        answers = [cloudpickle.dumps(self._accounted(name, items)) for name, items in bundles]
        return pa.table(
            {"number": block["number"], "answers": pa.array(answers, pa.large_binary())}
        )

    def _accounted(self, name: str, items: bytes) -> Accounted:
        """Answer a bundle, and tell what its models were asked; bundles come one by one."""
        before = USAGE.snapshot()
        return self._answer(name, items), USAGE.added(before)

    def _answer(self, name: str, items: bytes) -> Answers:
        from ray import cloudpickle

        answers: Answers = []
        if name == _GONE:
            return answers
        try:
            if self._mismatch:
                raise self._mismatch
            function, threads = self._work(name)
            spread = ThreadEngine(threads).map if threads > 1 else map
            for result in spread(function, cloudpickle.loads(items)):
                answers.append((True, result))
        except Exception as error:  # belongs to the caller, as from a local worker
            answers.append((False, _portable(error)))
        return answers

    def _work(self, name: str) -> tuple[Callable[[Any], Any], int]:
        import ray
        from ray import cloudpickle

        if name not in self._works:
            while len(self._works) >= _KEPT:
                del self._works[next(iter(self._works))]
            self._works[name] = cloudpickle.loads(ray.get(self._feed.code.remote(name)))
        return self._works[name]


def _end_with(feed: Any) -> None:
    """End this process with its feed: Ray may keep the actors of a dataset that broke off."""
    import ray

    with contextlib.suppress(Exception):
        ray.get(feed.ended.remote())
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return the error, or one that says the same where it cannot travel."""
    from ray import cloudpickle

    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class Stream:
    """The driver's end: bundles go in, numbered answers come out."""

    def __init__(self, ray: Any, settings: RaySettings, model: bool):
        self.actors = actor_count(ray, settings, model)
        self._ray = ray
        self._next = 0
        self._open: set[int] = set()
        self._known: set[str] = set()
        self._feed = ray.remote(num_cpus=0, max_concurrency=1000)(Feed).remote()
        self._answers = self._start(settings, model)

    def _start(self, settings: RaySettings, model: bool) -> Iterator[Any]:
        data = self._ray.data
        one = data.from_items([0])
        one.context.enable_progress_bars = False
        one.context.print_on_execution_start = False
        # One row a block: an answer leaves its actor at once instead of waiting for more.
        one.context.target_max_block_size = 1
        bundles = one.map_batches(
            source, fn_kwargs={"feed": self._feed}, batch_size=None, num_cpus=0
        )
        with warnings.catch_warnings():
            # Ray will drop the keyword in 2.64, and names no other for it yet.
            warnings.filterwarnings("ignore", message=".*ray_remote_args")
            answers = bundles.map_batches(
                Actor,
                fn_constructor_args=(self._feed, versions()),
                batch_size=None,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=self.actors, max_tasks_in_flight_per_actor=2),
                num_cpus=0 if model else settings.cpus_per_actor,
                num_gpus=settings.gpus_per_actor if model else None,
                max_task_retries=settings.retries,
            )
        batches = answers.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        return iter(batches)

    def push(self, work: Work, items: Sequence[Any]) -> int:
        """Send a bundle on its way and return its number."""
        from ray import cloudpickle

        if work.name not in self._known:
            self._known.add(work.name)
            self._ray.get(self._feed.teach.remote(work.name, work.code))
        number, self._next = self._next, self._next + 1
        self._open.add(number)
        self._feed.push.remote(number, work.name, cloudpickle.dumps(items), min(self._open))
        return number

    def pull(self) -> tuple[int, Answers]:
        """Return the next bundle that is answered, and its answers; each bundle comes once."""
        from ray import cloudpickle

        while True:
            block = next(self._answers)
            # A block is one bundle; the data are this process's own, back from its actors.
            number = block["number"][0].as_py()
            if number in self._open:
                self._open.remove(number)
                accounted: Accounted = cloudpickle.loads(block["answers"][0].as_py())
                answers, asked = accounted
                USAGE.take(asked)
                return number, answers

    def close(self) -> None:
        """End the pass and its actors."""
        if not self._ray.is_initialized():
            return
        close = getattr(self._answers, "close", None)
        if close:
            close()
        self._ray.kill(self._feed)
