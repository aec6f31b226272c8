"""Zoom, roll, perspective and mirror: the whole view moved; did it move as the text says?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.evidence import registration
from unicedit_assets.evidence.change import PLACES, place_of
from unicedit_assets.evidence.comparison import Comparison, distance
from unicedit_assets.evidence.finding import Finding, ramp, worst
from unicedit_assets.evidence.pair import Lab, Plane, blur, shrink, to_lab
from unicedit_assets.evidence.registration import Matrix, Pose

_LEAST_DEGREES = 1.0
_LEAST_LEAN = 0.08
_LEAST_ZOOM = 1.07
_FACTOR_TOLERANCE = 0.08
_DEGREES_TOLERANCE = 1.6
_CUT_MARGIN = 0.3
_RESAMPLED = 8.0
_SURE_AGREEMENT = 0.95
_KEYSTONES = (0.12, 0.17, 0.21, 0.25)


@dataclass(frozen=True)
class Laid:
    """The source laid over the edited picture by a homography, at working resolution.

    Attributes:
        small, lab: the warped source, RGB and LAB.
        gray: its luma at full resolution.
        slip: the small move that remains between them.
    """

    small: Pixels
    lab: Lab
    gray: Plane
    slip: registration.Slip

    @property
    def agreement(self) -> float:
        """Share of structured tiles in which both pictures agree."""
        return self.slip.support if self.slip.tiles >= 8 and self.slip.reach < 8 else 0.0


def lay_over(view: Comparison, matrix: Matrix) -> Laid:
    """Warp the full-resolution source by a working-resolution homography and compare structure."""
    pair = view.pair
    middle = 0.5 / pair.scale - 0.5  # pixel centres, not corners, correspond
    up = np.array([[1 / pair.scale, 0, middle], [0, 1 / pair.scale, middle], [0, 0, 1.0]])
    full = up @ matrix @ np.linalg.inv(up)
    height, width = pair.source.shape[:2]
    warped = np.asarray(
        cv2.warpPerspective(
            pair.source, full, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        ),
        np.uint8,
    )
    small = shrink(warped, pair.scale)
    lab = to_lab(small)
    slip = registration.find_slip(
        registration.edges(np.ascontiguousarray(lab[..., 0])),
        registration.edges(np.ascontiguousarray(view.after[..., 0])),
    )
    gray = np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY), np.float32)
    return Laid(small, lab, gray, slip)


def correction(view: Comparison, slip: registration.Slip) -> Matrix:
    """Return the homography of a remaining slip."""
    height, width = view.pair.shape
    grown = 1.0 + slip.zoom
    return np.array(
        [
            [grown, 0.0, slip.dx - slip.zoom * width / 2],
            [0.0, grown, slip.dy - slip.zoom * height / 2],
            [0.0, 0.0, 1.0],
        ]
    )


def best_laid(view: Comparison, matrix: Matrix) -> tuple[Matrix, Laid]:
    """Lay the source over the edited picture, and once more with the remaining slip taken out."""
    laid = lay_over(view, matrix)
    if laid.agreement < 0.3 or laid.slip.reach < 0.25:
        return matrix, laid
    better = correction(view, laid.slip) @ matrix
    again = lay_over(view, better)
    return (better, again) if again.agreement >= laid.agreement else (matrix, laid)


def stray_after(laid: Laid, view: Comparison) -> Plane:
    """Return the colour difference that the view leaves, tolerant of a pixel of misfit."""
    first = np.asarray(blur(laid.lab, 2.0))
    second = np.asarray(blur(view.after, 2.0))
    return distance(first, second)


def undone(view: Comparison, matrix: Matrix) -> Comparison:
    """Return the comparison with the view undone: the edited picture back in the source's frame.

    What the view left out of the frame is filled with the source, so that it counts as unchanged.
    """
    height, width = view.pair.shape
    inverse = np.linalg.inv(matrix)
    back = cv2.warpPerspective(view.small_after, inverse, (width, height), flags=cv2.INTER_LINEAR)
    ones = np.full((height, width), 255, np.uint8)
    seen = cv2.warpPerspective(ones, inverse, (width, height), flags=cv2.INTER_LINEAR) > 250
    after = np.where(seen[..., None], back, view.small_before)
    # The frame may cut the target, and resampling costs some detail.
    cut = replace(view.settings, place_margin=_CUT_MARGIN, change=_RESAMPLED)
    return Comparison(view.pair, cut, after=np.asarray(after, np.uint8))


def with_stray(finding: Finding, stray: Plane | None) -> Finding:
    """Return the finding with another plane of unexplained difference."""
    return replace(finding, stray=stray)


def kind_of_pose(pose: Pose) -> str | None:
    """Name the operation that a pose shows; None when it hardly differs from no move."""
    if abs(pose.degrees) >= _LEAST_DEGREES:
        return "roll"
    if max(abs(pose.lean_x), abs(pose.lean_y)) >= _LEAST_LEAN:
        return "perspective"
    return "zoom" if pose.factor >= _LEAST_ZOOM else None


def slots_of_pose(pose: Pose) -> dict[str, str]:
    """Return the measured slots of the operation that a pose shows."""
    kind = kind_of_pose(pose)
    if kind == "roll":
        turn = "clockwise" if pose.degrees > 0 else "counterclockwise"
        return {"degrees": f"{abs(pose.degrees):.0f}", "turn": turn}
    if kind == "perspective":
        if abs(pose.lean_x) >= abs(pose.lean_y):
            return {"side": "left" if pose.lean_x > 0 else "right"}
        return {"side": "above" if pose.lean_y > 0 else "below"}
    return {"factor": f"{pose.factor:.1f}", "place": place_of(*pose.centre)}


def _wanted_zoom(view: Comparison, intent: Intent) -> Matrix:
    height, width = view.pair.shape
    factor = float(intent.slots["factor"])
    row = next(i for i, cells in enumerate(PLACES) if intent.slots["place"] in cells)
    column = PLACES[row].index(intent.slots["place"])
    left = min(max((0.18, 0.5, 0.82)[column] - 0.5 / factor, 0.0), 1 - 1 / factor) * width
    top = min(max((0.18, 0.5, 0.82)[row] - 0.5 / factor, 0.0), 1 - 1 / factor) * height
    return np.array([[factor, 0, -left * factor], [0, factor, -top * factor], [0, 0, 1]])


def _wanted_roll(view: Comparison, intent: Intent) -> Matrix:
    height, width = view.pair.shape
    turn = 1.0 if intent.slots["turn"] == "clockwise" else -1.0
    angle = np.radians(float(intent.slots["degrees"])) * turn
    c, s = np.cos(angle), np.sin(angle)
    fill = max(
        (width * c + height * abs(s)) / width,
        (width * abs(s) + height * c) / height,
    )
    middle = np.array([width / 2, height / 2])
    turned = fill * np.array([[c, -s], [s, c]])
    matrix = np.eye(3)
    matrix[:2, :2] = turned
    matrix[:2, 2] = middle - turned @ middle
    return matrix


_WANTED = {"zoom": _wanted_zoom, "roll": _wanted_roll}


def shown_matrix(view: Comparison, intent: Intent) -> Matrix | None:
    """Return the homography that the pictures show: by features, else the one the text implies."""
    found = view.view
    if found is not None and found.inliers >= 18 and found.cover >= 0.2:
        return found.matrix
    if intent.operation in _WANTED:
        return _WANTED[intent.operation](view, intent)
    if intent.operation == "perspective":
        return _best_keystone(view)
    return None if found is None else found.matrix


def _best_keystone(view: Comparison) -> Matrix | None:
    """Return the keystone that agrees best, of a few sides and strengths; None when none does."""
    height, width = view.pair.shape
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    best: tuple[float, Matrix | None] = (0.3, None)
    for amount in _KEYSTONES:
        dx, dy = amount * width, amount * height
        for corners in (
            [(0, dy), (width, 0), (width, height), (0, height - dy)],
            [(0, 0), (width, dy), (width, height - dy), (0, height)],
            [(dx, 0), (width - dx, 0), (width, height), (0, height)],
            [(0, 0), (width, 0), (width - dx, height), (dx, height)],
        ):
            matrix = cv2.getPerspectiveTransform(np.array(corners, np.float32), frame)
            agreement = lay_over(view, np.asarray(matrix, np.float64)).agreement
            if agreement > best[0]:
                best = (agreement, np.asarray(matrix, np.float64))
    return best[1]


def _conflicts(intent: Intent, pose: Pose) -> tuple[str, ...]:
    kind, measured = kind_of_pose(pose), slots_of_pose(pose)
    if kind != intent.operation:
        return (f"the view shows {kind or 'no move'}, not {intent.operation}",)
    said = intent.slots
    if kind == "zoom":
        far = abs(np.log(pose.factor / float(said["factor"]))) > _FACTOR_TOLERANCE
        return tuple(
            text
            for text, wrong in (
                (f"zoomed {pose.factor:.2f}x, not {said['factor']}x", far),
                (f"zoomed on {measured['place']}, not {said['place']}", _off(pose, said["place"])),
            )
            if wrong
        )
    if kind == "roll":
        signed = float(said["degrees"]) * (1 if said["turn"] == "clockwise" else -1)
        if abs(signed - pose.degrees) > _DEGREES_TOLERANCE:
            return (f"turned {pose.degrees:.1f} degrees clockwise, not {signed:.0f}",)
        return ()
    if measured["side"] != said["side"]:
        return (f"seen from {measured['side']}, not {said['side']}",)
    return ()


def _off(pose: Pose, place: str) -> bool:
    """Tell whether the crop's centre is outside the named cell and a margin."""
    row = next(i for i, cells in enumerate(PLACES) if place in cells)
    column = PLACES[row].index(place)
    return any(
        not cell / 3 - 0.09 <= min(1.0, max(0.0, share)) <= (cell + 1) / 3 + 0.09
        for share, cell in zip(pose.centre, (column, row), strict=True)
    )


