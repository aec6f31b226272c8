"""The models that this process holds on GPUs: one that must load finds room.

A process makes several stages in turn, each with its own model, and one GPU holds one of them. A
model stays until another needs its place: then, if nobody is asking it anything, it is let go, and
it loads again when it is asked next. Two models at work at once get different GPUs, or an error.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from resources.gpu import leases
from resources.gpu.devices import Device, visible_devices
from unicedit_assets.settings.gpu import GpuSettings

# Guards who holds and uses what; held for moments, and while a model is let go.
_lock = threading.RLock()
# One model finds its place at a time.
_placing = threading.RLock()
_holders: list[Holder] = []


@dataclass(eq=False)
class Holder:
    """A model's place in this process; ask the model inside ``using`` only.

    Attributes:
        name: of the model, for messages.
        let_go: frees the memory; called when nobody uses the model. It may take the model's own
            lock, which is taken inside ``using`` everywhere else.
    """

    name: str
    let_go: Callable[[], None]
    _devices: frozenset[str] = frozenset()
    _users: int = field(default=0)

    @contextmanager
    def using(self) -> Iterator[None]:
        """Keep the model from being let go."""
        with _lock:
            self._users += 1
        try:
            yield
        finally:
            with _lock:
                self._users -= 1

    def place(self, device: str, settings: GpuSettings) -> str:
        """Return the device that the model belongs on, leased and empty of idle models.

        Args:
            device: as of ``held_device``. The place stays the same until the model is let go.
            settings: how to lease.

        Raises:
            LeaseError: no GPU is there or free in time, or this process uses them all.
        """
        with _placing:
            mine = [each.name for each in visible_devices() if each.key in self._devices]
            if mine and device in ("auto", "cuda", mine[0]):
                return mine[0]
            while True:
                name = leases.held_device(device, settings, self._avoided())
                found = [each.key for each in visible_devices() if each.name == name]
                if self._occupy(frozenset(found)):
                    return name

    @contextmanager
    def places(self, count: int, settings: GpuSettings) -> Iterator[None]:
        """Lease ``count`` GPUs, empty of idle models; processes started inside see only those.

        Raises:
            LeaseError: see ``place``.
        """
        # Others find no place meanwhile: the environment tells them other devices than theirs.
        with _placing:
            while True:
                with leases.only_held_visible(count, settings, self._avoided()) as mine:
                    if self._occupy(_keys(mine)):
                        yield
                        return

    def leave(self) -> None:
        """Say that the model holds no memory any more."""
        with _lock:
            self._devices = frozenset()
            if self in _holders:
                _holders.remove(self)

    def _avoided(self) -> frozenset[str]:
        """Return the devices of other models that are at work."""
        with _lock:
            busy = [each for each in _holders if each is not self and each._users]
            return frozenset(key for each in busy for key in each._devices)

    def _occupy(self, found: frozenset[str]) -> bool:
        """Take devices, letting idle models on them go; False when one was asked meanwhile."""
        with _lock:
            if not found:
                return True
            others = [each for each in _holders if each is not self and each._devices & found]
            if any(each._users for each in others):
                return False
            for each in others:
                each.let_go()
                each.leave()
            self._devices = found
            if self not in _holders:
                _holders.append(self)
            return True


def _keys(devices: tuple[Device, ...]) -> frozenset[str]:
    return frozenset(each.key for each in devices)


def held_models() -> tuple[str, ...]:
    """Return the names of the models that this process holds on GPUs."""
    with _lock:
        return tuple(each.name for each in _holders)


def free_memory() -> None:
    """Give back what nobody refers to, to the device as well."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
