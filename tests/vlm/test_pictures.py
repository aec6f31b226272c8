"""Pictures on their way: a frozen one is encoded once, and a plain PNG goes as it is."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from photographs import photograph
from PIL import Image

from unicedit_assets.domain import codec
from unicedit_assets.vlm import pictures
from unicedit_assets.vlm.pictures import (
    as_webp,
    capped,
    data_url,
    frozen,
    is_plain_png,
    picture_hash,
)


def decoded(url: str) -> np.ndarray:
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def saved(pixels: np.ndarray, mode: str = "RGB", **how: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG", **how)
    return buffer.getvalue()


def test_many_threads_encode_a_frozen_picture_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    real = pictures._encoded
    monkeypatch.setattr(pictures, "_encoded", lambda p: encoded.append(1) or real(p))
    picture = frozen(photograph(1, (200, 150)))
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(data_url, [picture] * 50))
    assert len(urls) == len(encoded) == 1
    assert (decoded(urls.pop()) == picture).all()
    kept = len(pictures._kept)
    del picture
    assert len(pictures._kept) == kept - 1


def test_a_picture_that_may_change_is_encoded_each_time() -> None:
    picture = photograph(1, (40, 30))
    first = data_url(picture)
    picture[:] = 0
    assert (decoded(data_url(picture)) == 0).all()
    assert first != data_url(picture)
    view = np.zeros((40, 30, 3), np.uint8)
    locked = view[:]
    locked.setflags(write=False)
    before = data_url(locked)
    view[:] = 9  # a view that cannot be written to changes with its owner
    assert data_url(locked) != before


def test_a_frozen_copy_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        frozen(photograph(1, (8, 8)))[:] = 0


def test_only_a_png_of_pixels_alone_is_plain() -> None:
    picture = photograph(1, (40, 30))
    assert is_plain_png(saved(picture))
    assert is_plain_png(codec.encode_release(picture))
    assert not is_plain_png(saved(picture, "L"))
    assert not is_plain_png(saved(picture, "RGBA"))
    assert not is_plain_png(saved(picture, "P"))
    assert not is_plain_png(saved(picture, icc_profile=b"profile"))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert not is_plain_png(saved(picture, exif=exif))
    assert not is_plain_png(saved(picture) + b"more")
    assert not is_plain_png(saved(picture)[:-4])
    assert not is_plain_png(b"")
    assert not is_plain_png(codec.encode_lake(picture))


def test_a_plain_png_is_sent_as_it_is() -> None:
    picture = photograph(1, (40, 30))
    data = saved(picture)
    url = data_url(frozen(picture, data))
    assert base64.b64decode(url.partition(",")[2]) == data


def test_a_cap_keeps_the_aspect_and_a_hash_tells_size_and_pixels() -> None:
    picture = photograph(1, (400, 100))
    small = capped(picture, 10_000)
    assert small.shape == (50, 200, 3)
    assert capped(picture, 40_000) is picture
    flat = np.zeros((2, 6, 3), np.uint8)
    assert picture_hash(flat) != picture_hash(flat.reshape(6, 2, 3))


def test_who_reads_pixels_and_who_is_sent_the_webp_see_the_same() -> None:
    source = photograph(1, (320, 240))
    seen = as_webp(source)
    data = base64.b64decode(data_url(seen).removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        assert (np.asarray(image.convert("RGB")) == seen).all()
    assert (seen != source).any()
    assert np.abs(seen.astype(int) - source).mean() < 5  # of high quality; noise is hard
    assert not seen.flags.writeable
    assert picture_hash(as_webp(source)) == picture_hash(seen)


def test_a_picture_too_long_for_a_webp_is_refused() -> None:
    with pytest.raises(ValueError, match="16383 pixels"):
        as_webp(np.zeros((1, 16384, 3), np.uint8))
