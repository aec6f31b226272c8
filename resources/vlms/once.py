"""A model that is loaded once for all threads; a failed load is told to all of them at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from unicedit_assets.domain.roles import BackendDownError

T = TypeVar("T")

# Seconds for which a failure is told again: long enough for all threads of a run that ends for it,
# and a later partition may try anew.
REMEMBERED = 10.0


class Once(Generic[T]):
    """Holds what a load gives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T | None = None
        self._failure: BackendDownError | None = None
        self._failed_at = 0.0

    def get(self, load: Callable[[], T]) -> T:
        """Return what is loaded, loading it first where need be.

        Raises:
            BackendDownError: the load raised it, now or a short while ago.
        """
        with self._lock:
            if self._value is not None:
                return self._value
            if self._failure and time.monotonic() - self._failed_at < REMEMBERED:
                raise BackendDownError(str(self._failure)) from self._failure
            try:
                self._value = load()
            except BackendDownError as error:
                self._failure, self._failed_at = error, time.monotonic()
                raise
            return self._value

    def drop(self) -> T | None:
        """Let go of what is loaded and return it; what failed is forgotten too."""
        with self._lock:
            dropped, self._value, self._failure = self._value, None, None
            return dropped

    def died(self, value: T, error: BackendDownError) -> bool:
        """Let go of a value that is of no more use; tell whether this is the first to say so."""
        with self._lock:
            if value is not self._value:
                return False
            self._value, self._failure, self._failed_at = None, error, time.monotonic()
            return True
