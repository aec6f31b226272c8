"""Device leases: one file lock a GPU, so that two runs on a host never share one by accident.

The lock is ``flock``: the kernel releases it when its process dies, however it dies, so no lease
outlives its run. (A child made by a bare ``fork`` would keep it; ours are spawned.) The file beside
the lock tells who holds it; it is for people, never for decisions. Leases need a folder that all
runs of the host see: a local one, no network share.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import logging
import os
import random
import stat
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from resources.gpu.devices import VISIBLE_VARIABLE, Device, LeaseError, visible_devices
from unicedit_assets.pipeline import waiting
from unicedit_assets.settings.gpu import GpuSettings

FOLDER_VARIABLE = "UNICEDIT_GPU_LEASES"
SHARED_VARIABLE = "UNICEDIT_GPU_SHARED"

_LOG = logging.getLogger(__name__)

# Between two looks at locks that others hold.
_PAUSE_SECONDS = 0.2
# Between two words in the log on who is waited for.
_TELL_SECONDS = 60.0


@dataclass(frozen=True)
class Lease:
    """Devices that are this process's until the lease ends."""

    devices: tuple[Device, ...]
    shared: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What torch calls the devices, such as ``cuda:1``."""
        return tuple(device.name for device in self.devices)


def default_folder() -> Path:
    """Return where the locks are unless settings or environment name a folder.

    One folder for each user: whoever may write into another's folder could block their runs.
    Users who share GPUs name one folder together.
    """
    return Path(tempfile.gettempdir()) / f"unicedit-gpu-{getpass.getuser()}"


@dataclass(frozen=True)
class Leases:
    """The leases of this host.

    Attributes:
        devices: what can be leased.
        folder: where the locks are.
        wait: seconds to wait for devices that others hold.
        holder: what to tell others of this process, such as a run's id.
    """

    devices: tuple[Device, ...]
    folder: Path
    wait: float = 3600.0
    holder: str = ""

    @classmethod
    def of(cls, settings: GpuSettings, holder: str = "") -> Leases:
        """Return the leases that the settings describe; the environment names the folder first."""
        named = os.environ.get(FOLDER_VARIABLE) or settings.leases
        folder = Path(named).expanduser() if named else default_folder()
        return cls(visible_devices(), folder, settings.wait, holder or _run)

    @contextmanager
    def lease(self, count: int = 1, *, shared: bool = False) -> Iterator[Lease]:
        """Hold ``count`` devices, waiting until they are free.

        All are taken together or none, so that two runs that want several never wait for each
        other. A shared lease goes beside other shared ones, never beside an exclusive one.

        Raises:
            LeaseError: there are fewer devices, they were not free in time, or the wait was ended.
        """
        if not 1 <= count <= len(self.devices):
            raise LeaseError(f"{count} GPUs were asked for; {len(self.devices)} are visible")
        self._prepare_folder()
        with ExitStack() as held:
            yield Lease(tuple(self._all_or_none(count, shared, held)), shared)

    def _all_or_none(self, count: int, shared: bool, held: ExitStack) -> list[Device]:
        """Take ``count`` devices into ``held``, waiting for them and telling so now and then."""
        begun = time.monotonic()
        told = begun - _TELL_SECONDS
        with waiting.wait() as ended:
            while True:
                with ExitStack() as tried:
                    taken = self._take(count, shared, tried)
                    if len(taken) == count:
                        held.push(tried.pop_all())
                        return taken
                left = begun + self.wait - time.monotonic()
                if left <= 0:
                    raise LeaseError(
                        f"{count} of {len(self.devices)} GPUs were not free within "
                        f"{self.wait:g} s; {self.describe()}. Locks are in {self.folder}"
                    )
                if time.monotonic() >= told + _TELL_SECONDS:
                    told = time.monotonic()
                    _LOG.warning(
                        "waiting up to %.0f s for %d GPUs; %s", left, count, self.describe()
                    )
                # Unequal pauses, so that two that collide do not collide for ever.
                if ended.wait(_PAUSE_SECONDS * random.uniform(0.5, 1.5)):  # noqa: S311
                    raise LeaseError("the wait for GPUs was ended with the work that needs them")

    def _take(self, count: int, shared: bool, held: ExitStack) -> list[Device]:
        """Lock as many of the devices as are free, up to ``count``."""
        taken: list[Device] = []
        for device in _least_shared(self.devices, self.folder) if shared else self.devices:
            if len(taken) < count:
                lock = self._try_lock(device, shared)
                if lock is not None:
                    held.callback(_release, lock, self._note(device))
                    taken.append(device)
        return taken

    def _try_lock(self, device: Device, shared: bool) -> int | None:
        """Return the locked file of a device, or None when somebody holds it."""
        try:
            lock = _open_lock(self.folder / f"{device.key}.lock")
        except PermissionError as error:
            raise self._forbidden() from error
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        try:
            self._write_note(device, shared)
        except BaseException:
            os.close(lock)
            raise
        return lock

    def _write_note(self, device: Device, shared: bool) -> None:
        """Tell people who holds a device; a full disk or another user's note costs only that."""
        if not shared:
            # Whoever else left a note about it is dead.
            for stale in self.folder.glob(f"{device.key}.*.json"):
                with suppress(OSError):
                    stale.unlink()
        who = {"pid": os.getpid(), "run": self.holder, "since": time.time(), "shared": shared}
        with suppress(OSError):
            self._note(device).write_text(json.dumps(who), encoding="utf-8")

    def _note(self, device: Device) -> Path:
        return self.folder / f"{device.key}.{os.getpid()}.json"

    def holders(self) -> dict[str, list[Mapping[str, object]]]:
        """Return device name -> who says to hold it and is alive, for messages."""
        found: dict[str, list[Mapping[str, object]]] = {}
        for device in self.devices:
            found[device.name] = _notes(self.folder, device)
        return found

    def describe(self) -> str:
        """Return who holds what, in words."""
        told = []
        for name, notes in self.holders().items():
            who = " and ".join(
                f"process {note['pid']}" + (f" (run {note['run']})" if note["run"] else "")
                for note in notes
            )
            told.append(f"{name}: {who or 'free'}")
        return "; ".join(told)

    def _prepare_folder(self) -> None:
        """Make the folder private, and refuse one that others could have prepared for us."""
        named_here = self.folder == default_folder()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.lstat()
        except PermissionError as error:
            raise self._forbidden() from error
        except FileExistsError as error:
            raise LeaseError(f"{self.folder} is no folder to hold the GPU locks") from error
        if not stat.S_ISDIR(found.st_mode):
            raise LeaseError(f"{self.folder} is no folder, so it cannot hold the GPU locks")
        if named_here and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            raise LeaseError(
                f"{self.folder} belongs to somebody else or others may write into it; name a "
                f"folder for the GPU locks by `[gpu] leases` or {FOLDER_VARIABLE}"
            )

    def _forbidden(self) -> LeaseError:
        return LeaseError(
            f"this user may not keep GPU locks in {self.folder}: a folder of one user's own has "
            "mode 700, one that users share has mode 1777 (chmod 1777)"
        )


