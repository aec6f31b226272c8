"""Proving that no release contains a benchmark's pictures: hashes, and embeddings where there are.

A picture counts as contained when a released source or edit has its pixels, its perceptual hash
within the distance that counts as the same photograph, or an embedding too close to its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from unicedit_assets.bench.build import Candidate
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.domain.duplicates import MAX_DISTANCE, phash
from unicedit_assets.domain.images import IntakeSettings, Prepared, Rejected, prepare, whole
from unicedit_assets.domain.roles import Pixels

MOST_ALIKE = 0.95
"""Cosine of two embeddings from which pictures count as the same; depends on the model."""

_MAX_PIXELS = 64_000_000
_COLUMNS = ("src_image", "edit_image")
_BATCH = 64


class Embedder(Protocol):
    """Turns pictures into vectors whose direction tells what they show."""

    @property
    def name(self) -> str: ...

    def embed(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return one vector a picture, (pictures, size)."""
        ...


class Released(NamedTuple):
    """A released picture: where it is, and its pixels."""

    place: str
    pixels: Pixels


@dataclass
class Proof:
    """What the proof looked at and found; ``found`` is key -> where the picture was released."""

    files: int = 0
    pictures: int = 0
    embedder: str = ""
    found: dict[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as it is kept with the frozen list."""
        return {
            "files": self.files,
            "released_pictures": self.pictures,
            "max_hash_distance": MAX_DISTANCE,
            "embedder": self.embedder or "none: perceptual hashes alone",
            "most_alike": MOST_ALIKE if self.embedder else None,
        }


class _Known:
    """The candidates' pictures as they are compared: as they are and as intake would crop them."""

    def __init__(self, candidates: Sequence[Candidate], embedder: Embedder | None) -> None:
        # Samples share pictures, and each is looked at once.
        samples: dict[bytes, list[str]] = {}
        for each in candidates:
            samples.setdefault(each.picture, []).append(each.key)
        self.keys: list[tuple[str, ...]] = []
        views: list[Pixels] = []
        for picture, keys in samples.items():
            for pixels in _views(picture, keys[0]):
                self.keys.append(tuple(keys))
                views.append(pixels)
        hashes = [phash(pixels) for pixels in views]
        self._hashed = np.array([value is not None for value in hashes])
        self._hashes = np.array([value or 0 for value in hashes], dtype=np.uint64)
        self._exact = {_pixels_sha256(p): keys for p, keys in zip(views, self.keys, strict=True)}
        self._vectors = _unit(embedder.embed(views)) if embedder and views else None

    def match(
        self, pixels: Pixels, vector: NDArray[np.float32] | None
    ) -> tuple[tuple[str, ...], str] | None:
        """Return the keys that a released picture belongs to, and by what; None: to none."""
        same = self._exact.get(_pixels_sha256(pixels))
        if same:
            return same, "the same pixels"
        value = phash(pixels)
        if value is not None and self._hashed.any():
            apart = np.bitwise_count(self._hashes ^ np.uint64(value)).astype(int)
            apart[~self._hashed] = 64
            nearest = int(apart.argmin())
            if apart[nearest] <= MAX_DISTANCE:
                return self.keys[nearest], f"{apart[nearest]} bits of 64 apart"
        if vector is not None and self._vectors is not None:
            alike = self._vectors @ vector
            nearest = int(alike.argmax())
            if alike[nearest] >= MOST_ALIKE:
                return self.keys[nearest], f"embeddings alike by {alike[nearest]:.3f}"
        return None


def _views(picture: bytes, key: str) -> list[Pixels]:
    pixels = whole(picture, _MAX_PIXELS)
    if isinstance(pixels, Rejected):
        raise BenchError(f"the picture of {key} does not decode: {pixels.detail}")
    cropped = prepare(picture, IntakeSettings())
    return [pixels, *([cropped.pixels] if isinstance(cropped, Prepared) else [])]


def _pixels_sha256(pixels: Pixels) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray(vectors / lengths, dtype=np.float32)


def release_files(folder: Path) -> list[Path]:
    """Return the data files of a release in the published schema.

    Raises:
        BenchError: there are none.
    """
    found = sorted((folder / "data" if (folder / "data").is_dir() else folder).glob("*.parquet"))
    if not found:
        raise BenchError(f"{folder} holds no Parquet files of a release")
    return found


def released_pictures(path: Path) -> Iterator[Released]:
    """Yield every source and edit of a data file, in bounded memory.

    Raises:
        BenchError: it cannot be read, or a picture in it does not decode: that proves nothing.
    """
    try:
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(16, columns=["key", *_COLUMNS]):
            for row in batch.to_pylist():
                for column in _COLUMNS:
                    pixels = whole((row[column] or {}).get("bytes") or b"", _MAX_PIXELS)
                    if isinstance(pixels, Rejected):
                        raise BenchError(f"{path}: {column} of {row['key']} does not decode")
                    yield Released(f"{path.name}, {column} of {row['key']}", pixels)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BenchError(f"{path} cannot be read as a release: {error}") from error


def prove(
    candidates: Sequence[Candidate],
    releases: Sequence[Path],
    embedder: Embedder | None = None,
) -> Iterator[Proof]:
    """Compare candidates with every released picture; yield the proof so far, file by file.

    Raises:
        BenchError: a release cannot be read.
    """
    known = _Known(candidates, embedder)
    proof = Proof(embedder=embedder.name if embedder else "")
    yield proof
    for path in (file for folder in releases for file in release_files(folder)):
        for block in _blocks(released_pictures(path)):
            vectors = _unit(embedder.embed([each.pixels for each in block])) if embedder else None
            for place, each in enumerate(block):
                hit = known.match(each.pixels, None if vectors is None else vectors[place])
                for key in hit[0] if hit else ():
                    proof.found.setdefault(key, f"{each.place} ({hit[1] if hit else ''})")
            proof.pictures += len(block)
        proof.files += 1
        yield proof


def _blocks(found: Iterable[Released]) -> Iterator[list[Released]]:
    block: list[Released] = []
    for each in found:
        block.append(each)
        if len(block) == _BATCH:
            yield block
            block = []
    if block:
        yield block


def require_held_out(proof: Proof) -> None:
    """See that nothing was found.

    Raises:
        BenchError: names the keys and where their pictures were released.
    """
    if proof.found:
        told = "; ".join(f"{key}: {place}" for key, place in list(proof.found.items())[:5])
        more = f" and {len(proof.found) - 5} more" if len(proof.found) > 5 else ""
        raise BenchError(
            f"the pictures of {len(proof.found)} samples are in a release: {told}{more}"
        )
