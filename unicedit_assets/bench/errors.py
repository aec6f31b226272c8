"""Errors of the benchmark that are answers: one sentence that says what to do."""

from __future__ import annotations


class BenchError(ValueError):
    """The benchmark cannot be run or read as asked; the message says why and what to do."""