def _release(lock: int, note: Path) -> None:
    try:
        with suppress(OSError):
            note.unlink()
    finally:
        os.close(lock)


def _least_shared(devices: Sequence[Device], folder: Path) -> list[Device]:
    """Return the devices with the fewest holders first."""
    return sorted(devices, key=lambda device: len(_notes(folder, device)))


def _open_lock(path: Path) -> int:
    """Open a lock file; reading is enough, so that users who share a folder share the locks."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        # Linux refuses to "create" another user's file in a folder like /tmp: hence two steps.
        lock = os.open(path, flags | os.O_CREAT, 0o644)
        with suppress(OSError):  # somebody else made it first
            os.fchmod(lock, 0o644)
        return lock


def _notes(folder: Path, device: Device) -> list[Mapping[str, object]]:
    """Return what living processes say of a device that they hold."""
    notes = [_read_note(path) for path in folder.glob(f"{device.key}.*.json")]
    return [note for note in notes if note and _is_alive(note["pid"])]


def _read_note(path: Path) -> Mapping[str, object] | None:
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None  # being written, or gone
    return note if isinstance(note, dict) and {"pid", "run"} <= note.keys() else None


def _is_alive(pid: object) -> bool:
    return Path(f"/proc/{pid}").exists() or not Path("/proc/self").exists()


_run = ""


def name_run(run: str) -> None:
    """Tell other processes, from now on, which run this process's leases are for."""
    global _run  # noqa: PLW0603
    _run = run


