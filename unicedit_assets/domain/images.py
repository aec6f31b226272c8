"""From source bytes to an upright sRGB picture at a preferred resolution, or a reason why not.

Nothing here trusts the bytes: the size in the header is checked before anything is decoded, only
formats that cameras and the web use are tried, and checksums (PNG) and decoder warnings (JPEG)
count, because Pillow alone lets a JPEG with flipped bytes through as a picture with wrong stripes.
Sources: paper, section on data preparation; issue 2, section 2 (raw_images) and 5 (hostile inputs).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image, ImageCms

from unicedit_assets.domain import libraries
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.resolutions import crop_box, nearest
from unicedit_assets.domain.roles import Pixels

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")

_JPEG: Final = ("JPEG", "MPO")
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT_BY: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_REDUCING_GAP: Final = 3.0
_PROFILE_SPACE: Final = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_SAME_COLOUR: Final = 3


@dataclass(frozen=True)
class IntakeSettings:
    """What raw_images accepts; every field changes the result, so every field is identity.

    Attributes:
        max_pixels: width x height that a header may announce; more is a bomb and is not decoded.
        min_side: shorter side of the upright picture, in pixels, below which it is too small.
        max_crop: share of the area, 0-1, that the centre crop may take away (paper: 20 %).
    """

    max_pixels: int = 120_000_000
    min_side: int = 256
    max_crop: float = 0.20

    def __post_init__(self) -> None:
        if self.max_pixels < 1 or self.min_side < 1 or not 0 <= self.max_crop < 1:
            raise ValueError(f"intake settings out of range: {self}")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture that may go on.

    Attributes:
        pixels: uint8 (H, W, 3), sRGB, upright, at a preferred resolution.
        original_width, original_height: the upright picture before crop and resize.
        crop_share: share of the area that the centre crop took away, 0-1.
        format: Pillow's name of the file format.
        orientation: the EXIF orientation, 1-8, that was applied.
        icc_converted: whether an embedded profile changed the colours.
    """

    pixels: Pixels
    original_width: int
    original_height: int
    crop_share: float
    format: str
    orientation: int
    icc_converted: bool


@dataclass(frozen=True)
class Rejected:
    """A picture that stops here, and why."""

    reason: Reason
    detail: str


class _Refusal(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail)


@dataclass(frozen=True)
class _Decoded:
    """An upright picture in mode L, RGB or CMYK."""

    image: Image.Image
    format: str
    orientation: int
    icc_profile: bytes


def decoders() -> Mapping[str, Json]:
    """Return the libraries that decide what :func:`prepare` makes of the same bytes.

    numpy and OpenCV decide the quality figures and the perceptual hash, which gates read.
    """
    return libraries.versions("pillow", *libraries.PILLOW_CODECS, "simplejpeg", "opencv", "numpy")


def prepare(data: bytes, settings: IntakeSettings) -> Prepared | Rejected:
    """Decode, turn upright, crop and resize one picture and bring its colours to sRGB.

    Args:
        data: the whole file as it was found.
        settings: what is accepted.

    Returns:
        The picture, or the first reason that speaks against it. The same bytes and settings always
        give the same answer; no input raises.
    """
    try:
        decoded = _decode(data, settings)
        return _fit(decoded, settings)
    except _Refusal as refusal:
        return refusal.rejected


def whole(data: bytes, max_pixels: int) -> Pixels | Rejected:
    """Decode one picture upright and in sRGB, uint8 (H, W, 3), and neither crop nor resize it.

    A benchmark's pictures are taken as they are; no input raises.
    """
    try:
        decoded = _decode(data, IntakeSettings(max_pixels=max_pixels))
        return np.array(_to_srgb(decoded.image, decoded.icc_profile)[0], dtype=np.uint8)
    except _Refusal as refusal:
        return refusal.rejected


def _fit(decoded: _Decoded, settings: IntakeSettings) -> Prepared:
    width, height = decoded.image.size
    if min(width, height) < settings.min_side:
        raise _Refusal(Reason.TOO_SMALL, f"{width}x{height}, side below {settings.min_side}")
    target = nearest(width, height)
    crop = crop_box(width, height, target)
    if crop.share > settings.max_crop:
        raise _Refusal(
            Reason.OVER_CROPPED,
            f"{width}x{height} to {target.width}x{target.height}: "
            f"{crop.share:.3f} cropped away, at most {settings.max_crop:.3f}",
        )
    image = decoded.image.resize(
        target, Image.Resampling.LANCZOS, box=crop.box, reducing_gap=_REDUCING_GAP
    )
    rgb, converted = _to_srgb(image, decoded.icc_profile)
    return Prepared(
        pixels=np.array(rgb, dtype=np.uint8),
        original_width=width,
        original_height=height,
        crop_share=crop.share,
        format=decoded.format,
        orientation=decoded.orientation,
        icc_converted=converted,
    )


