"""verify_sft_set and verify_preference_set: what verifiers are trained on, as chat rows.

Which row goes where is decided over all candidates at once, from metadata alone; pictures are read
chunk by chunk. Both sets split alike: what one of them trains on, the other never measures on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from unicedit_assets.domain import schemas
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.pipeline.photograph_groups import (
    contaminated_groups,
    image_groups,
    photographs,
)
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.rows import Collector
from unicedit_assets.pipeline.stage import Job, Ref
from unicedit_assets.pipeline.unicbench import benchmark_ref
from unicedit_assets.qwen_verify import chat
from unicedit_assets.qwen_verify.annotations import Annotations, load_annotations
from unicedit_assets.qwen_verify.balance import Caps, Cell, kept
from unicedit_assets.qwen_verify.candidates import (
    Candidate,
    Origin,
    of_accepted,
    of_person,
    of_reject,
    of_synthetic,
)
from unicedit_assets.qwen_verify.splitting import (
    Member,
    Place,
    Shares,
    Split,
    places,
)
from unicedit_assets.settings.stages import VerifierSetsSettings
from unicedit_assets.storage.manifests import Manifest
from unicedit_assets.storage.terms import ChunkOutput, split

SFT, PREFERENCE = "verify_sft_set", "verify_preference_set"
_VERIFIED = "verified_edits"
_LOG = logging.getLogger(__name__)


class Planned(NamedTuple):
    """One row that will be trained or measured on."""

    candidate: Candidate
    place: Place


class Dropped(NamedTuple):
    """One candidate that is not used, and why."""

    candidate: Candidate
    reason: Reason
    detail: str


@dataclass(frozen=True)
class SetPlan:
    """A whole set before any picture is read; rows are ordered by split, then as they were read.

    Attributes:
        unmatched: people's verdicts on edits that there are not.
    """

    rows: tuple[Planned, ...]
    dropped: tuple[Dropped, ...]
    unmatched: int = 0

    def of(self, wanted: Split) -> tuple[Planned, ...]:
        """Return the rows of one split."""
        return tuple(row for row in self.rows if row.place.split is wanted)


class VerifierSet:
    """The stage; one partition, ``main``."""

    code_version = "1"

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self.name = name
        self._schema = schema

    def inputs(self, project: Project, partition: str) -> tuple[Ref, ...]:
        origins = project.settings.verifier_sets.origins
        found: list[Ref] = []
        if Origin.SYNTHETIC in origins:
            found += project.refs("synthetic_pairs")
        if _looks_at_edits(project):
            found += [*project.refs(_VERIFIED), benchmark_ref()]
        return tuple(found)

    def config(self, project: Project, partition: str) -> Mapping[str, Json]:
        settings = project.settings.verifier_sets
        return {
            **settings.identity_fields(),
            "annotations": _annotations(settings).fingerprint,
            "duplicate_distance": project.settings.unicedit_10m.duplicate_distance,
            "prompt": chat.prompt_sha256(),
        }

    def job(self, project: Project, partition: str) -> Job:
        plan = plan_set(project, self.name)
        spec = project.spec(Ref(self.name, partition))
        sizes = {wanted: len(plan.of(wanted)) for wanted in Split}
        most = project.settings.verifier_sets.chunk
        # Every chunk is of one split, so that each file is.
        chunks = [(wanted, part) for wanted in Split for part in _parts(sizes[wanted], most)]
        readers = _Readers(project)

        def work(index: int) -> ChunkOutput:
            collector = Collector(self.name, self._schema)
            if index == len(chunks):
                for left in plan.dropped:
                    collector.reject(left.candidate.key, left.reason, left.detail, _about(left))
                return _told(collector.output(), plan.unmatched)
            wanted, part = chunks[index]
            for planned in plan.of(wanted)[part.start : part.stop]:
                collector.accept(readers.row(planned, spec.inputs, self.name))
            return collector.output()

        return Job(len(chunks) + 1, work)


def _told(output: ChunkOutput, unmatched: int) -> ChunkOutput:
    """Record, and say once, how many people's verdicts are of no edit."""
    if not unmatched:
        return output
    _LOG.warning(
        "%d verdicts of people match no verified edit: check the keys below "
        "verifier_sets.annotations",
        unmatched,
    )
    return replace(output, extra={"unmatched_annotations": unmatched})