_held = ExitStack()
_held_lock = threading.Lock()
_held_devices: dict[str, Device] = {}


def held_device(device: str, settings: GpuSettings, avoid: Collection[str] = ()) -> str:
    """Return the device that a model of this process belongs on; lease it until the process ends.

    Args:
        device: ``auto`` (a leased GPU, or the CPU where there is none), ``cuda`` (a leased GPU),
            ``cuda:1`` (that one, leased) or anything else, which is returned as it is.
        settings: how to lease. All models of one process share its leased device.
        avoid: keys of the devices on which another model of this process is at work.

    Raises:
        LeaseError: no GPU is there or free in time, or this process uses all that there are.
    """
    if device != "auto" and not device.startswith("cuda"):
        return device
    leases = Leases.of(settings)
    wanted = leases.devices
    if ":" in device:
        wanted = tuple(each for each in leases.devices if each.name == device)
    elif device == "auto" and not wanted:
        return "cpu"
    if not wanted:
        there = [each.name for each in leases.devices]
        raise LeaseError(
            f"device = {device!r}: there is no such GPU; visible: {', '.join(there) or 'none'}"
        )
    wanted = tuple(each for each in wanted if each.key not in avoid)
    if not wanted:
        raise _in_use(len(leases.devices))
    with _held_lock:
        for each in wanted:
            if each.key in _held_devices:
                return each.name
        chosen = Leases(wanted, leases.folder, leases.wait, leases.holder)
        lease = _held.enter_context(chosen.lease(1, shared=is_shared(settings)))
        _held_devices[lease.devices[0].key] = lease.devices[0]
        return lease.names[0]


@contextmanager
def only_held_visible(
    count: int, settings: GpuSettings, avoid: Collection[str] = ()
) -> Iterator[tuple[Device, ...]]:
    """Lease ``count`` GPUs until the process ends; processes started inside see only those.

    Without any GPU it does nothing. Yields the devices; ``avoid`` is as of ``held_device``.

    Raises:
        LeaseError: there are fewer GPUs, they were not free in time, or this process uses them.
    """
    leases = Leases.of(settings)
    if not leases.devices:
        yield ()
        return
    usable = [each for each in leases.devices if each.key not in avoid]
    if avoid and len(usable) < count:
        raise _in_use(len(leases.devices))
    with _held_lock:
        mine = [each for each in usable if each.key in _held_devices][:count]
        others = tuple(each for each in usable if each.key not in _held_devices)
        missing = count - len(mine)
        if missing:
            chosen = Leases(others, leases.folder, leases.wait, leases.holder)
            lease = _held.enter_context(chosen.lease(missing, shared=is_shared(settings)))
            _held_devices.update({each.key: each for each in lease.devices})
            mine += lease.devices
    before = os.environ.get(VISIBLE_VARIABLE)
    os.environ[VISIBLE_VARIABLE] = ",".join(each.selector for each in mine)
    try:
        yield tuple(mine)
    finally:
        if before is None:
            del os.environ[VISIBLE_VARIABLE]
        else:
            os.environ[VISIBLE_VARIABLE] = before


def _in_use(visible: int) -> LeaseError:
    return LeaseError(
        f"another model of this process is at work on the GPU that this one needs ({visible} "
        "visible): use one behind an endpoint, or make another GPU visible"
    )


def is_shared(settings: GpuSettings) -> bool:
    """Tell whether settings or environment let runs share a GPU."""
    return settings.shared or os.environ.get(SHARED_VARIABLE) == "1"


def held_devices() -> tuple[Device, ...]:
    """Return the devices that this process holds."""
    return tuple(_held_devices.values())
