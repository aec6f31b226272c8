"""The embedded verifier: two pictures and the instruction in, a verdict with its evidence out.

Order of the gates: nothing to read, nothing changed, nothing to see (blank), the content slipped,
the picture is damaged, the pictures contradict the text, something else changed too. The first
gate that speaks names the reason; an edit that passes them all is accepted and its text rewritten
to what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unicedit_assets.domain import language, libraries
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels, Verdict
from unicedit_assets.evidence import gates
from unicedit_assets.evidence.captions import caption, differences
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.pair import Pair
from unicedit_assets.evidence.rewriting import rewritten
from unicedit_assets.evidence.settings import VERSIONS, EvidenceSettings

__all__ = ["VERSIONS", "EvidenceSettings", "EvidenceVerifier"]


@dataclass(frozen=True)
class _Text:
    en: str
    cn: str
    intent: Intent | None


def read(en: str, cn: str) -> Intent | None:
    """Return what either text says; None when neither is in the instruction language."""
    return language.parse(en) or language.parse(cn)


class EvidenceVerifier:
    """Verifies a triplet from pixels and text alone.

    Args:
        version: a key of ``VERSIONS``.

    Raises:
        KeyError: no such version.
    """

    def __init__(self, version: str = "evidence-1") -> None:
        self._settings = VERSIONS[version]

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a verdict: the version, its thresholds, the wordings."""
        return {
            "name": "evidence",
            "version": self._settings.version,
            "code": gates.CODE_VERSION,
            "settings": self._settings.digest,
            "wordings": language.prompt().sha256,
            "libraries": libraries.versions("opencv", "numpy"),
        }

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        """Return the verdict on one triplet.

        Raises:
            ValueError: the pictures are not (H, W, 3) uint8 of one shape.
        """
        view = Comparison(Pair(source, edited), self._settings)
        text = _Text(en, cn, read(en, cn))
        ruling = gates.rule(view, en, cn, text.intent)
        changed = ruling.reason is not Reason.NO_EDIT and not view.is_unchanged
        wording = rewritten(text.intent, ruling, en, cn) if changed else language.Wording("", "")
        return Verdict(
            reason=ruling.reason,
            is_changed=changed,
            confidence=ruling.confidence,
            source_caption=caption(view.pair.lab_source),
            edit_caption=caption(view.pair.lab_edited),
            differences=differences(view, ruling) if changed else (),
            rewritten_en=wording.en,
            rewritten_cn=wording.cn,
            evidence=ruling.evidence,
            regions=tuple(region.box for region in view.changes.regions[:8]) if changed else (),
        )
