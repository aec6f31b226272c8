"""A small project written straight into a ledger: every row and every text is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from unicedit_assets.domain import codec, schemas
from unicedit_assets.domain.identity import Json, canonical, digest
from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.domain.sources import SourceEntry
from unicedit_assets.domain.taxonomy import task_of
from unicedit_assets.pipeline.project import Backends, Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.settings import Settings
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts
from unicedit_assets.storage.terms import ChunkOutput

Item = TypeVar("Item")
Result = TypeVar("Result")

SHARD, PARTITION = "s00000", "s00000/painter"
SUBTASKS = ("Color Alteration", "Tone Transformation", "Spatial Reasoning Edits")
WRITTEN: Mapping[str, int] = {
    "Color Alteration": 9,
    "Tone Transformation": 3,
    "Spatial Reasoning Edits": 6,
}
MISALIGNED = 2
PLANTED = "planted-truth-nobody-may-read"


@dataclass(frozen=True)
class Texts:
    """What is written wherever a text can come from."""

    name: str
    en: str
    cn: str
    detail: str
    model: str
    licence: str = "CC0-1.0"


PLAIN = Texts("lake.jpg", "Make the sky red.", "把天空变成红色。", "the sky is blue", "classical")
ATTACK = (
    "<img src=x onerror=\"window.hacked='img'\"></script><script>window.hacked='script'</script>"
    "'\"--></title></style><svg onload=\"window.hacked='svg'\"> {{ 7*7 }} {% raw %} "
    "javascript:window.hacked='link' \u202egnp.exe\u202c \u2066x \x00\x07 &lt;b&gt;"
)
HOSTILE = Texts(
    f'javascript:alert(1)//"><img src=x onerror=window.hacked=1>{ATTACK}.jpg',
    ATTACK,
    f"中文{ATTACK}",
    ATTACK,
    f'"><b onmouseover=window.hacked=2>{ATTACK}',
    ATTACK,
)


class Serial:
    """An engine without processes."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        return map(function, items)


class Named:
    """Somebody who plays a role and is never asked to."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": self._name, "version": 1}

    def __getattr__(self, name: str) -> Any:
        if name in (
            "batch",
            "concurrency",
            "asking_always",
        ):  # what it has not is no question to it
            raise AttributeError(name)
        raise AssertionError(f"the report must not ask anybody to {name}")


def backends(models: Iterable[str] = ("painter", "idle")) -> Backends:
    """Return backends that have an identity and nothing else."""
    everybody: Any = Named("somebody")
    return Backends(
        instructor=everybody,
        editors={"painter": everybody},
        models=dict.fromkeys(models, everybody),
        verifiers={"evidence-1": everybody},
        judge=everybody,
        subtasks=SUBTASKS,
    )


def open_empty(home: Path) -> Project:
    """Open a project in which nothing has been registered."""
    store = open_store(str(home / "lake"))
    return Project(
        home=home,
        settings=Settings(),
        ledger=Ledger(store),
        registry=Registry(store),
        backends=backends(),
        engine=Serial(),
        stages=STAGES,
        inspect=lambda project, manifest: None,
    )


def picture(seed: int) -> Pixels:
    """Return a small gradient with a square of its own colour."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 200, 96)[None, :, None] * rng.uniform(0.3, 1.0, 3)
    pixels = np.broadcast_to(ramp, (64, 96, 3)).astype(np.uint8).copy()
    pixels[20:40, 30:60] = rng.integers(0, 256, 3)
    return pixels


def fill(project: Project, texts: Texts) -> Project:
    """Register sources and commit every stage."""
    names = [f"{number}-{texts.name}" for number in range(4)]
    entries = [SourceEntry(name, 1, f"sha256:{name}") for name in names]
    project.registry.register("/photographs", entries, 100, 1, lambda entry: True)
    project.registry.add_release("first")
    _raw(project, texts)
    rows = [_instruction(place, subtask, texts) for place, subtask in enumerate(_subtasks())]
    _commit(project, Ref("instructions", SHARD), schemas.INSTRUCTIONS, rows)
    _edits(project, rows, texts)
    _verified(project, rows, texts)
    _release(project, rows)
    _benchmark(project, texts)
    manifest = project.find(Ref("verified_edits", PARTITION))
    assert manifest
    ledger = project.ledger
    ledger.record_check(manifest, "verified_edits_sound", True, True, [])
    found = [{"column": "confidence", "passed": False, "examples": [texts.detail], "observed": ""}]
    ledger.record_check(manifest, "verified_edits_rates", False, False, found)
    return project


def _subtasks() -> list[str]:
    return [subtask for subtask, number in WRITTEN.items() for _ in range(number)]


def _commit(
    project: Project,
    ref: Ref,
    schema: pa.Schema,
    rows: Iterable[Mapping[str, Any]],
    rejects: Iterable[tuple[Any, ...]] = (),
) -> None:
    left = [_left(*reject) for reject in rejects]
    kept = pa.Table.from_pylist(list(rows), schema=schema)
    tables = {"rows": kept, "rejects": pa.Table.from_pylist(left, schema=schemas.REJECTED)}
    if ref.stage == "edits":
        truth = {"edit_id": "e", "fault": PLANTED, "operation": PLANTED, "detail": PLANTED}
        tables["truth"] = pa.Table.from_pylist([truth], schema=schemas.TRUTHS)
    outcomes = Counter(row["outcome"] for row in left)
    counts = Counts(
        inputs=len(left) + kept.num_rows,
        accepted=kept.num_rows,
        rejected=outcomes[Outcome.REJECTED],
        failed=outcomes[Outcome.FAILED],
        reasons=dict(Counter(row["reason"] for row in left)),
    )
    project.ledger.commit(project.spec(ref), 1, lambda _: ChunkOutput(tables, counts))


