"""A benchmark of one's own: candidates proposed, reviewed by people, frozen, proved to be held out.

A review folder holds ``candidates.jsonl`` (upstream's fields), ``review.csv`` (to be marked),
``images/`` and a page to look at. Freezing takes what was accepted and writes upstream's form::

    FOLDER/list.jsonl      key, task, subtask, cn, en, image_path, resolution, reasoning_points
    FOLDER/images/{sha}.png
    FOLDER/frozen.json     hashes of the list and of every picture, and what the proof looked at
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.samples import load_samples
from unicedit_assets.domain import codec
from unicedit_assets.domain.identity import digest, image_id, seed_from
from unicedit_assets.domain.images import Rejected, whole
from unicedit_assets.domain.roles import Draft, Instructor, Pixels
from unicedit_assets.domain.taxonomy import SUBTASKS, needs_reasoning, task_of
from unicedit_assets.storage.files import write_text

CANDIDATES, REVIEW, LIST, FROZEN = "candidates.jsonl", "review.csv", "list.jsonl", "frozen.json"
_COLUMNS = ("key", "subtask", "accept", "en", "cn", "reasoning_points", "reasoning_points_cn")
_YES, _NO = frozenset({"y", "yes", "1", "accept", "true"}), frozenset({"n", "no", "0", "reject"})
_MAX_PIXELS = 64_000_000


@dataclass(frozen=True)
class Candidate:
    """A proposed sample; ``picture`` is PNG."""

    key: str
    subtask: str
    en: str
    cn: str
    points: tuple[str, ...]
    points_cn: tuple[str, ...]
    picture: bytes
    size: tuple[int, int]

    @property
    def image_path(self) -> str:
        """The picture's path below the list, named by its contents."""
        return f"images/{hashlib.sha256(self.picture).hexdigest()[:32]}.png"

    def fields(self) -> dict[str, Any]:
        """Return the sample in upstream's form; Chinese points stand beside theirs."""
        row: dict[str, Any] = {
            "key": self.key,
            "task": task_of(self.subtask),
            "subtask": self.subtask,
            "cn": self.cn,
            "en": self.en,
            "image_path": self.image_path,
            "resolution": list(self.size),
        }
        if self.points:
            row |= {
                "reasoning_points": list(self.points),
                "reasoning_points_cn": list(self.points_cn),
            }
        return row


def propose(
    instructor: Instructor, photographs: Iterable[bytes], per_subtask: int, seed: int
) -> Iterator[Candidate]:
    """Yield candidates from photographs' bytes until each subtask has enough or none are left.

    Subtasks that have fewest come first, so that rare ones are not crowded out; a photograph gives
    one candidate a subtask at most.
    """
    taken: Counter[str] = Counter()
    for data in photographs:
        pixels = whole(data, _MAX_PIXELS)
        if isinstance(pixels, Rejected):
            continue
        survey = instructor.survey(pixels)
        open_ones = [name for name in survey.subtasks if taken[name] < per_subtask]
        wanted = sorted(open_ones, key=lambda name: (taken[name], SUBTASKS.index(name)))
        if not wanted:
            continue
        source = image_id(data)
        picture = codec.encode_release(pixels)
        for draft in instructor.write(pixels, survey, wanted, seed_from("propose", seed, source)):
            if isinstance(draft, Draft):
                taken[draft.subtask] += 1
                yield _candidate(draft, source, picture, pixels)


def _candidate(draft: Draft, source: str, picture: bytes, pixels: Pixels) -> Candidate:
    return Candidate(
        key=digest("unicbench-sample", source, draft.subtask, draft.en, draft.cn)[:32],
        subtask=draft.subtask,
        en=draft.en,
        cn=draft.cn,
        points=tuple(draft.reasoning_points),
        points_cn=tuple(draft.reasoning_points_cn),
        picture=picture,
        size=(pixels.shape[1], pixels.shape[0]),
    )


