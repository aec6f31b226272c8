"""Makers of test pictures: procedural photographs, odd encodings of them, and the hostile zoo."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels

ORIENTATION_TAG = 0x0112


def photograph(seed: int, size: tuple[int, int] = (480, 320)) -> Pixels:
    """Draw a picture with the statistics of a photograph: sky, hills, things, texture, grain.

    Args:
        seed: the same seed and size give the same picture; others give clearly different ones.
        size: width and height in pixels.

    Returns:
        uint8 (H, W, 3).
    """
    rng = np.random.default_rng(seed)
    width, height = size
    sky_top, sky_low, hill, ground = rng.uniform((60, 90, 140), (150, 200, 255), (4, 3)) * [
        [1.0, 1.0, 1.0],
        [1.2, 1.1, 0.9],
        [0.5, 0.7, 0.4],
        [0.9, 0.8, 0.4],
    ]
    down = np.linspace(0, 1, height)[:, None, None]
    canvas = np.broadcast_to(sky_top * (1 - down) + sky_low * down, (height, width, 3)).copy()
    horizon = rng.uniform(0.35, 0.6)
    for colour, level, rough in ((hill, horizon, 0.12), (ground, horizon + 0.15, 0.04)):
        canvas = _under_ridge(canvas, colour, level, rough, rng)
    canvas = _with_things(canvas, rng)
    canvas *= 1 + 0.25 * _clouds(width, height, rng)[..., None]
    canvas += rng.normal(0, 4, canvas.shape)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _clouds(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return fractal noise around zero: octaves of smoothly enlarged random fields."""
    total = np.zeros((height, width))
    for cells, weight in ((3, 1.0), (7, 0.8), (17, 0.6), (41, 0.4), (97, 0.3)):
        field_ = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        total += weight * cv2.resize(field_, (width, height), interpolation=cv2.INTER_CUBIC)
    return total / 2


def _under_ridge(
    canvas: np.ndarray, colour: np.ndarray, level: float, rough: float, rng: np.random.Generator
) -> np.ndarray:
    height, width = canvas.shape[:2]
    line = cv2.resize(
        rng.normal(level, rough, (1, 9)).astype(np.float32),
        (width, 1),
        interpolation=cv2.INTER_CUBIC,
    )
    below = np.arange(height)[:, None] > line * height
    return np.where(below[..., None], colour, canvas)


def _with_things(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(4, 9))):
        centre = (int(rng.uniform(0.05, 0.95) * width), int(rng.uniform(0.2, 0.95) * height))
        axes = tuple(int(a * height) for a in rng.uniform(0.04, 0.2, 2))
        colour = tuple(float(c) for c in rng.uniform(20, 235, 3))
        if rng.random() < 0.5:
            cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        else:
            corner = (centre[0] + axes[0], centre[1] + 2 * axes[1])
            cv2.rectangle(canvas, centre, corner, colour, -1)
    return canvas


def encoded(image: Image.Image | Pixels, kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a picture by Pillow; JPEG at quality 90 unless told otherwise."""
    if kind == "JPEG":
        options = {"quality": 90, **options}
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        buffer, kind, **options
    )
    return buffer.getvalue()


def oriented_jpeg(upright: Pixels, orientation: int) -> bytes:
    """Store a picture turned, with the EXIF tag that turns it upright again."""
    turned: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    stored = np.ascontiguousarray(turned[orientation](upright))
    return encoded(stored, exif=exif.tobytes(), quality=95)


def flipped(data: bytes, count: int, seed: int = 0, start: int = 700) -> bytes:
    """Return a copy with ``count`` bits flipped after the headers."""
    rng = np.random.default_rng(seed)
    damaged = bytearray(data)
    for at in rng.integers(min(start, len(data) // 2), len(data), count):
        damaged[at] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that announces a size and holds hardly any data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def jpeg_header(data: bytes, width: int, height: int) -> bytes:
    """Return a baseline JPEG whose header announces another size than its data has."""
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def adobe_rgb_profile() -> bytes:
    """Build an ICC profile (version 2, matrix and gamma) of the Adobe RGB (1998) colour space."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    def xyz(*values: float) -> bytes:
        return b"XYZ " + bytes(4) + fixed(*values)

    name = b"wide test profile\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.19921875 * 256)) + bytes(2)
    tags = {
        b"desc": description + bytes(-len(description) % 4),
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": gamma,
        b"gTRC": gamma,
        b"bTRC": gamma,
    }
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(value))
        body += value
    size = at + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + table + body


