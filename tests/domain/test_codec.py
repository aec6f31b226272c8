from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import encoded, photograph
from PIL import Image

from unicedit_assets.domain.codec import decode, encode_lake, encode_release, thumbnail_uri

PICTURE = photograph(1, (624, 416))
ENCODERS = pytest.mark.parametrize("encode", [encode_lake, encode_release])


@ENCODERS
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), width=st.integers(1, 70), height=st.integers(1, 70))
def test_every_pixel_comes_back(encode, seed, width, height):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode(pixels)), pixels)


@ENCODERS
def test_equal_pixels_give_equal_bytes_whatever_the_threads_and_strides(encode):
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        first = encode(PICTURE)
        cv2.setNumThreads(4)
        assert encode(PICTURE.copy()) == first
        padded = np.zeros((416, 700, 3), np.uint8)
        padded[:, :624] = PICTURE
        assert encode(padded[:, :624]) == first
    finally:
        cv2.setNumThreads(before)


def test_the_release_is_png_and_the_lake_is_smaller():
    lake, release = encode_lake(PICTURE), encode_release(PICTURE)
    assert release.startswith(b"\x89PNG")
    with Image.open(io.BytesIO(release)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (624, 416))
    assert len(lake) < len(release)


@ENCODERS
@pytest.mark.parametrize(
    "wrong",
    [
        PICTURE[..., 0],
        PICTURE.astype(np.float32),
        np.dstack([PICTURE, PICTURE[..., :1]]),
        np.empty((0, 5, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(encode, wrong):
    with pytest.raises(ValueError, match="uint8"):
        encode(wrong)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG nonsense",
        encode_release(PICTURE)[:5000],
        encode_lake(PICTURE)[:5000],
        encoded(PICTURE),
        encoded(Image.fromarray(PICTURE).convert("L"), "PNG"),
    ],
)
def test_damaged_or_foreign_bytes_are_refused(data):
    with pytest.raises(ValueError, match="stored picture"):
        decode(data)


def test_a_thumbnail_is_small_and_shows_the_picture():
    uri = thumbnail_uri(PICTURE, side=120)
    kind, _, body = uri.partition(",")
    assert kind == "data:image/webp;base64"
    assert len(uri) < 6000
    with Image.open(io.BytesIO(base64.b64decode(body, validate=True))) as image:
        small = np.asarray(image.convert("RGB"))
    assert small.shape == (80, 120, 3)
    expected = cv2.resize(PICTURE, (120, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 8
