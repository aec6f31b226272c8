"""What a stage is: its name, its inputs, its identity, and the work of each chunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from unicedit_assets.domain.identity import Json
from unicedit_assets.storage.terms import ChunkOutput

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project


class Ref(NamedTuple):
    """One partition of one stage."""

    stage: str
    partition: str

    def __str__(self) -> str:
        return f"{self.stage}/{self.partition}"


def _nothing() -> None:
    """Do nothing."""


def _no_figures() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True)
class Job:
    """The work of one partition: how many chunks, and what makes one of them.

    Attributes:
        close: called once after the last chunk, whatever happened.
        figures: what was measured while the chunks were made, by name; for people, never stored.
    """

    chunks: int
    work: Callable[[int], ChunkOutput]
    close: Callable[[], None] = _nothing
    figures: Callable[[], Mapping[str, float]] = _no_figures


def chunk_count(units: int, size: int) -> int:
    """Return how many chunks hold ``units`` rows, ``size`` at most in each; never none."""
    return max(1, -(-units // size))


class Stage(Protocol):
    """A stage of the pipeline. ``code_version`` is raised whenever its output may change."""

    name: str
    code_version: str

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        """Return the partitions of other stages that this one is made from."""
        ...

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        """Return everything else that can change the output; it enters the fingerprint."""
        ...

    def job(self, project: Project, partition: str) -> Job:
        """Return the work; inputs are there and their blocking checks have passed."""
        ...
