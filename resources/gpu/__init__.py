"""GPUs of a host: which are visible, who holds them, and how busy they were.

NVML counts devices in PCI order and CUDA the fastest first, unless it is told before it starts:
importing this package does that.
"""

import os

from resources.gpu.devices import (
    FAKE_VARIABLE,
    ORDER_VARIABLE,
    PCI_ORDER,
    Device,
    LeaseError,
    visible_devices,
)
from resources.gpu.holders import Holder, free_memory, held_models
from resources.gpu.leases import Lease, Leases, held_device, only_held_visible

os.environ.setdefault(ORDER_VARIABLE, PCI_ORDER)

__all__ = [
    "FAKE_VARIABLE",
    "Device",
    "Holder",
    "Lease",
    "LeaseError",
    "Leases",
    "free_memory",
    "held_device",
    "held_models",
    "only_held_visible",
    "visible_devices",
]
