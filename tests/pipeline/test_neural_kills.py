"""SIGKILL of `unicedit run` under the neural profile, in the middle of each stage that asks models.

The models are scripted servers over real sockets. They hold back their answers once a chunk of the
stage is finished, and then kill the run, so each kill falls into the middle of the stage.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from backends import (
    COLOURS,
    SUBTASKS,
    Order,
    ScriptedInstructor,
    ScriptedVerifier,
    side_of,
    write_photographs,
)
from image_server import ImageServer, image_server
from lakes import release_files
from typer.testing import CliRunner
from vlm_server import Asked, Said, VlmServer, quoted, says

from resources.project import open_project
from unicedit_assets.cli.app import app
from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.roles import Draft, Pixels, Survey
from unicedit_assets.pipeline.project import Project
from unicedit_assets.settings import HOME_VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PHOTOGRAPHS = 6
KILLED = ("instructions", "edits", "verified_edits")
MADE = ("raw_images", *KILLED, "unicedit_10m")
SETTINGS = """
profile = "neural"
holdout = 0
workers = 1

[editors.remote]
kind = "openai-images"
model = "painter"
base_url = "{painter}"
concurrency = 2

[vlms.eyes]
kind = "openai"
model = "eyes"
base_url = "{eyes}"
concurrency = 2
max_pixels = 4_000_000

[roles]
instructor = "eyes"
verifiers = {{ "eyes-1" = "eyes" }}

[instructions]
chunk = 2
per_image = 3

[edits]
chunk = 4

[verified_edits]
chunk = 4
verifier = "eyes-1"
"""


def key_of(*parts: Pixels | str) -> str:
    """Return a hash of what was asked, by which the servers' and the lake's books are compared."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(part.encode() if isinstance(part, str) else part.tobytes())
    return seen.hexdigest()


@dataclass
class Book:
    """What the servers were asked, and the run that they are to kill."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    victim: tuple[subprocess.Popen[str], str, Path] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, stage: str, *parts: Pixels | str) -> None:
        """Enter a question; kill whoever asks it when its stage's time has come."""
        with self.lock:
            self.asked[stage, key_of(*parts)] += 1
            begun = sum(each for (name, _), each in self.asked.items() if name == stage)
            if self.victim and self.victim[1] == stage and begun > ENOUGH[stage]:
                run, _, home = self.victim
                wait_for(lambda: bool(markers(home, stage)))
                run.send_signal(signal.SIGKILL)
                run.wait()
                self.victim = None


# So many questions of a stage are more than its first chunk has, and fewer than all.
ENOUGH = {"instructions": 5, "edits": 9, "verified_edits": 9}


def markers(home: Path, stage: str) -> list[Path]:
    """Return what says that a chunk of a stage is finished."""
    return sorted((home / "lake" / stage).rglob("chunks/*.json"))


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def eyes_of(book: Book) -> Any:
    """Return what a model says that surveys, writes and verifies by the scripted backends."""

    def reply(asked: Asked) -> Said:
        if asked.name == "verifier":
            book.note("verified_edits", asked.images[1])
            return verdict(asked)
        book.note("instructions", asked.name, asked.images[0])
        if asked.name == "instructor_survey":
            return says({"scene": "a patchwork", "objects": [], "subtasks": list(SUBTASKS)})
        return written(asked)

    return reply


def written(asked: Asked) -> Said:
    properties = asked.schema["properties"]["instructions"]["items"]["properties"]
    wanted, seed = properties["subtask"]["enum"], int(asked.body["seed"])
    drafts = ScriptedInstructor().write(asked.images[0], Survey(SUBTASKS), wanted, seed)
    entries = []
    for subtask, draft in zip(wanted, drafts, strict=True):
        able = isinstance(draft, Draft)
        entries.append(
            {
                "subtask": subtask,
                "feasible": able,
                "why_not": "" if able else draft.detail,
                "en": draft.en if able else "",
                "cn": draft.cn if able else "",
                "reasoning_points": list(draft.reasoning_points) if able else [],
                "reasoning_points_cn": list(draft.reasoning_points_cn) if able else [],
            }
        )
    return says({"instructions": entries})


def verdict(asked: Asked) -> Said:
    en = quoted("English", asked.text)
    found = ScriptedVerifier().verify(*asked.images, en, quoted("Chinese", asked.text))
    said = {
        "source_caption": found.source_caption,
        "edit_caption": found.edit_caption,
        "differences": list(found.differences),
        "is_changed": found.is_changed,
        "class": found.reason.value if found.reason else "valid",
        "rewritten_en": found.rewritten_en,
        "rewritten_cn": found.rewritten_cn,
    }
    return says(said, sure={"class": 0.75})


def painter_of(book: Book) -> Any:
    """Return an editor that paints; what is asked of the right goes wrong on purpose."""

    def edit(pixels: Pixels, prompt: str) -> Pixels:
        book.note("edits", prompt, pixels)
        order = Order.read(prompt)
        side = "left" if order.side == "right" else order.side
        side_of(pixels, side)[:] = COLOURS[order.colour][1]
        return pixels

    return edit


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, HOME_VARIABLE: str(home)}


