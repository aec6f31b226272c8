"""Which operation explains these pixels: check the text's own, or search for another.

A compound is checked step by step. A view or a grade is taken out of the pictures first, so that
the other step is looked for in what remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np

from unicedit_assets.domain.language import COMPOUND, Intent
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence import (
    backdrop_checks,
    geometry_checks,
    object_checks,
    paint_checks,
    style_checks,
    tone_checks,
)
from unicedit_assets.evidence.comparison import Comparison
from unicedit_assets.evidence.finding import Checker, Finding
from unicedit_assets.evidence.pair import Lab

CHECKERS: Mapping[str, Checker] = MappingProxyType(
    {
        "tone": tone_checks.check_tone,
        "style": style_checks.check_style,
        "scenario": tone_checks.check_scenario,
        "zoom": geometry_checks.check_view,
        "perspective": geometry_checks.check_view,
        "roll": geometry_checks.check_view,
        "mirror": geometry_checks.check_mirror,
        "recolor": paint_checks.check_recolor,
        "texture": paint_checks.check_texture,
        "write": paint_checks.check_write,
        "add": paint_checks.check_add,
        "populate": paint_checks.check_populate,
        "background": backdrop_checks.check_background,
        "extract": backdrop_checks.check_extract,
        "extract_named": backdrop_checks.check_extract,
        "remove": object_checks.check_remove,
        "duplicate": object_checks.check_duplicate,
        "move": object_checks.check_move,
        "resize": object_checks.check_resize,
    }
)
VIEWS = frozenset({"zoom", "perspective", "roll", "mirror"})
_GRADED = 8.0
_SURE_INLIERS = 30
GRADES = frozenset({"tone", "scenario"})


def moves_frame(intent: Intent) -> bool:
    """Tell whether the text asks for another view of the whole scene."""
    return intent.operation in VIEWS or any(moves_frame(step) for step in intent.steps)


def search(view: Comparison) -> Finding | None:
    """Return the operation on the whole picture that explains the pixels; None when none does.

    Only what can be named with certainty is named: a view by matched features, or a grade.
    """
    found = view.view
    if found is not None and view.pose is not None and found.inliers >= _SURE_INLIERS:
        kind = geometry_checks.kind_of_pose(view.pose)
        if kind is not None:
            slots = geometry_checks.slots_of_pose(view.pose)
            finding = check(view, Intent(kind, slots))
            return finding if finding.holds else None
    mirrored = check(view, Intent("mirror"))
    if mirrored.holds:
        return mirrored
    name, score = tone_checks.tone_name(view.grade)
    finding = check(view, Intent("tone", {"tone": name}))
    return finding if finding.holds and score >= 0.8 and view.tone.shift > 2.0 else None


def _to_rgb(lab: Lab) -> Pixels:
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb * 255 + 0.5, 0, 255), np.uint8)


def knows(intent: Intent) -> bool:
    """Tell whether there is a checker for what the text asks for."""
    if intent.operation == COMPOUND:
        return all(knows(step) for step in intent.steps)
    return intent.operation in CHECKERS


def check(view: Comparison, intent: Intent) -> Finding:
    """Check one intent, simple or compound, against the pictures.

    Raises:
        KeyError: an operation that no checker knows.
    """
    if intent.operation != COMPOUND:
        return CHECKERS[intent.operation](view, intent)
    names = {step.operation for step in intent.steps}
    if names & VIEWS:
        return _check_with_view(view, intent)
    if names & GRADES:
        return _check_with_grade(view, intent)
    return _joined([check(view, step) for step in intent.steps])


def _joined(findings: list[Finding]) -> Finding:
    strays = [finding.stray for finding in findings if finding.stray is not None]
    targets = [finding.target for finding in findings if finding.target is not None]
    return Finding(
        COMPOUND,
        {},
        min(finding.fit for finding in findings),
        tuple(text for finding in findings for text in finding.conflicts),
        np.minimum.reduce(strays) if strays else None,
        np.logical_or.reduce(targets) if targets else None,
        {name: value for finding in findings for name, value in finding.figures.items()},
        tuple(findings),
        next((finding.laid for finding in findings if finding.laid is not None), None),
    )


def _split(intent: Intent, kinds: frozenset[str]) -> tuple[int, Intent, Intent]:
    """Return the index of the step of a kind, that step, and the other one."""
    first, second = intent.steps
    return (0, first, second) if first.operation in kinds else (1, second, first)


def _in_order(index: int, special: Finding, other: Finding) -> list[Finding]:
    return [special, other] if index == 0 else [other, special]


def _check_with_view(view: Comparison, intent: Intent) -> Finding:
    index, moving, other = _split(intent, VIEWS)
    shown = check(view, moving)
    matrix = geometry_checks.shown_matrix(view, moving)
    if matrix is None:
        return _joined(_in_order(index, shown, check(view, other)))
    if other.operation in GRADES | {"style"}:
        warped = geometry_checks.lay_over(view, matrix).small
        rest = check(Comparison(view.pair, view.settings, before=warped), other)
    else:
        rest = check(geometry_checks.undone(view, matrix), other)
    shown = geometry_checks.with_stray(shown, None)
    return _joined(_in_order(index, shown, rest))


def _check_with_grade(view: Comparison, intent: Intent) -> Finding:
    index, grading, other = _split(intent, GRADES)
    grade = check(view, grading)
    loose = replace(view.settings, change=_GRADED)  # a map is never exact
    graded = Comparison(view.pair, loose, before=_to_rgb(view.tone.mapped))
    rest = check(graded, other)
    return _joined(_in_order(index, grade, rest))
