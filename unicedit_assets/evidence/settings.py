"""The verifier's thresholds, by version; every field changes verdicts, so all are identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType

from unicedit_assets.domain.identity import digest


def _stray_effects() -> dict[str, float]:
    return {
        "pencil_sketch": 22.0,
        "oil_painting": 18.0,
        "cartoon": 15.0,
        "pixel_art": 17.0,
        "pop_art": 16.0,
        "halftone": 9.0,
        "fog": 11.0,
        "night": 10.0,
        "snow": 7.0,
        "aged": 19.0,
    }


@dataclass(frozen=True)
class EvidenceSettings:
    """Thresholds of the evidence verifier and judge.

    Colour differences are LAB Euclidean distances; areas are shares of the picture; lengths are
    pixels of the full-resolution picture unless said otherwise.

    Attributes:
        version: name of this set of thresholds.
        change: difference above the noise that counts as changed.
        least_area: smallest changed region.
        net_change: change of the local mean colour that counts as an edit.
        no_edit_area: a smaller area of such change than this is no edit.
        slip_pixels: a common move of the content that counts as shifted.
        slip_support: share of textured tiles that must agree on the move.
        grain: added pixel-to-pixel roughness, gray levels, that counts as noise.
        blocks: excess gradient on an 8-pixel grid that counts as compression damage.
        cells: share of level steps on few columns and rows that counts as a mosaic.
        widening: growth of the sharpest edges' width that counts as blur.
        black_box: share of the picture in a newly black rectangle that counts as damage.
        stray_change: unexplained difference that counts as collateral in an untouched part.
        stray_effects: the same by style or scenario word: what a right one leaves unexplained.
        stray_view: the same where a view or a tone changed every pixel.
        stray_backdrop: the same where the ground was replaced.
        stray_area: smallest collateral region.
        stray_wide_area: the same under a scenario, or where the ground was replaced.
        stray_style_area: the same where the whole picture was redrawn in a style.
        place_margin: how far outside the named place a target's centre may lie.
        colour_margin: how far outside the named colour's range a colour may lie.
        named_margin: the same for the colour that a thing had before, which the text only uses to
            point at it.
        fit: how well the pixels must look like the named operation, 0-1.
    """

    version: str
    change: float = 4.0
    least_area: float = 0.0004
    net_change: float = 3.5
    no_edit_area: float = 0.0006
    slip_pixels: float = 2.0
    slip_support: float = 0.3
    grain: float = 7.5
    blocks: float = 0.27
    cells: float = 0.7
    widening: float = 3.0
    black_box: float = 0.05
    stray_change: float = 6.0
    stray_view: float = 10.0
    stray_backdrop: float = 18.0
    stray_effects: Mapping[str, float] = field(default_factory=_stray_effects)
    stray_area: float = 0.004
    stray_wide_area: float = 0.01
    stray_style_area: float = 0.015
    place_margin: float = 0.10
    colour_margin: float = 20.0
    fit: float = 0.5
    named_margin: float = 30.0

    @property
    def digest(self) -> str:
        """Hash of every threshold."""
        return digest("evidence", dict(asdict(self)))


_FIRST = EvidenceSettings("evidence-1")

VERSIONS: Mapping[str, EvidenceSettings] = MappingProxyType(
    {
        _FIRST.version: _FIRST,
        "evidence-1-strict": replace(
            _FIRST,
            version="evidence-1-strict",
            slip_pixels=1.6,
            grain=6.5,
            widening=2.7,
            stray_change=5.0,
            stray_area=0.003,
            place_margin=0.07,
            colour_margin=15.0,
            fit=0.55,
        ),
    }
)
