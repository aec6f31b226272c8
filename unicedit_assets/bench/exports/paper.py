"""The paper's own results, as it prints them; figures that this code did not compute.

Source: UnicEdit-10M, arXiv 2512.02790 (CVPR 2026), Table 4, block "Overall", English; judge
GPT-4.1 at temperature 0.1, 1,100 samples. Intervals are not given there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

SOURCE = "arXiv 2512.02790, Table 4"
JUDGE = "GPT-4.1"


class PaperRow(NamedTuple):
    """A model's means, 0-10, in the order of ``domain.unicbench.METRICS``."""

    instruction_following: float
    non_edit_consistency: float
    visual_quality: float
    reasoning_accuracy: float
    overall: float


# Language -> model -> row. The Chinese block is not known to us in figures.
TABLE_4: Mapping[str, Mapping[str, PaperRow]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                "Instruct-Pix2Pix": PaperRow(2.8526, 4.0983, 3.9672, 1.9560, 2.9221),
                "OmniGen2": PaperRow(6.2455, 7.4973, 6.4891, 5.1240, 6.1246),
                "FLUX.1-Kontext": PaperRow(6.7755, 8.4718, 7.3600, 5.5040, 6.8045),
                "BAGEL": PaperRow(7.2491, 8.1982, 7.1391, 5.2600, 6.9794),
                "Step1X-Edit-v1.1": PaperRow(6.9945, 8.2045, 7.3382, 5.0400, 6.9202),
                "Qwen-Image-Edit": PaperRow(8.2055, 8.0264, 8.0745, 6.4480, 7.7273),
                "Nano Banana": PaperRow(7.9753, 8.9808, 8.1954, 6.8680, 7.8792),
                "Seedream 4.0": PaperRow(8.3764, 8.7200, 8.0736, 7.5960, 8.0428),
                "GPT-Image-1": PaperRow(9.1551, 7.8449, 8.6830, 8.3392, 8.3546),
            }
        )
    }
)