def _closer(view: Comparison, found: tuple[Matrix, Laid], wanted: Matrix) -> tuple[Matrix, Laid]:
    """Return the found view or, where it fits the pixels better, the one that the text implies."""
    laid = lay_over(view, wanted)
    if laid.agreement < 0.3:
        return found
    misfits = [float(stray_after(option, view).mean()) for option in (found[1], laid)]
    return (wanted, laid) if misfits[1] < misfits[0] else found


def check_view(view: Comparison, intent: Intent) -> Finding:
    """Check zoom, roll and perspective against the homography between the pictures."""
    matrix = shown_matrix(view, intent)
    if matrix is None:
        return Finding(intent.operation, dict(intent.slots), 0.0)
    matrix, laid = best_laid(view, matrix)
    if laid.agreement < _SURE_AGREEMENT and intent.operation in _WANTED:
        matrix, laid = _closer(view, (matrix, laid), _WANTED[intent.operation](view, intent))
    pose = registration.pose_of(matrix, *view.pair.shape)
    conflicts = _conflicts(intent, pose)
    slots = dict(intent.slots) if not conflicts else slots_of_pose(pose)
    return Finding(
        kind_of_pose(pose) or intent.operation,
        slots,
        ramp(laid.agreement, 0.2, 0.6),
        conflicts,
        stray_after(laid, view),
        figures={
            "view_factor": pose.factor,
            "view_degrees": pose.degrees,
            "view_lean_x": pose.lean_x,
            "view_lean_y": pose.lean_y,
            "view_agreement": laid.agreement,
        },
        laid=laid.gray,
    )


def check_mirror(view: Comparison, intent: Intent) -> Finding:
    """Check that the edited picture is the source with left and right swapped."""
    width = view.pair.shape[1]
    flip = np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    laid = lay_over(view, flip)
    stray = stray_after(laid, view)
    close = ramp(float(np.median(stray)), 12.0, 4.0)
    fit = worst(max(ramp(laid.agreement, 0.2, 0.6), ramp(float(np.median(stray)), 3.0, 1.0)), close)
    return Finding(
        "mirror", {}, fit, (), stray, figures={"view_agreement": laid.agreement}, laid=laid.gray
    )
