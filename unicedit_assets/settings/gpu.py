"""The settings of GPUs and of Ray: ``[gpu]`` and ``[ray]`` in ``unicedit.toml``; all runtime."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from unicedit_assets.settings.fields import runtime


class GpuSettings(BaseModel):
    """How runs on one host share its GPUs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leases: str = runtime("", "Folder of the device locks, on this host; empty: a temporary one.")
    wait: float = runtime(3600.0, "Seconds to wait for GPUs that other runs hold.", ge=0)
    shared: bool = runtime(False, "Whether runs may share a GPU.")


class RaySettings(BaseModel):
    """Where ``engine = "ray"`` runs the stages' functions, and on how many actors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = runtime("", "Of a running cluster (`auto`, `host:6379`); empty: this machine.")
    actors: int = runtime(0, "Actors without a model; 0: as many as the CPUs allow.", ge=0)
    cpus_per_actor: float = runtime(1.0, "CPUs of each of them.", gt=0)
    model_actors: int = runtime(0, "Actors that hold a model; 0: as many as the GPUs allow.", ge=0)
    gpus_per_actor: float = runtime(1.0, "GPUs of each of them; 0: the model is on the CPU.", ge=0)
    bundle: int = runtime(4, "Rows that go to an actor together.", ge=1)
    retries: int = runtime(2, "How often a row is tried again when its actor dies.", ge=0)