def animation(kind: str, frames: int = 3) -> bytes:
    """Encode several photographs as one animated picture (GIF, WEBP, PNG) or as pages (TIFF)."""
    images = [Image.fromarray(photograph(900 + i)) for i in range(frames)]
    return encoded(images[0], kind, save_all=True, append_images=images[1:])


@dataclass(frozen=True)
class Specimen:
    """One file of the zoo: its bytes, and the reason it is rejected for (None: accepted)."""

    name: str
    data: bytes = field(repr=False)
    expected: Reason | None


def specimens() -> tuple[Specimen, ...]:
    """Return the hostile files that are told by their bytes alone, each from its own photograph."""
    return (*_whole_files(), *_odd_modes(), *_broken_files(), *_odd_shapes())


def _whole_files() -> list[Specimen]:
    oriented = [
        Specimen(f"exif-{n}.jpg", oriented_jpeg(photograph(10 + n), n), None) for n in range(1, 9)
    ]
    mpo = encoded(
        Image.fromarray(photograph(40)),
        "MPO",
        save_all=True,
        append_images=[Image.fromarray(photograph(41, (160, 120)))],
    )
    return [
        *oriented,
        Specimen("good.jpg", encoded(photograph(30)), None),
        Specimen("GOOD.JPEG", encoded(photograph(31), progressive=True), None),
        Specimen("good.png", encoded(photograph(32), "PNG"), None),
        Specimen("good.webp", encoded(photograph(33), "WEBP"), None),
        Specimen("good.tiff", encoded(photograph(34), "TIFF"), None),
        Specimen("good.bmp", encoded(photograph(35), "BMP"), None),
        Specimen("still.gif", encoded(photograph(36), "GIF"), None),
        Specimen("really-a-png.jpg", encoded(photograph(37), "PNG"), None),
        Specimen("wide.jpg", encoded(photograph(38), icc_profile=adobe_rgb_profile()), None),
        Specimen("bad-profile.jpg", encoded(photograph(39), icc_profile=b"not a profile"), None),
        Specimen("phone.jpg", mpo, None),
    ]


def _odd_modes() -> list[Specimen]:
    def photo(seed: int, mode: str = "RGB") -> Image.Image:
        return Image.fromarray(photograph(seed)).convert(mode)

    alpha = Image.fromarray(photograph(59)[..., 0])
    translucent, grey_alpha = photo(50), photo(51, "L")
    translucent.putalpha(alpha)
    grey_alpha.putalpha(alpha)
    grey_16 = np.asarray(photo(54, "L")).astype(np.uint16) * 257
    return [
        Specimen("rgba.png", encoded(translucent, "PNG"), None),
        Specimen("la.png", encoded(grey_alpha, "PNG"), None),
        Specimen("palette.png", encoded(photo(52).quantize(64), "PNG"), None),
        Specimen("palette-alpha.png", encoded(photo(53).quantize(64), "PNG", transparency=0), None),
        Specimen("grey-16-bit.png", encoded(Image.fromarray(grey_16), "PNG"), None),
        Specimen("cmyk.jpg", encoded(photo(55, "CMYK")), None),
        Specimen("grey.jpg", encoded(photo(56, "L")), None),
        Specimen("one-bit.png", encoded(photo(57, "1"), "PNG"), None),
        Specimen(
            "not-finite.tiff",
            encoded(Image.fromarray(np.full((300, 400), np.nan, np.float32)), "TIFF"),
            Reason.UNDECODABLE,
        ),
    ]


