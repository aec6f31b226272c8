"""Tables in Markdown; whoever fills the cells escapes what comes from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """Return a table without a last newline.

    Args:
        numbers: whether all columns but the first are set to the right.
    """
    rest = "---:" if numbers else "---"
    rule = ["---", *[rest] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