def _left(
    unit_id: str,
    reason: Reason,
    detail: str,
    about: Mapping[str, Any] | None = None,
    extra: Json = None,
) -> dict[str, Any]:
    names = ("image_id", "task", "subtask", "en", "cn")
    return {
        **{name: (about or {}).get(name) for name in names},
        "unit_id": unit_id,
        "outcome": outcome_of(reason).value,
        "reason": reason.value,
        "detail": detail,
        "extra": _json(extra),
    }


def _json(value: Json) -> str:
    return canonical(value).decode()


def _raw(project: Project, texts: Texts) -> None:
    rows = [
        {
            **dict.fromkeys(schemas.RAW_IMAGES.names),
            "image_id": digest("image", number),
            "source": f"{number}-{texts.name}",
            "root": "/photographs",
            "licence": texts.licence,
            "width": 96,
            "height": 64,
            "image": codec.encode_lake(picture(number)),
        }
        for number in range(3)
    ]
    rejects = [(texts.name, Reason.UNDECODABLE, texts.detail)]
    _commit(project, Ref("raw_images", SHARD), schemas.RAW_IMAGES, rows, rejects)


def _instruction(place: int, subtask: str, texts: Texts) -> dict[str, Any]:
    return {
        "instruction_id": digest("instruction", place),
        "image_id": digest("image", place % 3),
        "task": task_of(subtask),
        "subtask": subtask,
        "en": texts.en,
        "cn": texts.cn,
        "reasoning_points": [],
        "reasoning_points_cn": [],
        "instructor": _json({"name": texts.model}),
        "prompt_sha256": "p" * 64,
        "seed": place,
    }


def _shared(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("instruction_id", "image_id", "task", "subtask", "en", "cn")
    return {name: row[name] for name in names}


def edit_id(place: int) -> str:
    """Return the key of the edit of the instruction at a place."""
    return digest("edit", place)


def _edits(project: Project, rows: list[dict[str, Any]], texts: Texts) -> None:
    edits = [
        {
            **_shared(row),
            "edit_id": edit_id(place),
            "language": "en",
            "instructor": row["instructor"],
            "prompt_sha256": row["prompt_sha256"],
            "editor": texts.model,
            "revision": texts.model,
            "settings": _json({"strength": 2}),
            "seed": 4000 + place,
            "width": 96,
            "height": 64,
            "seconds": 0.5,
            "edit_image": codec.encode_lake(picture(100 + place)),
        }
        for place, row in enumerate(rows[:-1])
    ]
    last = rows[-1]
    rejects = [(edit_id(len(edits)), Reason.EDITOR_FAILED, texts.detail, _shared(last))]
    _commit(project, Ref("edits", PARTITION), schemas.EDITS, edits, rejects)


def _verdict(texts: Texts) -> dict[str, Any]:
    return {
        "rewritten_en": f"Rewritten: {texts.en}",
        "rewritten_cn": f"改写：{texts.cn}",
        "is_changed": True,
        "confidence": 0.75,
        "source_caption": texts.detail,
        "edit_caption": texts.detail,
        "differences": [texts.detail],
        "evidence": _json({"changed_share": 0.123456, f"odd {texts.model}": 2.0}),
        "regions": _json([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 2.0, 0.125], [1, 1, 0, 0]]),
    }


def _verified(project: Project, rows: list[dict[str, Any]], texts: Texts) -> None:
    seen = [
        {**_shared(row), "edit_id": edit_id(place), **_verdict(texts)}
        for place, row in enumerate(rows[:-1])
    ]
    # An instruction that was exact is not rewritten.
    seen[-1]["rewritten_en"], seen[-1]["rewritten_cn"] = texts.en, texts.cn
    version = {"verifier": "evidence", "verifier_version": "evidence-1", "seconds": 0.1}
    kept = [{**row, **version} for row in seen[MISALIGNED:]]
    rejects = [
        (
            row["edit_id"],
            Reason.MISALIGNED,
            texts.detail,
            row,
            _verdict(texts),
        )
        for row in seen[:MISALIGNED]
    ]
    _commit(project, Ref("verified_edits", PARTITION), schemas.VERIFIED_EDITS, kept, rejects)


def _release(project: Project, rows: list[dict[str, Any]]) -> None:
    kept = [
        {
            **dict.fromkeys(schemas.RELEASE_ROWS.names),
            **_shared(row),
            "edit_id": edit_id(place),
            "shard": PARTITION,
            "file": "data/train-00000-of-00001.parquet",
            "row": place,
        }
        for place, row in enumerate(rows[:-1])
        if place > MISALIGNED
    ]
    left = [(edit_id(MISALIGNED), Reason.DUPLICATE, "the same photograph", rows[MISALIGNED])]
    _commit(project, Ref("unicedit_10m", "first"), schemas.RELEASE_ROWS, kept, left)


def _benchmark(project: Project, texts: Texts) -> None:
    score = {
        **dict.fromkeys(schemas.UNICBENCH_SCORES.names),
        "key": "k0",
        "task": "Attribute Editing",
        "subtask": "Color Alteration",
        "model": "painter",
        "instruction_following": 9.0,
        "non_edit_consistency": 8.0,
        "visual_quality": 7.0,
        "overall": 7.96,
        "prompt": texts.en,
    }
    about = {"subtask": "Spatial Reasoning Edits", "en": texts.en, "cn": texts.cn}
    for language in ("en", "cn"):
        ref = Ref("unicbench_scores", f"painter/{language}")
        unscored = [("k1", Reason.UNSCORED, texts.detail, about)]
        rows = [{**score, "language": language}]
        _commit(project, ref, schemas.UNICBENCH_SCORES, rows, unscored)
