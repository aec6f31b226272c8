"""Errors that speak of the machine, not of the row at hand: the run fails and may be tried again.

A disk that is full or dying, a mount that went away, a network that does not answer, too few
handles: no photograph may be condemned for them.
"""

from __future__ import annotations

import errno
from typing import Final

_NAMES: Final = (
    *("ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM"),
    *("EIO", "ESTALE", "EREMOTEIO", "ENODEV", "ENOLINK", "ESHUTDOWN"),
    *("ETIMEDOUT", "ENOTCONN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED"),
    *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET"),
)
OF_THE_MACHINE: Final = frozenset(getattr(errno, name) for name in _NAMES if hasattr(errno, name))


def is_of_the_machine(error: OSError) -> bool:
    """Return whether an error would hit whatever row came next as well."""
    if error.errno is None:  # as raised by clients, not by the system
        return isinstance(error, TimeoutError | ConnectionError)
    return error.errno in OF_THE_MACHINE


def is_machines(error: BaseException) -> bool:
    """Return whether any error speaks of the machine: too little memory, or such an ``OSError``."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and is_of_the_machine(error)
    )