def export_review(folder: Path, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Write candidates for people to review, all as yet unmarked, and return them.

    Raises:
        BenchError: somebody's review is there already.
    """
    if (folder / REVIEW).exists():
        raise BenchError(f"{folder / REVIEW} exists: freeze that review, or choose another folder")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    found = []
    for each in candidates:
        place = folder / each.image_path
        if not place.exists():
            place.write_bytes(each.picture)
        found.append(each)
    if not found:
        raise BenchError("no candidate could be proposed: give more or other photographs")
    write_text(folder / CANDIDATES, _lines(found))
    write_text(folder / REVIEW, review_text(found))
    return found


def _lines(candidates: Iterable[Candidate]) -> str:
    return "".join(json.dumps(each.fields(), ensure_ascii=False) + "\n" for each in candidates)


def review_text(candidates: Iterable[Candidate]) -> str:
    """Return the table that people mark: y or n in ``accept``; texts and points may be corrected.

    Points are parted by line breaks.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    for each in candidates:
        points = ["\n".join(each.points), "\n".join(each.points_cn)]
        writer.writerow([each.key, each.subtask, "", each.en, each.cn, *points])
    return stream.getvalue()


def accepted(folder: Path) -> list[Candidate]:
    """Return the accepted candidates of a reviewed folder, with the reviewers' corrections.

    Raises:
        BenchError: a row is unmarked or unknown, an accepted Reasoning Editing sample has no
            reasoning points, or nothing was accepted.
    """
    listed = _read_candidates(folder)
    rows = _read_review(folder)
    unknown, unmarked, pointless = [], [], []
    kept: list[Candidate] = []
    for row in rows:
        mark, candidate = row["accept"].strip().lower(), listed.get(row["key"])
        if candidate is None:
            unknown.append(row["key"])
        elif mark in _YES:
            kept.append(_corrected(candidate, row))
            if needs_reasoning(candidate.subtask) != bool(kept[-1].points):
                pointless.append(candidate.key)
        elif mark not in _NO:
            unmarked.append(row["key"])
    for keys, what in (
        (unknown, "are not among the candidates"),
        (unmarked, "are marked neither y nor n in the column accept"),
        (pointless, "must have reasoning points exactly when they are Reasoning Editing"),
    ):
        if keys:
            raise BenchError(f"{folder / REVIEW}: {len(keys)} rows {what}: {', '.join(keys[:5])}")
    if not kept:
        raise BenchError(f"{folder / REVIEW}: nothing is accepted")
    return kept


def _read_candidates(folder: Path) -> dict[str, Candidate]:
    samples = load_samples(folder / CANDIDATES).samples
    found = {}
    for sample in samples:
        try:
            picture = sample.source.read()
        except OSError as error:
            raise BenchError(f"{sample.source.where} cannot be read: {error}") from error
        found[sample.key] = Candidate(
            sample.key,
            sample.subtask,
            sample.prompts.get("en", ""),
            sample.prompts.get("cn", ""),
            sample.points.get("en", ()),
            sample.points.get("cn", ()),
            picture,
            sample.resolution or (0, 0),
        )
    return found


def _read_review(folder: Path) -> list[dict[str, str]]:
    try:
        text = (folder / REVIEW).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{folder / REVIEW} cannot be read: {error}") from error
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    lacking = [name for name in _COLUMNS if rows and rows[0].get(name) is None]
    if lacking:
        raise BenchError(f"{folder / REVIEW} lacks the column {lacking[0]}")
    return rows


def _corrected(candidate: Candidate, row: Mapping[str, str]) -> Candidate:
    return replace(
        candidate,
        en=row["en"].strip(),
        cn=row["cn"].strip(),
        points=_points(row["reasoning_points"]),
        points_cn=_points(row["reasoning_points_cn"]),
    )


def _points(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def freeze(out: Path, candidates: Sequence[Candidate], proof: Mapping[str, Any]) -> dict[str, Any]:
    """Write the accepted samples as a list in upstream's form and return its record.

    Raises:
        BenchError: a list is there already, or this one would break a rule.
    """
    if (out / LIST).exists():
        raise BenchError(f"{out / LIST} is frozen: a changed list is another one, in a new folder")
    ordered = sorted(candidates, key=lambda each: (SUBTASKS.index(each.subtask), each.key))
    (out / "images").mkdir(parents=True, exist_ok=True)
    for each in ordered:
        (out / each.image_path).write_bytes(each.picture)
    draft = write_text(out / f"{LIST}.unchecked", _lines(ordered))
    try:
        read = load_samples(draft.rename(draft.with_suffix(".jsonl")), out)
    except BenchError:
        (out / f"{LIST}.jsonl").unlink(missing_ok=True)
        raise
    (out / f"{LIST}.jsonl").replace(out / LIST)
    record: dict[str, Any] = {
        "samples": len(ordered),
        "subtasks": dict(Counter(each.subtask for each in ordered)),
        "sha256": read.sha256,
        "images": {each.image_path: hashlib.sha256(each.picture).hexdigest() for each in ordered},
        "proof": dict(proof),
    }
    write_text(out / FROZEN, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return record