def _decode(data: bytes, settings: IntakeSettings) -> _Decoded:
    """Decode within the size cap; whatever a decoder throws at hostile bytes is a refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _refuse_bomb(image, settings)
                _refuse_damage(data, image)
                return _upright(image)
    except _Refusal:
        raise
    except Image.DecompressionBombError as error:
        raise _Refusal(Reason.BOMB, _line(error)) from error
    except Exception as error:
        raise _Refusal(Reason.UNDECODABLE, _line(error)) from error


def _refuse_bomb(image: Image.Image, settings: IntakeSettings) -> None:
    if image.width * image.height > settings.max_pixels:
        raise _Refusal(
            Reason.BOMB, f"{image.width}x{image.height} is above {settings.max_pixels} pixels"
        )


def _refuse_damage(data: bytes, image: Image.Image) -> None:
    """Refuse several frames, wrong checksums (PNG) and damaged scan data (JPEG)."""
    if image.format in _JPEG:  # the second picture of an MPO is a preview, not a frame
        _refuse_damaged_jpeg(data)
        return
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise _Refusal(Reason.ANIMATED, f"{frames} frames")
    if image.format == "PNG":
        with Image.open(io.BytesIO(data), formats=("PNG",)) as again:
            again.verify()


def _refuse_damaged_jpeg(data: bytes) -> None:
    """Refuse a JPEG at whose entropy-coded data libjpeg would only warn.

    Of 60 photographs with 64 flipped bits each, Pillow noticed 17 and this 60; with 8 flipped
    bits 1 and 50; of 169 undamaged ones none was refused. Decoding to an eighth takes about 4 ms
    a megapixel.
    """
    try:
        space = simplejpeg.decode_jpeg_header(data)[2]
    except ValueError:
        return  # a layout that this decoder does not know, such as odd subsampling: Pillow decides
    wanted = "CMYK" if space in {"CMYK", "YCCK"} else "GRAY"
    simplejpeg.decode_jpeg(data, wanted, min_height=1, min_width=1, min_factor=8, strict=True)


def _upright(image: Image.Image) -> _Decoded:
    """Load all pixels and turn them as the EXIF orientation says.

    JPEG's draft mode is not used: at 8 times the needed size it was within 37-44 dB of the full
    decode where ``reducing_gap`` alone stays above 50, and it saves 13 of 17 ms.
    """
    kind = image.format or ""
    declared = _orientation(image) if kind == "TIFF" else 1  # Pillow turns TIFF while loading
    image.load()
    orientation = _orientation(image)
    icc_profile = image.info.get("icc_profile") or b""
    plain = _plain(image)
    if orientation in _UPRIGHT_BY:
        plain = plain.transpose(_UPRIGHT_BY[orientation])
    return _Decoded(plain, kind, max(declared, orientation), bytes(icc_profile))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; a missing, broken or unknown one counts as upright."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged metadata, not damaged pixels
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT_BY else 1


def _plain(image: Image.Image) -> Image.Image:
    """Bring any mode to L, RGB or CMYK with 8 bits; alpha is composited on white."""
    if image.mode in {"F", "I"} or image.mode.startswith("I;"):
        return Image.fromarray(_to_8_bits(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode in _PROFILE_SPACE:
        return image.copy()
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_8_bits(values: NDArray[np.generic]) -> Pixels:
    """Scale 16-bit integers, or floats in 0-1, to 0-255 (``convert`` would clip them).

    Raises:
        ValueError: not finite, or a range whose white point nobody declared.
    """
    floats = values.astype(np.float64)
    if not np.isfinite(floats).all():
        raise ValueError("pixel values that are not finite")
    white = 1.0 if values.dtype.kind == "f" else 65535.0
    if floats.min() < 0 or floats.max() > white:
        raise ValueError(f"pixel values outside 0-{white:g}")
    return np.rint(floats * (255 / white)).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    layers = image.convert("RGBA")
    ground = Image.new("RGBA", layers.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, layers).convert("RGB")


def _to_srgb(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, bool]:
    """Convert from the embedded profile to sRGB; an unusable profile is ignored, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)) if icc_profile else None
        if profile is None or not _describes(profile, image):
            return image.convert("RGB"), False
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if image.mode != "CMYK" and _changes_nothing(transform, image.mode):
            return image.convert("RGB"), False
        converted = ImageCms.applyTransform(image, transform)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return image.convert("RGB"), False
    return (converted, True) if converted is not None else (image.convert("RGB"), False)


def _describes(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> bool:
    space: str = profile.profile.xcolor_space.strip()
    return space == _PROFILE_SPACE[image.mode]


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Try a cube of colours, since a profile's name does not tell that it is sRGB."""
    steps = np.linspace(0, 255, 6, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3)
    probe = Image.fromarray(cube if mode == "RGB" else cube[..., 0])
    after = ImageCms.applyTransform(probe, transform)
    shift = np.asarray(after, dtype=np.int16) - np.asarray(probe.convert("RGB"), dtype=np.int16)
    return bool(np.abs(shift).max() <= _SAME_COLOUR)


def _line(error: Exception) -> str:
    """Return an error as one bounded line without memory addresses, the same in every run."""
    text = " ".join(str(error).split("<")[0].split())
    return f"{type(error).__name__}: {text}"[:200]
