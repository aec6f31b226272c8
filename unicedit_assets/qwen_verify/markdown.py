"""What was measured of verifiers as Markdown, a table a test set: for cards, notes and papers."""

from __future__ import annotations

from collections.abc import Mapping

from unicedit_assets.domain.markdown import table
from unicedit_assets.qwen_verify.figures import TABLE_5, Figures, Group
from unicedit_assets.qwen_verify.intervals import Estimate
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.truth.outcomes import Rate

_COLUMNS = (
    *(kind.value.replace("_", " ") for kind in TABLE_5),
    *("is changed", "exact text", "exact on hallucination", "right class on hallucination"),
)


def markdown_of(found: Mapping[str, Mapping[str, Figures]]) -> str:
    """Return a table for each test set, largest first; brackets are 95 % intervals.

    Args:
        found: verifier -> test set -> its figures.
    """
    first = next(iter(found.values()), {})
    tests = sorted(first, key=lambda name: -first[name].pairs)
    parts = (_table(test, {name: own[test] for name, own in found.items()}) for test in tests)
    return "\n".join(parts)


def _table(test: str, found: Mapping[str, Figures]) -> str:
    pairs = next(iter(found.values())).pairs
    head = [f"{test}, {pairs} pairs", *_COLUMNS]
    rows = [[f"`{name}`", *_cells(figures)] for name, figures in found.items()]
    return f"{table(head, rows)}\n"


def _cells(figures: Figures) -> list[str]:
    wrong = figures.kinds.get(Kind.HALLUCINATION.value)
    return [
        *(_score(figures.kinds.get(kind.value)) for kind in TABLE_5),
        *(_rate(figures.detection.changed), _rate(figures.texts.exact)),
        *(_rate(wrong.exact if wrong else None), _rate(wrong.right if wrong else None)),
    ]


def _score(group: Group | None) -> str:
    found: Estimate | None = group.score if group else None
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "–"


def _rate(found: Rate | None) -> str:
    if found is None or not found.cases:
        return "–"
    return f"{found.share:.3f} [{found.low:.3f}, {found.high:.3f}]"
