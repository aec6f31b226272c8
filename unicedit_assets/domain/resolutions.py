"""The 17 preferred resolutions, and the centre crop that brings a picture to the nearest one.

Each is about one megapixel with sides that are multiples of 16, so that every editor can work on
it. Source: paper, section on data preparation (arXiv 2512.02790).
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Resolution(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


_UPRIGHT = (
    Resolution(672, 1568),
    Resolution(688, 1504),
    Resolution(720, 1456),
    Resolution(752, 1392),
    Resolution(800, 1328),
    Resolution(832, 1248),
    Resolution(880, 1184),
    Resolution(944, 1104),
)

PREFERRED: tuple[Resolution, ...] = (
    *_UPRIGHT,
    Resolution(1024, 1024),
    *(Resolution(height, width) for width, height in reversed(_UPRIGHT)),
)
"""From the narrowest to the widest."""


class Crop(NamedTuple):
    """A centred box in pixel units of the source, and the share of the area outside it, 0-1."""

    left: float
    top: float
    right: float
    bottom: float
    share: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The box as Pillow's ``resize`` takes it."""
        return self.left, self.top, self.right, self.bottom


def nearest(width: int, height: int) -> Resolution:
    """Return the preferred resolution whose aspect ratio is nearest on a logarithmic scale.

    The nearest by log ratio is also the one that crops least away. A tie goes to the narrower one.

    Raises:
        ValueError: a side is not positive.
    """
    if width < 1 or height < 1:
        raise ValueError(f"a picture has positive sides, not {width}x{height}")
    aspect = math.log(width / height)
    return min(PREFERRED, key=lambda r: abs(math.log(r.width / r.height) - aspect))


def crop_box(width: int, height: int, target: Resolution) -> Crop:
    """Return the largest centred box of the target's aspect ratio inside ``width`` x ``height``.

    The box is in floats, so that the crop is centred to less than a pixel and the aspect ratio is
    exact. It never leaves the picture by a rounding error, which Pillow would refuse.
    """
    kept_width, kept_height = float(width), float(height)
    if width * target.height > height * target.width:
        kept_width = height * target.width / target.height
    else:
        kept_height = width * target.height / target.width
    left = max(0.0, (width - kept_width) / 2)
    top = max(0.0, (height - kept_height) / 2)
    share = 1 - (kept_width * kept_height) / (width * height)
    return Crop(
        left,
        top,
        min(float(width), left + kept_width),
        min(float(height), top + kept_height),
        min(1.0, max(0.0, share)),
    )
