"""A benchmark of one's own: what people accepted is frozen, what was released never is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backends import SUBTASKS, ScriptedInstructor, photograph
from PIL import Image

from unicedit_assets.bench.build import REVIEW, Candidate, accepted, export_review, freeze, propose
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.held_out import Proof, prove, require_held_out
from unicedit_assets.bench.samples import load_samples
from unicedit_assets.domain.codec import encode_release
from unicedit_assets.domain.taxonomy import needs_reasoning
from unicedit_assets.report.bench_review import write_review_page


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photograph(seed)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


@pytest.fixture(scope="module")
def candidates() -> list[Candidate]:
    return list(propose(ScriptedInstructor(), [png(1), png(2), png(3)], 2, 1))


@pytest.fixture
def review(tmp_path: Path, candidates: list[Candidate]) -> Path:
    export_review(tmp_path / "review", candidates)
    return tmp_path / "review"


def mark(review: Path, change: Callable[[int, dict[str, str]], object]) -> None:
    path = review / REVIEW
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    for number, row in enumerate(rows):
        row["accept"] = "y"
        change(number, row)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(stream.getvalue(), "utf-8")


def release(folder: Path, *pairs: tuple[np.ndarray, np.ndarray]) -> Path:
    (folder / "data").mkdir(parents=True)
    rows = [
        {
            "key": f"{number:032x}",
            "src_image": {"bytes": encode_release(source), "path": "s.png"},
            "edit_image": {"bytes": encode_release(edit), "path": "e.png"},
        }
        for number, (source, edit) in enumerate(pairs)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
    return folder


def test_no_subtask_gets_more_than_was_asked_for(candidates: list[Candidate]) -> None:
    counts = {name: sum(each.subtask == name for each in candidates) for name in SUBTASKS}
    assert set(counts.values()) <= {1, 2}
    assert len({each.key for each in candidates}) == len(candidates)


def test_the_accepted_are_frozen_with_corrections_and_hashes(review: Path, tmp_path: Path) -> None:
    def choose(number: int, row: dict[str, str]) -> None:
        row["accept"] = "n" if number == 0 else "Y"
        if number == 1:
            row["en"] = "Corrected by a person."

    mark(review, choose)
    kept = accepted(review)
    record = freeze(tmp_path / "mine", kept, {"files": 0})
    frozen = load_samples(tmp_path / "mine" / "list.jsonl")
    assert record["samples"] == len(frozen.samples) == len(kept)
    assert record["sha256"] == frozen.sha256
    assert "Corrected by a person." in {sample.prompts["en"] for sample in frozen.samples}
    for sample in frozen.samples:
        assert bool(sample.points_in("cn")) == needs_reasoning(sample.subtask)
        assert sample.source.read()
    with pytest.raises(BenchError, match="is frozen"):
        freeze(tmp_path / "mine", kept, {})
    assert json.loads((tmp_path / "mine" / "frozen.json").read_text())["images"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n, row: row.update(accept=""), "neither y nor n"),
        (lambda n, row: row.update(accept="n"), "nothing is accepted"),
        (lambda n, row: row.update(key="0" * 32), "not among the candidates"),
        (lambda n, row: row.update(reasoning_points=""), "reasoning points"),
    ],
)
def test_an_unfinished_review_is_refused(
    review: Path, change: Callable[[int, dict[str, str]], object], said: str
) -> None:
    mark(review, change)
    with pytest.raises(BenchError, match=said):
        accepted(review)


def test_a_review_is_not_overwritten(review: Path, candidates: list[Candidate]) -> None:
    with pytest.raises(BenchError, match="exists"):
        export_review(review, candidates)


def proved(candidates: list[Candidate], folder: Path, embedder: object = None) -> Proof:
    *_, proof = prove(candidates, [folder], embedder)  # type: ignore[arg-type]
    return proof


def test_a_picture_in_a_release_is_found_whole_cropped_or_as_an_edit(
    candidates: list[Candidate], tmp_path: Path
) -> None:
    one, other = photograph(1), photograph(40)
    nearly = np.asarray(Image.fromarray(one).resize((one.shape[1] // 2, one.shape[0] // 2)))
    for name, pair in {
        "source": (one, other),
        "edit": (other, one),
        "smaller": (nearly, other),
    }.items():
        proof = proved(candidates, release(tmp_path / name, (other, other), pair))
        assert proof.found, name
        with pytest.raises(BenchError, match="samples are in a release"):
            require_held_out(proof)
        keys = {each.key for each in candidates if each.picture == candidates[0].picture}
        assert set(proof.found) == keys


def test_a_clean_release_proves_it(candidates: list[Candidate], tmp_path: Path) -> None:
    proof = proved(candidates, release(tmp_path / "clean", (photograph(40), photograph(41))))
    assert (proof.files, proof.pictures, proof.found) == (1, 2, {})
    require_held_out(proof)
    assert proof.record()["embedder"].startswith("none")


class Colours:
    """Embeds a picture by its mean colour."""

    name = "colours"

    def embed(self, images: list[np.ndarray]) -> np.ndarray:
        return np.array([image.mean(axis=(0, 1)) - 128 for image in images], np.float32)


def test_embeddings_find_what_hashes_cannot(candidates: list[Candidate], tmp_path: Path) -> None:
    mirrored = np.ascontiguousarray(photograph(1)[:, ::-1])
    folder = release(tmp_path / "mirrored", (mirrored, mirrored))
    assert proved(candidates, folder).found == {}
    found = proved(candidates, folder, Colours()).found
    assert any("embeddings alike" in place for place in found.values())


def test_a_release_that_cannot_be_read_proves_nothing(
    candidates: list[Candidate], tmp_path: Path
) -> None:
    folder = release(tmp_path / "broken", (photograph(40), photograph(41)))
    (path,) = (folder / "data").iterdir()
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BenchError, match="cannot be read"):
        proved(candidates, folder)
    with pytest.raises(BenchError, match="no Parquet"):
        proved(candidates, tmp_path)


def test_the_review_page_is_self_contained(candidates: list[Candidate], tmp_path: Path) -> None:
    page = write_review_page(candidates, tmp_path / "review.html").read_text("utf-8")
    assert all(each.key in page for each in candidates)
    assert page.count("<script>") == 1
    assert "http" not in page.replace("http-equiv", "")
