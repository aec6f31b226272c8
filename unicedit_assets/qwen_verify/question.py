"""What a Qwen-Verify is asked and what it should say: one example for training or evaluation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace

import numpy as np

from unicedit_assets.domain.roles import Pixels
from unicedit_assets.qwen_verify.chain import Chain, chain_of, rejected_chain
from unicedit_assets.synthetic.pair import Kind, SyntheticPair, Wording

# The fields of an example that are texts.
TEXTS = ("key", "kind", "subtask", "en", "cn", "target", "rejected")
# An instruction that claims nothing: whoever answers must look.
OPEN = (
    Wording("Change something in the picture.", "修改图片中的某处。", {}),
    Wording("Edit this picture.", "编辑这张图片。", {}),
    Wording("Make a change.", "做一处改动。", {}),
)


# The class that stands for believing, or doubting, a text against the pictures.
_MISJUDGED = {"valid": "misaligned", "misaligned": "valid"}


@dataclass(frozen=True)
class Example:
    """One question with its true answer, and a wrong one where there is one.

    Attributes:
        source, edited: uint8 (H, W, 3), sRGB, one size.
        en, cn: the instruction as it is shown.
        target: the true chain as text.
        rejected: the chain that a fooled model writes; empty where there is none.
    """

    key: str
    kind: str
    subtask: str
    source: Pixels = field(repr=False)
    edited: Pixels = field(repr=False)
    en: str
    cn: str
    target: str
    rejected: str = ""


def example_of(pair: SyntheticPair) -> Example:
    """Return the example that a synthetic pair makes."""
    fooled = fooled_chain(pair)
    return Example(
        key=pair.key,
        kind=pair.kind.value,
        subtask=pair.subtask,
        source=pair.source,
        edited=pair.edited,
        en=pair.said.en,
        cn=pair.said.cn,
        target=chain_of(pair).text(),
        rejected=fooled.text() if fooled else "",
    )


def fooled_chain(pair: SyntheticPair) -> Chain | None:
    """Return what a model writes that believes the text more than its eyes.

    Where the text lies (or nothing was done) it is the text, taken for a valid edit; where the text
    is right it is the true chain with one claim changed. None for other failures.
    """
    lies = (Kind.HALLUCINATION, Kind.MISALIGNED, Kind.NO_EDIT)
    if pair.kind not in lies:
        return rejected_chain(pair) if pair.kind is Kind.NORMAL else None
    return replace(
        chain_of(pair),
        differences=chain_of(pair).differences or (pair.said.en,),
        is_changed=True,
        kind="valid",
        rewritten_en=pair.said.en,
        rewritten_cn=pair.said.cn,
    )


def misjudged(example: Example, share: float, seed: int) -> Example:
    """Return an example whose rejected chain is wrong in one word, its class, for a share of them.

    What is rejected calls a right text wrong, or a wrong one right; all else is the true chain. So
    the class is learned too, which a chain with a wrong text alone does not teach. Other classes
    stay as they are. Deterministic by key and seed.
    """
    chain = json.loads(example.target)
    other = _MISJUDGED.get(chain["class"])
    if other is None or _drawn(example, seed, "misjudged").random() >= share:
        return example
    text = json.dumps({**chain, "class": other}, ensure_ascii=False, separators=(",", ":"))
    return replace(example, rejected=text)


def opened(example: Example, share: float, seed: int) -> Example:
    """Return an example whose instruction claims nothing, for a share of them; the rest as it is.

    The true answer stays: what was left open must be seen. Deterministic by key and seed.
    """
    rng = _drawn(example, seed, "opened")
    if rng.random() >= share:
        return example
    said = OPEN[int(rng.integers(len(OPEN)))]
    return replace(example, en=said.en, cn=said.cn)


def _drawn(example: Example, seed: int, purpose: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{purpose}/{seed}/{example.key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8]))
