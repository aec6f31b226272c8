"""The chain that a verifier writes: captions, differences, decision, class, rewritten instruction.

One form for training targets and for replies; its schema is ``vlm.verifier.SCHEMA``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from unicedit_assets.synthetic.pair import Kind, SyntheticPair

# A pair's kind -> the chain's class. A text that names the wrong change is a misaligned one.
CLASS_OF: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.NORMAL: "valid",
        Kind.NO_EDIT: "no_edit",
        Kind.HALLUCINATION: "misaligned",
        Kind.MISALIGNED: "misaligned",
        Kind.COLLATERAL: "collateral",
        Kind.DEGRADED: "degraded",
        Kind.SHIFTED: "shifted",
    }
)


@dataclass(frozen=True)
class Chain:
    """One chain, its fields in the order in which they are written."""

    source_caption: str
    edit_caption: str
    differences: tuple[str, ...]
    is_changed: bool
    kind: str
    rewritten_en: str
    rewritten_cn: str

    def text(self) -> str:
        """Return the chain as compact JSON, the way a model learns to write it."""
        value = {
            "source_caption": self.source_caption,
            "edit_caption": self.edit_caption,
            "differences": list(self.differences),
            "is_changed": self.is_changed,
            "class": self.kind,
            "rewritten_en": self.rewritten_en,
            "rewritten_cn": self.rewritten_cn,
        }
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def chain_of(pair: SyntheticPair) -> Chain:
    """Return the true chain of a synthetic pair."""
    return Chain(
        pair.source_caption,
        pair.edit_caption,
        pair.differences,
        pair.is_changed,
        CLASS_OF[pair.kind],
        pair.true.en if pair.true else "",
        pair.true.cn if pair.true else "",
    )


def rejected_chain(pair: SyntheticPair) -> Chain | None:
    """Return the true chain with a hallucinated instruction; None when nothing changed."""
    if pair.rejected is None:
        return None
    true = chain_of(pair)
    return Chain(
        true.source_caption,
        true.edit_caption,
        true.differences,
        true.is_changed,
        true.kind,
        pair.rejected.en,
        pair.rejected.cn,
    )