def told(home: Path, *words: str) -> str:
    done = CliRunner().invoke(app, words, env=environment(home), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def run_words() -> list[str]:
    return ["run", "--release", "first", *(w for stage in MADE for w in ("--select", stage))]


def killed_in(book: Book, home: Path, stage: str) -> None:
    """Run by the command line until a server kills it in a stage."""
    command = [str(Path(sys.executable).with_name("unicedit")), *run_words()]
    run = subprocess.Popen(
        command,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    book.victim = (run, stage, home)
    output = run.communicate(timeout=300)[0]
    assert run.returncode == -signal.SIGKILL, output


@dataclass
class Story:
    """Two lakes of one pipeline: ``calm`` was made in one run, ``killed`` died in each stage.

    Attributes:
        whole: what making the calm one asked.
        before: stage -> what was asked of the killed one up to the kill there, all in all.
        kept: stage -> the questions behind the rows that were in finished chunks at the kill.
        after: what was asked of the killed one in the end.
    """

    calm: Project
    killed: Project
    whole: Counter[tuple[str, str]]
    before: dict[str, Counter[tuple[str, str]]]
    kept: dict[str, set[tuple[str, str]]]
    after: Counter[tuple[str, str]]


def kept_questions(home: Path, stage: str) -> set[tuple[str, str]]:
    """Return the questions behind the rows that a stage's finished chunks hold."""
    project = open_project(home)
    (raw,), (ref,) = project.refs("raw_images"), project.refs(stage)
    images = project.ledger.read(project.require(raw), schemas.ROWS, ["image_id", "image"])
    sources = {row["image_id"]: codec.decode(row["image"]) for row in images.to_pylist()}
    edits = {}
    if stage == "verified_edits":
        found = project.require(project.refs("edits")[0])
        table = project.ledger.read(found, schemas.ROWS, ["edit_id", "edit_image"])
        edits = {row["edit_id"]: codec.decode(row["edit_image"]) for row in table.to_pylist()}
    kept: set[str] = set()
    for marker in markers(home, stage):
        index, chunks = (int(number) for number in marker.stem.split("-of-"))
        for row in project.ledger.read_chunk(
            project.spec(ref), index, chunks, COLUMNS[stage]
        ).to_pylist():
            source = sources[row["image_id"]]
            if stage == "instructions":
                kept |= {key_of(f"instructor_{what}", source) for what in ("survey", "write")}
            elif stage == "edits":
                kept.add(key_of(row[row["language"]], source))
            else:
                kept.add(key_of(edits[row["edit_id"]]))
    return {(stage, key) for key in kept}


COLUMNS = {
    "instructions": ["image_id"],
    "edits": ["image_id", "language", "en", "cn"],
    "verified_edits": ["image_id", "edit_id"],
}


@contextmanager
def models(book: Book) -> Iterator[tuple[ImageServer, VlmServer]]:
    with image_server() as painter, VlmServer(eyes_of(book)) as eyes:
        painter.edit = painter_of(book)
        yield painter, eyes


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    top, book = tmp_path_factory.mktemp("kills"), Book()
    source = write_photographs(top / "photographs", range(PHOTOGRAPHS))
    calm, killed = top / "calm", top / "killed"
    with models(book) as (painter, eyes):
        for home in (calm, killed):
            home.mkdir()
            text = SETTINGS.format(painter=painter.url, eyes=eyes.url)
            (home / "unicedit.toml").write_text(text)
            told(home, "register", str(source))
        told(calm, *run_words())
        whole, book.asked = book.asked, Counter()
        before, kept = {}, {}
        for stage in KILLED:
            killed_in(book, killed, stage)
            before[stage], kept[stage] = book.asked.copy(), kept_questions(killed, stage)
        told(killed, *run_words())
        yield Story(
            open_project(calm), open_project(killed), whole, before, kept, book.asked.copy()
        )


def contents(project: Project) -> dict[str, Any]:
    """Return every table of every partition but for the timings."""
    found = {}
    for stage in MADE:
        for ref in project.refs(stage):
            manifest = project.require(ref)
            for name in manifest.tables:
                rows = project.ledger.read(manifest, name).to_pylist()
                timeless = [{k: row[k] for k in row if k != "seconds"} for row in rows]
                found[f"{ref} {name}"] = timeless
    return found


def test_the_killed_lake_holds_what_the_calm_one_does(story: Story) -> None:
    assert contents(story.killed) == contents(story.calm)
    assert release_files(story.killed, "first") == release_files(story.calm, "first")
    (ref,) = story.calm.refs("verified_edits")
    counts = story.calm.require(ref).counts
    assert counts.accepted > PHOTOGRAPHS
    assert counts.reasons["misaligned"] > 0


@pytest.mark.parametrize("stage", KILLED)
def test_no_question_of_a_finished_chunk_is_asked_again(story: Story, stage: str) -> None:
    before, kept = story.before[stage], story.kept[stage]
    # The kill fell into the middle: some chunks were finished, and not all was asked.
    assert kept
    assert kept <= before.keys()
    mine = {question for question in story.whole if question[0] == stage}
    assert mine - before.keys()
    again = story.after - before
    assert not kept & again.keys()
    assert {question for question in story.after if question[0] == stage} == mine
    assert all(story.after[question] == story.whole[question] for question in kept)
    # What was on its way at the kill is asked twice, and nothing else.
    assert max(story.after[question] for question in mine) <= 2


def test_an_undisturbed_run_asks_each_question_once(story: Story) -> None:
    assert set(story.whole.values()) == {1}
    assert {stage for stage, _ in story.whole} == set(KILLED)
