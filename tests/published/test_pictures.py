from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from published.samples import png
from unicedit_assets.published.pictures import PictureError, decode_picture


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_pixels_come_back_as_they_are():
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(decode_picture(encoded(Image.fromarray(pixels))), pixels)


def test_a_rotated_picture_comes_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (8, 4)), exif=exif)
    assert decode_picture(data).shape == (8, 4, 3)


def test_transparency_shows_white():
    data = encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))
    assert decode_picture(data).tolist() == [[[255] * 3] * 2] * 2


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK"])
def test_other_modes_become_rgb(mode: str):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert decode_picture(encoded(Image.new(mode, (3, 2)), kind)).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Unidentified"),
        (b"<html>not a picture</html>", "Unidentified"),
        (png(1)[:-40], "PictureError|OSError|SyntaxError"),
        (encoded(Image.new("I;16", (2, 2), 999)), "16 bits"),
        (encoded(Image.new("RGB", (2, 2)), "PPM"), "Unidentified"),
    ],
)
def test_what_is_no_picture(data: bytes, message: str):
    with pytest.raises(PictureError, match=message):
        decode_picture(data)


def test_a_large_header_is_refused_before_decoding():
    data = bytearray(png(1))
    data[16:24] = (20_000).to_bytes(4, "big") + (10_000).to_bytes(4, "big")
    with pytest.raises(PictureError):
        decode_picture(bytes(data))
    with pytest.raises(PictureError, match="more than 100 pixels"):
        decode_picture(png(1), max_pixels=100)


@given(st.integers(0, len(png(1)) - 1), st.integers(1, 255))
def test_a_damaged_byte_is_noticed_or_changes_no_pixel(place: int, mask: int):
    data = bytearray(png(1))
    data[place] ^= mask
    try:
        pixels = decode_picture(bytes(data))
    except PictureError:
        return
    assert np.array_equal(pixels, decode_picture(png(1)))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_picture_or_a_picture_error(data: bytes):
    with pytest.raises(PictureError):
        decode_picture(data)
