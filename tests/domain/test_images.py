from __future__ import annotations

import io
import warnings

import numpy as np
import photographs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import encoded, photograph
from PIL import Image

from unicedit_assets.domain.images import IntakeSettings, Prepared, Rejected, prepare
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.resolutions import PREFERRED, crop_box, nearest

INTAKE = IntakeSettings()
SPECIMENS = photographs.specimens()


def accepted(data: bytes, intake: IntakeSettings = INTAKE) -> Prepared:
    result = prepare(data, intake)
    assert isinstance(result, Prepared), result
    return result


def refused(data: bytes, intake: IntakeSettings = INTAKE) -> Rejected:
    result = prepare(data, intake)
    assert isinstance(result, Rejected), result
    return result


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def as_prepared(pixels: np.ndarray) -> np.ndarray:
    """What a lossless, plain file of these pixels becomes."""
    return accepted(encoded(pixels, "PNG")).pixels


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_every_hostile_file_gets_its_verdict(specimen):
    result = prepare(specimen.data, INTAKE)
    assert (result.reason if isinstance(result, Rejected) else None) == specimen.expected
    if isinstance(result, Prepared):
        assert result.pixels.dtype == np.uint8
        assert (result.pixels.shape[1], result.pixels.shape[0]) in PREFERRED
        assert result.pixels.std() > 5
    else:
        assert result.detail
        assert " at 0x" not in result.detail  # an address would differ from run to run
        assert "\n" not in result.detail


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(orientation):
    upright = photograph(3, (300, 450))
    result = accepted(photographs.oriented_jpeg(upright, orientation))
    assert apart(result.pixels, as_prepared(upright)) < 4
    assert result.orientation == orientation
    assert (result.original_width, result.original_height) == (300, 450)
    assert result.pixels.shape == (1248, 832, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_in_every_format_that_has_it(kind):
    upright = photograph(3, (300, 450))
    exif = Image.Exif()
    exif[photographs.ORIENTATION_TAG] = 6
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(np.ascontiguousarray(np.rot90(upright)), kind, exif=exif, **options)
    result = accepted(data)
    assert result.orientation == 6
    assert np.array_equal(result.pixels, as_prepared(upright))


def test_size_checks_come_after_turning_upright():
    data = photographs.oriented_jpeg(photograph(4, (300, 450)), 6)
    with Image.open(io.BytesIO(data)) as stored:
        assert stored.size == (450, 300)
    result = accepted(data)
    assert (result.original_width, result.original_height) == (300, 450)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_unknown_orientation_counts_as_upright(value):
    exif = Image.Exif()
    exif[photographs.ORIENTATION_TAG] = value
    assert accepted(encoded(photograph(1), exif=exif)).orientation == 1


def test_damaged_exif_is_no_reason_to_lose_the_picture():
    assert accepted(encoded(photograph(1), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).orientation == 1


def test_crop_and_size_are_those_of_the_geometry():
    pixels = photograph(5, (700, 400))
    result = accepted(encoded(pixels, "PNG"))
    target = nearest(700, 400)
    assert result.pixels.shape == (target.height, target.width, 3)
    assert result.crop_share == crop_box(700, 400, target).share > 0
    assert result.format == "PNG"


def test_a_picture_at_its_preferred_resolution_is_not_touched():
    pixels = photograph(6, (832, 1248))
    assert np.array_equal(accepted(encoded(pixels, "PNG")).pixels, pixels)


@pytest.mark.parametrize("size", [(1248, 833), (2087, 1391), (4093, 2741)])
def test_odd_sizes_do_not_push_the_box_out_of_the_picture(size):
    blank = np.full((size[1], size[0], 3), 90, np.uint8)
    assert accepted(encoded(blank, "PNG", compress_level=1)).pixels.shape == (832, 1248, 3)


def test_alpha_is_composited_on_white():
    pixels = photograph(7)
    clear = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    clear[:, :240, 3] = 0
    shown = pixels.copy()
    shown[:, :240] = 255
    assert apart(accepted(encoded(clear, "PNG")).pixels, as_prepared(shown)) < 0.5


def test_half_transparency_goes_half_way_to_white():
    grey = np.full((300, 450, 4), (100, 100, 100, 128), np.uint8)
    assert abs(int(accepted(encoded(grey, "PNG")).pixels[400, 400, 0]) - 177) <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind):
    grey = photograph(8)[..., 1]
    data = encoded(Image.fromarray(grey.astype(np.uint16) * 257), kind)
    assert np.array_equal(accepted(data).pixels, as_prepared(np.dstack([grey] * 3)))


def test_float_pixels_between_0_and_1_are_scaled():
    grey = photograph(8)[..., 1]
    data = encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF")
    assert np.array_equal(accepted(data).pixels, as_prepared(np.dstack([grey] * 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 7.0])
def test_float_pixels_without_a_meaning_are_refused(value):
    pixels = np.full((300, 400), 0.5, np.float32)
    pixels[10, 10] = value
    result = refused(encoded(Image.fromarray(pixels), "TIFF"))
    assert result.reason is Reason.UNDECODABLE
    assert "pixel values" in result.detail


def test_cmyk_keeps_its_colours():
    flat = np.full((300, 450, 3), (200, 60, 30), np.uint8)
    result = accepted(encoded(Image.fromarray(flat).convert("CMYK"), quality=95))
    assert np.abs(result.pixels[400, 400].astype(int) - (200, 60, 30)).max() <= 6


def test_a_wide_gamut_is_converted_to_srgb():
    """Adobe RGB to sRGB by the published matrices, as the expected colours."""
    colours = np.array([(128, 128, 128), (150, 120, 100), (90, 140, 120)], np.float64)
    to_xyz = [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
    from_xyz = [
        [3.13386, -1.61687, -0.49061],
        [-0.97877, 1.91614, 0.03345],
        [0.07195, -0.229, 1.4052],
    ]
    linear = (colours / 255) ** 2.19921875 @ np.transpose(to_xyz) @ np.transpose(from_xyz)
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    for colour, wanted in zip(colours, expected, strict=True):
        flat = np.full((300, 450, 3), colour, np.uint8)
        result = accepted(encoded(flat, "PNG", icc_profile=photographs.adobe_rgb_profile()))
        assert result.icc_converted
        assert np.abs(result.pixels[400, 400] - wanted).max() < 2.5


def test_an_srgb_profile_changes_nothing():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    result = accepted(encoded(photograph(9), "PNG", icc_profile=profile))
    assert not result.icc_converted
    assert np.array_equal(result.pixels, as_prepared(photograph(9)))


@pytest.mark.parametrize("profile", [b"not a profile", photographs.adobe_rgb_profile()[:200]])
def test_an_unusable_profile_is_ignored(profile):
    result = accepted(encoded(photograph(9), "PNG", icc_profile=profile))
    assert not result.icc_converted
    assert np.array_equal(result.pixels, as_prepared(photograph(9)))


def test_a_profile_of_another_colour_space_is_ignored():
    grey = Image.fromarray(photograph(9)).convert("L")
    data = encoded(grey, "PNG", icc_profile=photographs.adobe_rgb_profile())
    assert not accepted(data).icc_converted


def test_the_preview_inside_a_phone_picture_is_no_animation():
    by_name = {s.name: s for s in SPECIMENS}
    result = accepted(by_name["phone.jpg"].data)
    assert result.format == "MPO"
    assert apart(result.pixels, as_prepared(photograph(40))) < 5


def test_flipped_bytes_do_not_pass_as_stripes():
    """Pillow alone lets nearly all of these through."""
    data = encoded(photograph(2, (900, 600)))
    damaged = [photographs.flipped(data, 40, seed) for seed in range(12)]
    assert all(refused(d).reason is Reason.UNDECODABLE for d in damaged)


def test_a_wrong_checksum_in_a_png_counts():
    """The pixels of this one decode without complaint."""
    data = bytearray(encoded(photograph(2), "PNG"))
    data[data.rindex(b"IEND") - 5] ^= 1  # the last byte of the checksum of the chunk before it
    assert refused(bytes(data)).reason is Reason.UNDECODABLE


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 0.97), kind=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_truncated_file_never_passes(cut, kind):
    data = encoded(photograph(2, (300, 300)), kind)
    assert refused(data[: int(len(data) * cut)]).reason is Reason.UNDECODABLE


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 30),
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"]),
)
def test_no_damage_raises_or_warns_and_the_verdict_repeats(seed, count, kind):
    data = photographs.flipped(encoded(photograph(2, (300, 300)), kind), count, seed, start=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = prepare(data, INTAKE), prepare(data, INTAKE)
    if isinstance(first, Rejected):
        assert first == second
    else:
        assert isinstance(second, Prepared)
        assert np.array_equal(first.pixels, second.pixels)


def test_the_bomb_is_refused_on_its_header_at_any_cap():
    at_cap = IntakeSettings(max_pixels=480 * 320)
    assert accepted(encoded(photograph(1)), at_cap)
    below = refused(encoded(photograph(1)), IntakeSettings(max_pixels=480 * 320 - 1))
    assert below.reason is Reason.BOMB
    assert "480x320" in below.detail
    header = photographs.png_header(12_000, 11_000)  # Pillow would only warn of this one
    assert refused(header).reason is Reason.BOMB


def test_the_thresholds_are_inclusive():
    square = encoded(photograph(1, (256, 256)), "PNG")
    assert accepted(square).original_width == 256
    assert refused(square, IntakeSettings(min_side=257)).reason is Reason.TOO_SMALL
    wide = encoded(photograph(1, (700, 400)), "PNG")
    share = accepted(wide).crop_share
    assert accepted(wide, IntakeSettings(max_crop=share))
    assert refused(wide, IntakeSettings(max_crop=share * 0.99)).reason is Reason.OVER_CROPPED


@pytest.mark.parametrize("wrong", [{"max_pixels": 0}, {"min_side": 0}, {"max_crop": 1.0}])
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="out of range"):
        IntakeSettings(**wrong)
