"""Telling an error of the device from an error of what it was given."""

from __future__ import annotations

from unicedit_assets.domain.machine import is_machines

# How messages of plain RuntimeErrors name the device and its libraries.
_OF_THE_DEVICE = ("cuda error", "[cuda]", "cudnn", "cublas")


def is_too_large(error: Exception) -> bool:
    """Tell whether an error means that a batch of fewer or smaller pictures might do."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def is_broken(error: Exception) -> bool:
    """Tell whether an error speaks of the device or the machine, whatever the row."""
    import torch

    if is_too_large(error):
        return False
    lost = getattr(torch, "AcceleratorError", ())
    message = str(error).lower()
    return (
        isinstance(error, lost)
        or is_machines(error)
        or any(word in message for word in _OF_THE_DEVICE)
    )
