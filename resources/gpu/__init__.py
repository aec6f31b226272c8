"""GPUs of a host: which are visible, who holds them, and how busy they were."""

from resources.gpu.devices import FAKE_VARIABLE, Device, visible_devices
from resources.gpu.leases import Lease, LeaseError, Leases, held_device, only_held_visible

__all__ = [
    "FAKE_VARIABLE",
    "Device",
    "Lease",
    "LeaseError",
    "Leases",
    "held_device",
    "only_held_visible",
    "visible_devices",
]