def _broken_files() -> list[Specimen]:
    jpeg, png = encoded(photograph(60)), encoded(photograph(61), "PNG")
    webp = encoded(photograph(62), "WEBP")
    bad = {
        "truncated.jpg": jpeg[: len(jpeg) * 2 // 3],
        "truncated.png": png[: len(png) * 2 // 3],
        "truncated.webp": webp[: len(webp) * 2 // 3],
        "truncated-header.jpg": jpeg[:20],
        "flipped.jpg": flipped(jpeg, 40),
        "flipped.png": flipped(png, 1),
        "page.jpg": b"<!doctype html><html><body>404 Not Found</body></html>",
        "drawing.png": b"<svg xmlns='http://www.w3.org/2000/svg' width='600' height='400'/>",
        "empty.jpg": b"",
        "zeros.png": bytes(4096),
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    }
    return [Specimen(name, data, Reason.UNDECODABLE) for name, data in bad.items()]


def _odd_shapes() -> list[Specimen]:
    jpeg = encoded(photograph(70))
    return [
        Specimen("bomb.png", png_header(20_000, 10_000), Reason.BOMB),
        Specimen("bomb.jpg", jpeg_header(jpeg, 20_000, 10_000), Reason.BOMB),
        Specimen("dot.png", encoded(photograph(71)[:1, :1], "PNG"), Reason.TOO_SMALL),
        Specimen("small.jpg", encoded(photograph(72, (300, 200))), Reason.TOO_SMALL),
        Specimen("strip.png", encoded(photograph(73, (3000, 300)), "PNG"), Reason.OVER_CROPPED),
        Specimen("tower.jpg", encoded(photograph(74, (300, 1500))), Reason.OVER_CROPPED),
        Specimen("animated.gif", animation("GIF"), Reason.ANIMATED),
        Specimen("animated.webp", animation("WEBP"), Reason.ANIMATED),
        Specimen("animated.png", animation("PNG"), Reason.ANIMATED),
        Specimen("pages.tiff", animation("TIFF"), Reason.ANIMATED),
    ]


def hostile_zoo(folder: Path) -> dict[str, Reason | None]:
    """Fill a new folder with every hostile file, and say what must become of each.

    The verdicts are those of the whole raw_images stage over one shard in listing order, near
    duplicates included. ``notes.txt`` and ``folder.png/readme`` are there too; they claim to be no
    pictures, so a listing ignores them by name. A file without read permission is there unless the
    tests run as root, who may read everything.

    Args:
        folder: does not exist yet or is empty.

    Returns:
        The reason of each entry by its name as text, None where it is accepted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, Reason | None] = {}
    for specimen in specimens():
        (folder / specimen.name).write_bytes(specimen.data)
        verdicts[specimen.name] = specimen.expected
    return {**verdicts, **_odd_entries(folder), **_twins(folder), **_odd_names(folder)}


def _odd_entries(folder: Path) -> dict[str, Reason | None]:
    (folder / "notes.txt").write_text("not a picture")
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "inside.jpg").write_bytes(encoded(photograph(80)))
    (folder / "folder.png" / "readme").write_text("not a picture")
    (folder / "link-out.jpg").symlink_to(os.devnull)
    (folder / "link-out").symlink_to("/")
    (folder / "link-in.jpg").symlink_to("good.jpg")
    (folder / "link-loop.jpg").symlink_to("link-loop.jpg")
    (folder / "link-broken.jpg").symlink_to("gone.jpg")
    os.mkfifo(folder / "pipe.jpg")
    verdicts: dict[str, Reason | None] = {
        "folder.png": Reason.NOT_A_FILE,
        "folder.png/inside.jpg": None,
        "link-out.jpg": Reason.OUTSIDE_ROOT,
        "link-out": Reason.OUTSIDE_ROOT,
        "link-in.jpg": Reason.DUPLICATE,
        "link-loop.jpg": Reason.UNREADABLE,
        "link-broken.jpg": Reason.UNREADABLE,
        "pipe.jpg": Reason.NOT_A_FILE,
    }
    if os.geteuid():
        locked = folder / "locked.jpg"
        locked.write_bytes(encoded(photograph(81)))
        locked.chmod(0)
        verdicts["locked.jpg"] = Reason.UNREADABLE
    return verdicts


def _twins(folder: Path) -> dict[str, Reason | None]:
    picture = photograph(82)
    smaller = cv2.resize(picture, (432, 288), interpolation=cv2.INTER_AREA)
    (folder / "twin-a.jpg").write_bytes(encoded(picture))
    (folder / "twin-b.jpg").write_bytes(encoded(picture))
    (folder / "twin-c.png").write_bytes(encoded(smaller, "PNG"))
    return {"twin-a.jpg": None, "twin-b.jpg": Reason.DUPLICATE, "twin-c.png": Reason.DUPLICATE}


def _odd_names(folder: Path) -> dict[str, Reason | None]:
    names = {
        b"caf\xe9.jpg": "caf%E9.jpg",
        b"100%.jpg": "100%25.jpg",
        b"two\nlines.jpg": "two%0Alines.jpg",
        "猫 & <b>.jpg".encode(): "猫 & <b>.jpg",
    }
    for seed, raw in enumerate(names, 83):
        (folder / os.fsdecode(raw)).write_bytes(encoded(photograph(seed)))
    return dict.fromkeys(names.values())
