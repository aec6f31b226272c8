"""Kill the pipeline at random moments, resume it, and compare the release byte for byte.

    python benchmarks/torture.py --kills 100 --seed 7

Scripted backends over a few pictures run the real stages, storage and (with ``--checks``) the real
checks in a child process. SIGKILL comes either at a random moment of a stage or in the middle of
writing, just before or just after a blob becomes visible. Each round begins with an empty lake,
kills once in every stage, and then lets the run finish. The last line is the path of a JSON report;
the exit code is 1 when a release differs from that of an undisturbed run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from backends import write_photographs
from lakes import open_scripted, prepared, release_files, run_all

from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.storage.blobs import BlobStore
from unicedit_assets.storage.ledger import Ledger

PHOTOGRAPHS = 4
STAGES = ("registration", *PIPELINE)


@dataclass
class Report:
    """What a torture did; ``kills`` are counted by the stage that was running."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    while_writing: int = 0
    rounds: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        return "different" if self.wrong else "identical"


class DyingStore:
    """A store that kills its process at its n-th write, before or after the write is done."""

    def __init__(self, store: BlobStore, writes: int, after: bool):
        self._store, self._left, self._after = store, writes, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._deadly(found) if name in ("put", "put_new", "upload_new") else found

    def _deadly(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = write(*args)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return wrapped


def armed(project: Project, writes: int, after: bool) -> Project:
    """Return the project over a store that dies."""
    store: Any = DyingStore(project.ledger.store, writes, after)
    return replace(project, ledger=Ledger(store), registry=Registry(store), _specs={})


@dataclass(frozen=True)
class Kill:
    """When to kill: in a stage, after some seconds or at some write (0: by the clock)."""

    stage: str
    seconds: float
    write: int = 0
    after: bool = False


def run_pipeline(
    home: Path, source: Path, checks: bool, kill: Kill | None, tell: Callable[[str], None]
) -> None:
    """Register and bring everything up to date, telling each stage before it begins."""
    project = open_scripted(home, checked=checks)
    for stage in STAGES:
        tell(stage)
        aimed = kill is not None and kill.write > 0 and kill.stage == stage
        acting = armed(project, kill.write, kill.after) if kill and aimed else project
        if stage == "registration":
            prepared(acting, source)
        else:
            run_all(acting, [stage])
        if kill and kill.stage == stage:
            # The stage was over before the moment came: die here, before the next one begins.
            if kill.write:
                os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
    tell("end")


@dataclass
class Child:
    """A forked pipeline run and what it has told so far: stage -> when it began."""

    pid: int
    pipe: int
    began: dict[str, float] = field(default_factory=dict)

    def listen(self, until: str = "") -> bool:
        """Read until the child begins a stage; False when it ended first."""
        while until not in self.began:
            heard = os.read(self.pipe, 4096)
            if not heard:
                return False
            for stage in heard.decode().split():
                self.began[stage] = time.perf_counter()
        return True

    @property
    def stage(self) -> str:
        return list(self.began)[-1] if self.began else "start"

    def killed(self) -> bool:
        """Wait for the end; tell whether it was our kill.

        Raises:
            RuntimeError: the run failed by itself.
        """
        self.listen()
        os.close(self.pipe)
        status = os.waitpid(self.pid, 0)[1]
        if os.WIFSIGNALED(status):
            return True
        if os.WEXITSTATUS(status):
            raise RuntimeError(f"the pipeline failed by itself in {self.stage}")
        return False


def fork(home: Path, source: Path, checks: bool, kill: Kill | None = None) -> Child:
    """Start a run in a child; forking saves seconds of imports a kill."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return Child(pid, ours)
    code = 1
    try:
        os.close(ours)
        run_pipeline(
            home, source, checks, kill, lambda s: os.write(theirs, f"{s} ".encode()) and None
        )
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def undisturbed(home: Path, source: Path, checks: bool) -> Mapping[str, float]:
    """Run to the end and return how long each stage took."""
    child = fork(home, source, checks)
    if child.killed():
        raise RuntimeError("the undisturbed run was killed by somebody else")
    times = list(child.began.items())
    return {stage: later - began for (stage, began), (_, later) in itertools.pairwise(times)}


def strike(home: Path, source: Path, checks: bool, kill: Kill, report: Report) -> None:
    """Run until the kill."""
    child = fork(home, source, checks, kill)
    if not kill.write and child.listen(kill.stage):
        time.sleep(kill.seconds)
        os.kill(child.pid, signal.SIGKILL)
    if not child.killed():
        raise RuntimeError(f"the run outlived its kill in {kill.stage}")
    report.kills[child.stage] += 1
    report.while_writing += bool(kill.write)


def aim(stage: str, seconds: Mapping[str, float], draw: random.Random) -> Kill:
    """Choose a moment: by the clock anywhere in the stage, or at one of its first writes."""
    if draw.random() < 0.5:
        return Kill(stage, draw.uniform(0, seconds[stage]))
    return Kill(stage, 0.0, draw.randint(1, 6), draw.random() < 0.5)


def torture(top: Path, kills: int, seed: int, checks: bool, say: Callable[[str], None]) -> Report:
    """Kill until enough, round by round, and compare each round's release.

    Raises:
        RuntimeError: a run failed by itself.
    """
    started, draw, report = time.perf_counter(), random.Random(seed), Report(seed)
    source = write_photographs(top / "photographs", range(seed % 1000, seed % 1000 + PHOTOGRAPHS))
    seconds = undisturbed(top / "calm", source, checks)
    expected = release_files(open_scripted(top / "calm"))
    say(f"undisturbed: {sum(seconds.values()):.1f} s, {len(expected)} files")
    chosen = sorted(draw.sample(STAGES, min(kills, len(STAGES))), key=STAGES.index)
    stages = itertools.cycle(chosen)
    while report.kills.total() < kills:
        home = top / f"round-{report.rounds}"
        report.rounds += 1
        for _ in range(min(len(STAGES), kills - report.kills.total())):
            strike(home, source, checks, aim(next(stages), seconds, draw), report)
        undisturbed(home, source, checks)
        found = release_files(open_scripted(home))
        wrong = sorted(set(expected.items()) ^ set(found.items()))
        report.wrong += [f"round {report.rounds}: {name}" for name, _ in wrong]
        say(f"round {report.rounds}: {report.kills.total()} kills, {report.verdict}")
    report.seconds = time.perf_counter() - started
    return report


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checks", action="store_true", help="run the blocking checks, too")
    out = Path("build/torture.json")
    parser.add_argument("--out", type=Path, default=out, help="the JSON report")
    options = parser.parse_args()
    if options.checks:
        # Once here instead of once a child: it takes seconds.
        import great_expectations  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="torture-") as scratch:
        report = torture(
            Path(scratch),
            options.kills,
            options.seed,
            options.checks,
            lambda line: print(line, flush=True),
        )
    for stage in STAGES:
        print(f"  {stage:<18}{report.kills[stage]:>5} kills")
    print(
        f"{report.kills.total()} kills ({report.while_writing} while writing) in {report.rounds} "
        f"rounds, {report.seconds:.0f} s: every release is {report.verdict}"
    )
    found = {
        "seed": report.seed,
        "kills": report.kills.total(),
        "kills_by_stage": dict(report.kills),
        "kills_while_writing": report.while_writing,
        "rounds": report.rounds,
        "verdict": report.verdict,
        "wrong": report.wrong,
        "seconds": round(report.seconds, 1),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2), encoding="utf-8")
    print(options.out.absolute())
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
