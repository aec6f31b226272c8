"""Planted good and bad samples for every gate; the verifier sees pixels and text only."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.evidence import scenes
from unicedit_assets.domain import language
from unicedit_assets.domain.language import Intent
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Pixels, Verdict
from unicedit_assets.evidence.figures import FIGURES
from unicedit_assets.evidence.verifier import VERSIONS, EvidenceVerifier

SOURCE = scenes.scene()
RED = {"colour": "red", "kind": "object", "place": "lower_left"}


def said(operation: str, **slots: str) -> Intent:
    return Intent(operation, slots)


RECOLOUR = said("recolor", **RED, to="blue")
TO_BLUE = scenes.recoloured(SOURCE, scenes.BOX, (40, 80, 200))

GOOD: dict[str, tuple[Intent, Pixels]] = {
    "recolor": (RECOLOUR, TO_BLUE),
    "black_and_white": (said("tone", tone="black_and_white"), scenes.gray(SOURCE)),
    "warm": (said("tone", tone="warm"), scenes.graded(SOURCE, (1.15, 1.0, 0.7))),
    "cool": (said("tone", tone="cool"), scenes.graded(SOURCE, (0.72, 0.92, 1.12))),
    "dark": (said("tone", tone="dark"), scenes.graded(SOURCE, (0.7, 0.7, 0.7), 1.6)),
    "zoom": (said("zoom", factor="2", place="upper_left"), scenes.zoomed(SOURCE, 2, 0, 0)),
    "roll": (said("roll", degrees="10", turn="clockwise"), scenes.rolled(SOURCE, 10)),
    "mirror": (said("mirror"), np.ascontiguousarray(SOURCE[:, ::-1])),
    "write": (
        said("write", text="SUMMER", colour="yellow", place="top"),
        scenes.lettered(SOURCE, "SUMMER", (480, 90), (245, 215, 35)),
    ),
    "remove": (said("remove", **RED), scenes.erased(SOURCE)),
    "duplicate": (said("duplicate", **RED, count="two"), scenes.copied(SOURCE, 210)),
    "texture": (said("texture", **RED, pattern="stripes"), scenes.striped(SOURCE)),
    "extract_named": (
        said("extract_named", **RED, ground="white"),
        scenes.cut_out(SOURCE, (255, 255, 255)),
    ),
    "pixel_art": (said("style", style="pixel_art"), scenes.pixelated_art(SOURCE)),
    "compound": (
        Intent(
            "compound",
            {},
            (RECOLOUR, said("write", text="NORTH", colour="yellow", place="top")),
        ),
        scenes.lettered(TO_BLUE, "NORTH", (480, 90), (245, 215, 35)),
    ),
}

MISALIGNED: dict[str, tuple[Intent, Pixels]] = {
    "another colour": (RECOLOUR, scenes.recoloured(SOURCE, scenes.BOX, (230, 200, 40))),
    "another place": (RECOLOUR, scenes.harmed(SOURCE)),
    "another tone": (said("tone", tone="warm"), scenes.graded(SOURCE, (0.7, 0.9, 1.15))),
    "another text": (
        GOOD["write"][0],
        scenes.lettered(SOURCE, "OPEN DAY", (480, 90), (245, 215, 35)),
    ),
    "text elsewhere": (
        GOOD["write"][0],
        scenes.lettered(SOURCE, "SUMMER", (480, 560), (245, 215, 35)),
    ),
    "another corner": (GOOD["zoom"][0], scenes.zoomed(SOURCE, 2, 1, 1)),
    "another factor": (GOOD["zoom"][0], scenes.zoomed(SOURCE, 1.4, 0, 0)),
    "the other turn": (GOOD["roll"][0], scenes.rolled(SOURCE, -10)),
    "recolour for removal": (said("remove", **RED), TO_BLUE),
    "removal for recolour": (RECOLOUR, scenes.erased(SOURCE)),
    "too many copies": (
        GOOD["duplicate"][0],
        scenes.copied(scenes.copied(SOURCE, 210), 420),
    ),
    "zoom for a tone": (said("tone", tone="vivid"), scenes.zoomed(SOURCE, 2, 0.5, 0.5)),
    "half a compound": (GOOD["compound"][0], TO_BLUE),
    "another style": (said("style", style="halftone"), scenes.pixelated_art(SOURCE)),
}

DAMAGE: dict[str, Callable[[Pixels], Pixels]] = {
    "blur": lambda image: scenes.blurred(image, 5),
    "noise": lambda image: scenes.noisy(image, 35),
    "compression": lambda image: scenes.jpeg(image, 4),
    "mosaic": lambda image: scenes.mosaic(image, 8),
    "a black box": scenes.blacked,
    "all black": np.zeros_like,
}

SLIPS = {
    "3 px": {"dx": 3.0},
    "down and left": {"dx": -7.0, "dy": 9.0},
    "zoom 1.5 %": {"zoom": 1.015},
    "zoom 4 %": {"zoom": 1.04},
}


def verify(intent: Intent, edited: Pixels, version: str = "evidence-1") -> Verdict:
    text = language.phrase(intent)
    return EvidenceVerifier(version).verify(SOURCE, edited, text.en, text.cn)


@pytest.mark.parametrize("name", GOOD)
def test_right_edits_are_accepted_and_named(name: str) -> None:
    intent, edited = GOOD[name]
    verdict = verify(intent, edited)
    assert verdict.reason is None, verdict.differences
    assert verdict.is_changed
    for text in (verdict.rewritten_en, verdict.rewritten_cn):
        named = language.parse(text)
        assert named is not None
        assert named.operation == intent.operation


@pytest.mark.parametrize("name", MISALIGNED)
def test_edits_that_contradict_the_text_are_misaligned(name: str) -> None:
    intent, edited = MISALIGNED[name]
    assert verify(intent, edited).reason is Reason.MISALIGNED


@pytest.mark.parametrize("name", ["recolor", "warm", "write", "zoom", "pixel_art", "remove"])
@pytest.mark.parametrize("again", [np.copy, scenes.jittered, lambda image: scenes.jpeg(image, 95)])
def test_the_source_again_is_no_edit(name: str, again: Callable[[Pixels], Pixels]) -> None:
    verdict = verify(GOOD[name][0], again(SOURCE))
    assert verdict.reason is Reason.NO_EDIT
    assert not verdict.is_changed
    assert verdict.rewritten_en == verdict.rewritten_cn == ""


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["recolor", "warm", "write", "zoom"])
def test_a_right_edit_that_was_damaged_is_degraded(name: str, how: str) -> None:
    intent, edited = GOOD[name]
    assert verify(intent, DAMAGE[how](edited)).reason is Reason.DEGRADED


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("name", ["recolor", "warm", "black_and_white", "write", "texture"])
def test_a_right_edit_that_slipped_is_shifted(name: str, slip: str) -> None:
    intent, edited = GOOD[name]
    assert verify(intent, scenes.moved(edited, **SLIPS[slip])).reason is Reason.SHIFTED


@pytest.mark.parametrize("name", ["recolor", "warm", "cool", "write", "remove", "zoom", "mirror"])
def test_a_change_elsewhere_is_collateral(name: str) -> None:
    intent, edited = GOOD[name]
    verdict = verify(intent, scenes.harmed(edited))
    assert verdict.reason is Reason.COLLATERAL
    assert verdict.evidence["stray_area"] >= 0.004


def test_a_whole_picture_edit_is_not_taken_for_a_slip_or_damage() -> None:
    verdict = verify(GOOD["zoom"][0], GOOD["zoom"][1])
    assert verdict.evidence["view_factor"] == pytest.approx(2.0, abs=0.05)


def test_a_misaligned_edit_is_rewritten_to_what_was_done_instead() -> None:
    verdict = verify(said("tone", tone="warm"), scenes.zoomed(SOURCE, 2, 0, 0))
    assert verdict.reason is Reason.MISALIGNED
    assert language.parse(verdict.rewritten_en) == said("zoom", factor="2.0", place="upper_left")


def test_the_text_is_rewritten_to_where_the_change_is() -> None:
    intent = said("write", text="SUMMER", colour="yellow", place="upper_left")
    edited = scenes.lettered(SOURCE, "SUMMER", (480, 90), (245, 215, 35))
    verdict = verify(intent, edited)
    assert verdict.reason is Reason.MISALIGNED
    named = language.parse(verdict.rewritten_en)
    assert named == said("write", text="SUMMER", colour="yellow", place="top")


def test_either_language_is_enough() -> None:
    text = language.phrase(RECOLOUR)
    verifier = EvidenceVerifier()
    english = verifier.verify(SOURCE, TO_BLUE, text.en, "")
    chinese = verifier.verify(SOURCE, TO_BLUE, "", text.cn)
    assert english.reason is chinese.reason is None
    assert english.evidence == chinese.evidence


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_no_text_is_unparseable(blank: str) -> None:
    verdict = EvidenceVerifier().verify(SOURCE, TO_BLUE, blank, blank)
    assert verdict.reason is Reason.UNPARSEABLE


class TestTextsOutsideTheLanguage:
    TEXT = "Please make the mood of this image somewhat more melancholic"

    def verdict(self, edited: Pixels) -> Verdict:
        return EvidenceVerifier().verify(SOURCE, edited, self.TEXT, "")

    def test_an_edit_is_let_through_with_little_confidence_and_no_claim(self) -> None:
        verdict = self.verdict(scenes.copied(SOURCE, 210))
        assert verdict.reason is None
        assert verdict.confidence <= 0.6
        assert verdict.rewritten_en == ""

    def test_what_the_pixels_show_beyond_doubt_is_named(self) -> None:
        verdict = self.verdict(scenes.gray(SOURCE))
        assert language.parse(verdict.rewritten_en) == said("tone", tone="black_and_white")
        assert language.parse(self.verdict(scenes.rolled(SOURCE, 10)).rewritten_en) == said(
            "roll", degrees="10", turn="clockwise"
        )

    @pytest.mark.parametrize(
        ("text", "edited"),
        [
            ("please pan the camera a little", scenes.moved(SOURCE, 8, 0)),
            ("give it a soft dreamy blur", scenes.blurred(SOURCE, 5)),
            ("加一点胶片颗粒", scenes.noisy(SOURCE, 35)),
        ],
    )
    def test_what_the_words_may_have_asked_for_is_no_fault(self, text: str, edited: Pixels) -> None:
        assert EvidenceVerifier().verify(SOURCE, edited, text, "").reason is None

    def test_no_edit_damage_and_slips_are_still_found(self) -> None:
        graded = scenes.graded(SOURCE, (0.8, 0.8, 0.9))
        assert self.verdict(SOURCE.copy()).reason is Reason.NO_EDIT
        assert self.verdict(scenes.noisy(graded, 35)).reason is Reason.DEGRADED
        assert self.verdict(scenes.moved(graded, 6, 4)).reason is Reason.SHIFTED


@pytest.mark.parametrize("name", GOOD)
def test_every_figure_has_a_documented_name(name: str) -> None:
    intent, edited = GOOD[name]
    for image in (edited, SOURCE.copy(), np.zeros_like(SOURCE)):
        assert set(verify(intent, image).evidence) <= set(FIGURES)


def test_evidence_is_finite_and_regions_lie_in_the_picture() -> None:
    verdict = verify(RECOLOUR, TO_BLUE)
    assert all(np.isfinite(value) for value in verdict.evidence.values())
    assert verdict.regions
    x0, y0, x1, y1 = verdict.regions[0]
    assert (x0, y0, x1, y1) == pytest.approx((0.135, 0.6875, 0.302, 0.875), abs=0.02)
    assert 0 <= verdict.confidence <= 1


def test_the_same_bytes_give_the_same_verdict_on_any_number_of_threads() -> None:
    before = cv2.getNumThreads()
    try:
        verdicts = []
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            verdicts.append([verify(*GOOD[name]) for name in ("recolor", "warm", "zoom")])
    finally:
        cv2.setNumThreads(before)
    assert verdicts[0] == verdicts[1]


def test_the_verifier_only_gets_two_pictures_and_the_texts() -> None:
    names = list(inspect.signature(EvidenceVerifier.verify).parameters)
    assert names == ["self", "source", "edited", "en", "cn"]


@pytest.mark.parametrize(
    "bad",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)],
)
def test_what_is_not_a_picture_is_a_clear_error(bad: Pixels) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        EvidenceVerifier().verify(bad, bad, "Remove the red object on the left.", "")


def test_pictures_of_another_shape_are_a_clear_error() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        EvidenceVerifier().verify(SOURCE, SOURCE[:, :500].copy(), "Remove it", "")


class TestVersions:
    def test_every_version_has_its_own_identity(self) -> None:
        identities = [EvidenceVerifier(version).identity for version in VERSIONS]
        assert len({identity["settings"] for identity in identities}) == len(VERSIONS) == 2
        assert [identity["version"] for identity in identities] == list(VERSIONS)

    def test_the_strict_version_rejects_what_the_first_lets_pass(self) -> None:
        edited = TO_BLUE.copy()
        patch = (slice(60, 108), slice(640, 690))
        edited[patch] = scenes.recoloured(SOURCE, patch, (150, 175, 190))[patch]
        assert verify(RECOLOUR, edited).reason is None
        assert verify(RECOLOUR, edited, "evidence-1-strict").reason is Reason.COLLATERAL

    def test_an_unknown_version_is_refused(self) -> None:
        with pytest.raises(KeyError):
            EvidenceVerifier("evidence-0")
