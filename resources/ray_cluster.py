"""Ray's runtime: started on this machine or joined; imported only when it is asked for."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.gpu import RaySettings

# Other versions of these on a worker can give other bytes for the same fingerprint.
_DECIDING = (
    "unicedit",
    "numpy",
    "opencv-contrib-python-headless",
    "pillow",
    "simplejpeg",
    "torch",
    "diffusers",
    "transformers",
    "llguidance",
)
# What the workers must have in common with this process; threads decide bytes on a CPU.
_PASSED_ON = ("OMP_NUM_THREADS", "UNICEDIT_GPU_LEASES", "UNICEDIT_FAKE_GPUS", "HF_HOME")


class WorkerMismatchError(SettingsError):
    """A worker of the cluster runs other code than this process."""


def import_ray() -> Any:
    """Return the module ``ray`` with ``ray.data``, told to be quiet and to stay at home.

    Raises:
        SettingsError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What ends an actor is told by our own errors, once.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(
            'engine = "ray" needs a package that is not installed: '
            f"pip install 'unicedit[ray]' ({error})"
        ) from None
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    return ray


def connect(settings: RaySettings, workers: int) -> Any:
    """Return ``ray``, connected: to the cluster of the settings, or to one made for this process.

    A cluster made here listens on the loopback interface only, and ends with this process.

    Raises:
        SettingsError: Ray is not installed, or the cluster cannot be reached.
    """
    if not settings.address:
        # Read when ray is imported. Ray calls it by the systems where it is the default.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = import_ray()
    if ray.is_initialized():
        return ray
    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": "ERROR",
        "runtime_env": {"env_vars": _environment(settings)},
    }
    if settings.address:
        options["address"] = settings.address
    else:
        cpus = max(workers, settings.actors * settings.cpus_per_actor)
        options |= {
            "address": "local",
            "include_dashboard": False,
            "num_cpus": int(cpus + 1),
            "_node_ip_address": "127.0.0.1",
        }
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingsError(f"ray.address = {settings.address!r}: {error}") from error
    return ray


def _environment(settings: RaySettings) -> dict[str, str]:
    """Return what workers find in their environment.

    A cluster of this machine finds the code where this process did; on another, it is installed.
    """
    found = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if not settings.address:
        found["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if 0 < settings.gpus_per_actor < 1:
        found["UNICEDIT_GPU_SHARED"] = "1"
    return found


def versions() -> dict[str, str]:
    """Return package -> version, of those here that decide bytes."""
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in _DECIDING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def compare_versions(expected: Mapping[str, str]) -> None:
    """Hold this worker's packages against the driver's.

    Raises:
        WorkerMismatchError: another version could give other bytes under the same fingerprint.
    """
    found = versions()
    wrong = [
        f"{name} {found.get(name, 'missing')} instead of {version}"
        for name, version in expected.items()
        if found.get(name) != version
    ]
    if wrong:
        raise WorkerMismatchError(f"a Ray worker has other packages: {', '.join(wrong)}")


def actor_count(ray: Any, settings: RaySettings, model: bool) -> int:
    """Return how many actors the cluster should run.

    Raises:
        SettingsError: the cluster has no GPU for them.
    """
    asked = settings.model_actors if model else settings.actors
    if asked:
        return asked
    if model and not settings.gpus_per_actor:
        return 1
    kind, share = ("GPU", settings.gpus_per_actor) if model else ("CPU", settings.cpus_per_actor)
    there = float(ray.cluster_resources().get(kind, 0))
    count = int(there / share)
    if count < 1:
        raise SettingsError(
            f"ray.{kind.lower()}s_per_actor = {share:g}, but the cluster has {there:g} {kind}s "
            "(0 GPUs an actor: models on the CPU)"
        )
    return count if model or settings.address else max(1, count - 1)
