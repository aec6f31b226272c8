"""Telling an error of the device from an error of what it was given."""

from __future__ import annotations


def is_broken(error: Exception) -> bool:
    """Tell whether an error means that the device is of no more use to this process."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return False
    lost = getattr(torch, "AcceleratorError", ())
    return isinstance(error, lost) or "CUDA error" in str(error)