def _parts(count: int, most: int) -> Iterator[range]:
    number = -(-count // most)
    return (split(count, number, index) for index in range(number))


def _about(left: Dropped) -> dict[str, str]:
    candidate = left.candidate
    return {
        "image_id": candidate.source_id,
        "subtask": candidate.subtask,
        "en": candidate.en,
        "cn": candidate.cn,
    }


def _looks_at_edits(project: Project) -> bool:
    origins = project.settings.verifier_sets.origins
    return bool({Origin.PIPELINE, Origin.HUMAN} & set(origins)) and bool(project.refs(_VERIFIED))


def _annotations(settings: VerifierSetsSettings) -> Annotations:
    used = Origin.HUMAN in settings.origins and settings.annotations
    return load_annotations(Path(settings.annotations) if used else None)


def plan_set(project: Project, name: str) -> SetPlan:
    """Decide which pairs a set holds and where; every other one gets a reason."""
    settings = project.settings.verifier_sets
    looks = _looks_at_edits(project)
    behind = Origin.SYNTHETIC in settings.origins and project.settings.synthetic_pairs.backgrounds
    known = photographs(project) if looks or behind else {}
    group_of = image_groups(project, known)
    found = [*_synthetic(project, group_of), *_edits(project, group_of)]
    members = [Member(each.group, each.held_out) for each in found]
    shares = Shares(settings.validation, settings.test)
    # Over all candidates, whatever this set uses of them: so both sets split alike.
    placed = list(map(Planned, found, places(members, shares)))
    wanted = [one for one in placed if _belongs(one.candidate, name, settings)]
    # No photograph of the benchmark stands behind a synthetic pair.
    contaminated = contaminated_groups(project, known, group_of) if looks else frozenset[str]()
    usable, dropped = _usable(wanted, contaminated, name)
    cells = [Cell(p.split, c.kind, c.subtask) for c, p in usable]
    caps = Caps(settings.most_per_cell, settings.most_over_median)
    stays = kept([row.candidate.key for row in usable], cells, caps)
    rows = [row for row, stay in zip(usable, stays, strict=True) if stay]
    dropped += [
        Dropped(row.candidate, Reason.OVER_CAP, "/".join(cell))
        for row, cell, stay in zip(usable, cells, stays, strict=True)
        if not stay
    ]
    ordered = [row for wanted_split in Split for row in rows if row.place.split is wanted_split]
    unmatched = _annotations(settings).by_key.keys() - {each.key for each in found}
    return SetPlan(tuple(ordered), tuple(dropped), len(unmatched))


def _belongs(candidate: Candidate, name: str, settings: VerifierSetsSettings) -> bool:
    return name == PREFERENCE or candidate.kind in settings.sft_kinds


def _usable(
    rows: Sequence[Planned], contaminated: frozenset[str], name: str
) -> tuple[list[Planned], list[Dropped]]:
    usable: list[Planned] = []
    dropped: list[Dropped] = []
    keys: set[str] = set()
    for row in rows:
        candidate = row.candidate
        trouble = candidate.trouble
        if not trouble and name == PREFERENCE and candidate.rejected is None:
            trouble = "no hallucinated text can be made of its true one"
        if candidate.key in keys:
            dropped.append(Dropped(candidate, Reason.DUPLICATE, "its key occurs twice"))
        elif candidate.group in contaminated:
            detail = "near-duplicate of a photograph that is held out for the benchmark"
            dropped.append(Dropped(candidate, Reason.CONTAMINATED, detail))
        elif trouble:
            dropped.append(Dropped(candidate, Reason.UNUSABLE, trouble))
        else:
            usable.append(row)
        keys.add(candidate.key)
    return usable, dropped


def _synthetic(project: Project, group_of: Mapping[str, str]) -> Iterator[Candidate]:
    if Origin.SYNTHETIC not in project.settings.verifier_sets.origins:
        return
    columns = [f.name for f in schemas.SYNTHETIC_PAIRS if not pa.types.is_binary(f.type)]
    for ref in project.refs("synthetic_pairs"):
        manifest = project.require(ref)
        for row in project.ledger.read(manifest, schemas.ROWS, columns).to_pylist():
            candidate = of_synthetic(str(ref), row)
            yield replace(candidate, group=group_of.get(candidate.group, candidate.group))


def _edits(project: Project, group_of: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield the pipeline's own pairs, overruled where a person has judged them."""
    if not _looks_at_edits(project):
        return
    settings = project.settings.verifier_sets
    annotations = _annotations(settings)
    for candidate in _verdicts(project, settings.min_confidence):
        grouped = replace(candidate, group=group_of.get(candidate.group, candidate.group))
        annotation = annotations.by_key.get(candidate.key)
        if candidate.key in annotations.disputed:
            yield replace(grouped, origin=Origin.HUMAN, trouble="people disagree about it")
        elif annotation is not None:
            yield of_person(grouped, annotation)
        elif Origin.PIPELINE in settings.origins:
            yield grouped


def _verdicts(project: Project, least: float) -> Iterator[Candidate]:
    columns = [
        *("edit_id", "image_id", "subtask", "en", "cn", "rewritten_en", "rewritten_cn"),
        *("confidence", "source_caption", "edit_caption", "differences"),
    ]
    for ref in project.refs(_VERIFIED):
        manifest = project.require(ref)
        for row in project.ledger.read(manifest, schemas.ROWS, columns).to_pylist():
            yield of_accepted(str(ref), row, least)
        for row in project.ledger.read(manifest, schemas.REJECTS).to_pylist():
            yield of_reject(str(ref), row, least)


class _Readers:
    """The pictures of all partitions that a set is made from, a few parts in memory."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sources = lru_cache(maxsize=2)(self._open_sources)
        self._edited = lru_cache(maxsize=2)(self._open_edited)

    def row(self, planned: Planned, inputs: Mapping[str, str], name: str) -> dict[str, Any]:
        """Return one row of a set with its pictures."""
        candidate, place = planned
        pair = (
            self._sources(candidate.partition)[candidate.source_id],
            self._edited(candidate.partition)[candidate.edited_id],
        )
        return {
            **chat.row_of(candidate, pair, preference=name == PREFERENCE),
            "split": place.split.value,
            "held_out": place.held_out,
            "origin_fingerprint": inputs[candidate.partition],
        }

    def _manifest(self, stage: str, partition: str) -> Manifest:
        return self._project.require(Ref(stage, partition))

    def _open_sources(self, partition: str) -> Pictures:
        stage, _, rest = partition.partition("/")
        ledger = self._project.ledger
        if stage == _VERIFIED:
            raw = self._manifest("raw_images", rest.split("/")[0])
            return Pictures(ledger, raw, "image_id", "image")
        return Pictures(ledger, self._manifest(stage, rest), "key", "source_image")

    def _open_edited(self, partition: str) -> Pictures:
        stage, _, rest = partition.partition("/")
        ledger = self._project.ledger
        if stage == _VERIFIED:
            return Pictures(ledger, self._manifest("edits", rest), "edit_id", "edit_image")
        return Pictures(ledger, self._manifest(stage, rest), "key", "edit_image")


def data_files(project: Project, manifest: Manifest) -> dict[str, list[str]]:
    """Return split -> addresses of its Parquet files, as ``datasets.load_dataset`` takes them."""
    found: dict[str, list[str]] = {}
    for number, part in enumerate(manifest.tables[schemas.ROWS]):
        if part.rows:
            table = project.ledger.read_part(manifest, number, ["split"])
            files = found.setdefault(table["split"][0].as_py(), [])
            files.append(f"{project.ledger.store.url}/{part.key}")
    return found
