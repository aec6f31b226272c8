"""Compare lossless codecs on real photographs: milliseconds and size, per picture of about 1 MP.

The choice that `unicedit_assets.domain.codec` makes rests on these figures. Every codec gets the
same prepared pictures, single-threaded; the last columns are ratios against the first row.

    python benchmarks/bench_images.py FOLDER [--limit 20]
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain import codec
from unicedit_assets.domain.images import IntakeSettings, Prepared, prepare
from unicedit_assets.domain.roles import Pixels

Encode = Callable[[Pixels], bytes]


@dataclass(frozen=True)
class Measured:
    """Median encode and decode milliseconds and mean kilobytes of one codec."""

    name: str
    encode_ms: float
    decode_ms: float
    kilobytes: float


def pillow(kind: str, **options: Any) -> Encode:
    def encode(pixels: Pixels) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        return buffer.getvalue()

    return encode


def opencv(extension: str, *options: int) -> Encode:
    def encode(pixels: Pixels) -> bytes:
        ok, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), list(options))
        assert ok
        return bytes(data)

    return encode


CODECS: Mapping[str, Encode] = {
    "Pillow PNG level 6": pillow("PNG", compress_level=6),
    "Pillow PNG level 3": pillow("PNG", compress_level=3),
    "Pillow PNG level 1": pillow("PNG", compress_level=1),
    "OpenCV PNG default": opencv(".png"),
    "OpenCV PNG level 1": opencv(".png", cv2.IMWRITE_PNG_COMPRESSION, 1),
    "OpenCV PNG level 2 sub": opencv(
        ".png", cv2.IMWRITE_PNG_COMPRESSION, 2, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB
    ),
    "OpenCV PNG level 1 all filters": opencv(
        ".png", cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS
    ),
    "OpenCV PNG level 3 all filters": opencv(
        ".png", cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_ALL_FILTERS
    ),
    "WebP lossless m0 q0": pillow("WEBP", lossless=True, method=0, quality=0),
    "WebP lossless m0 q25": pillow("WEBP", lossless=True, method=0, quality=25),
    "WebP lossless m1 q0": pillow("WEBP", lossless=True, method=1, quality=0),
    "AVIF lossless speed 10": pillow("AVIF", quality=100, subsampling="4:4:4", speed=10),
    "codec.encode_lake": codec.encode_lake,
    "codec.encode_release": codec.encode_release,
}


def measure(name: str, encode: Encode, pictures: list[Pixels]) -> Measured:
    encode_ms, decode_ms, sizes = [], [], []
    for pixels in pictures:
        start = time.perf_counter()
        data = encode(pixels)
        middle = time.perf_counter()
        with Image.open(io.BytesIO(data)) as image:
            decoded = np.asarray(image.convert("RGB"))
        end = time.perf_counter()
        if not np.array_equal(decoded, pixels):
            name = name.removesuffix(" (NOT lossless)") + " (NOT lossless)"
        encode_ms.append(1000 * (middle - start))
        decode_ms.append(1000 * (end - middle))
        sizes.append(len(data) / 1000)
    return Measured(
        name, statistics.median(encode_ms), statistics.median(decode_ms), statistics.mean(sizes)
    )


def load(folder: Path, limit: int) -> Iterator[Pixels]:
    files = sorted(p for p in folder.rglob("*.jpg") if p.is_file())
    for path in files[:: max(1, len(files) // limit)][:limit]:
        result = prepare(path.read_bytes(), IntakeSettings())
        if isinstance(result, Prepared):
            yield result.pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=20)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = list(load(arguments.folder, arguments.limit))
    rows = [measure(name, encode, pictures) for name, encode in CODECS.items()]
    print(f"{len(pictures)} pictures")
    print(f"{'codec':<48}{'encode ms':>10}{'decode ms':>10}{'KB':>8}{'x speed':>9}{'x size':>8}")
    for row in rows:
        print(
            f"{row.name:<48}{row.encode_ms:>10.1f}{row.decode_ms:>10.1f}{row.kilobytes:>8.0f}"
            f"{rows[0].encode_ms / row.encode_ms:>9.2f}{row.kilobytes / rows[0].kilobytes:>8.2f}"
        )


if __name__ == "__main__":
    main()
