"""Great Expectations, behind one function: a frame and rules in, a small plain report out.

Only metadata columns go in (never pictures), with the pandas engine. GX is imported on first use:
it takes seconds.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from unicedit_assets.domain.identity import Json

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = 5


class BrokenRuleError(Exception):
    """A rule could not be evaluated at all (a column is missing): our fault, not bad data."""


@dataclass(frozen=True)
class Rule:
    """One expectation: a class of ``great_expectations.expectations`` and its arguments."""

    expectation: str
    arguments: Mapping[str, Any]


def rule(expectation: str, **arguments: Any) -> Rule:
    """Declare an expectation without importing Great Expectations."""
    return Rule(expectation, arguments)


@dataclass(frozen=True)
class Finding:
    """What came of one rule; ``examples`` are values that broke it, as text."""

    expectation: str
    column: str
    passed: bool
    observed: str
    unexpected: int
    examples: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the finding as JSON."""
        return {
            "expectation": self.expectation,
            "column": self.column,
            "passed": self.passed,
            "observed": self.observed,
            "unexpected": self.unexpected,
            "examples": list(self.examples),
        }


def evaluate(name: str, frame: pd.DataFrame, rules: Sequence[Rule]) -> list[Finding]:
    """Evaluate rules over a frame, each to a finding in the order of the rules.

    Map expectations pass on an empty frame and skip nulls: pair them with row-count and not-null
    rules where that matters.

    Raises:
        BrokenRuleError: a rule cannot be evaluated, for instance because its column is missing.
    """
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames")
    definition = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    findings = []
    for each in rules:
        expectation = getattr(gx.expectations, each.expectation)(**each.arguments)
        findings.append(_finding(each, batch.validate(expectation, result_format="SUMMARY")))
    return findings


@cache
def _great_expectations() -> ModuleType:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        # It imports modules of the standard library that Python deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations
    return great_expectations


def _finding(each: Rule, result: Any) -> Finding:
    trouble = result.exception_info or {}
    if trouble.get("raised_exception") or any(
        isinstance(value, dict) and value.get("raised_exception") for value in trouble.values()
    ):
        raise BrokenRuleError(f"{each.expectation} {dict(each.arguments)}: {trouble}")
    details = result.result or {}
    unexpected = int(details.get("unexpected_count") or 0)
    examples = details.get("partial_unexpected_list") or []
    observed = details.get("observed_value")
    return Finding(
        expectation=each.expectation,
        column=str(each.arguments.get("column", "")),
        passed=bool(result.success),
        observed=_text(observed) if observed is not None else "",
        unexpected=unexpected,
        examples=tuple(_text(value) for value in examples[:_EXAMPLES]),
    )


def _text(value: object) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return str(value)[:200]
