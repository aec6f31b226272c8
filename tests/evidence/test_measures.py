"""The measurements under the gates, each on pictures whose truth is known by construction."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import scenes
from unicedit_assets.domain import language
from unicedit_assets.evidence import artefacts, change, colours, lettering, registration, structure
from unicedit_assets.evidence.pair import Pair, to_lab
from unicedit_assets.evidence.settings import VERSIONS
from unicedit_assets.evidence.tone import fit_tone, grade_of

SOURCE = scenes.scene()


def plane(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


class TestRegistration:
    @settings(max_examples=25, deadline=None)
    @given(dx=st.floats(-10, 10), dy=st.floats(-10, 10), zoom=st.floats(1.0, 1.04))
    def test_a_slip_is_measured_to_half_a_pixel(self, dx: float, dy: float, zoom: float) -> None:
        after = scenes.moved(SOURCE, dx, dy, zoom)
        slip = registration.find_slip(
            registration.edges(plane(SOURCE)), registration.edges(plane(after))
        )
        assert slip.support > 0.5
        assert slip.dx == pytest.approx(dx, abs=0.6)
        assert slip.dy == pytest.approx(dy, abs=0.6)
        assert slip.zoom == pytest.approx(zoom - 1, abs=0.004)

    def test_a_colour_change_is_no_slip(self) -> None:
        after = scenes.graded(SOURCE, (1.1, 0.9, 0.6), 1.4)
        slip = registration.find_slip(
            registration.edges(plane(SOURCE)), registration.edges(plane(after))
        )
        assert slip.still > 0.95
        assert slip.reach < 0.3

    def test_unrelated_pictures_have_no_common_slip(self) -> None:
        other = np.ascontiguousarray(SOURCE[::-1, ::-1])
        slip = registration.find_slip(
            registration.edges(plane(SOURCE)), registration.edges(plane(other))
        )
        assert slip.support < 0.3

    @settings(max_examples=20, deadline=None)
    @given(
        factor=st.floats(1.1, 3.0),
        degrees=st.floats(-30, 30),
        u=st.floats(0, 1),
        v=st.floats(0, 1),
    )
    def test_a_pose_is_read_back_from_its_matrix(
        self, factor: float, degrees: float, u: float, v: float
    ) -> None:
        height, width = 400, 600
        middle = np.array([width / 2, height / 2])
        centre = middle + (np.array([u, v]) - 0.5) * np.array([width, height]) * (1 - 1 / factor)
        angle = np.radians(degrees)
        turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.eye(3)
        matrix[:2, :2] = turn
        matrix[:2, 2] = middle - turn @ centre
        pose = registration.pose_of(matrix, height, width)
        assert pose.factor == pytest.approx(factor, rel=1e-3)
        assert pose.degrees == pytest.approx(degrees, abs=0.05)
        assert pose.centre == pytest.approx((u, v), abs=1e-3)
        assert abs(pose.lean_x) + abs(pose.lean_y) < 1e-3

    def test_a_zoom_is_found_by_features(self) -> None:
        view = registration.find_view(plane(SOURCE), plane(scenes.zoomed(SOURCE, 2, 0.5, 0)))
        assert view is not None
        pose = registration.pose_of(view.matrix, scenes.HEIGHT, scenes.WIDTH)
        assert pose.factor == pytest.approx(2.0, abs=0.03)
        assert pose.centre == pytest.approx((0.5, 0.0), abs=0.03)


class TestChange:
    def test_a_patch_is_found_where_it_is(self) -> None:
        pair = Pair(SOURCE, scenes.harmed(SOURCE))
        found = change.find_changes(pair.difference, 4.0, 0.0005)
        assert len(found.regions) == 1
        assert found.regions[0].area == pytest.approx(160 * 140 / (960 * 640), rel=0.15)
        assert change.place_of(*found.regions[0].centre) == "upper_right"

    @given(x=st.floats(0, 1), y=st.floats(0, 1))
    def test_a_point_lies_in_exactly_its_own_place(self, x: float, y: float) -> None:
        own = change.place_of(x, y)
        assert own in language.lexicon("place")
        assert change.place_gap((x, y), own) < 1e-9
        others = [place for place in language.lexicon("place") if place != own]
        assert sum(change.place_gap((x, y), place) < 1e-9 for place in others) <= 3


class TestColours:
    @pytest.mark.parametrize(
        ("rgb", "name"),
        [
            ((205, 30, 35), "red"),
            ((240, 130, 20), "orange"),
            ((245, 215, 35), "yellow"),
            ((45, 150, 60), "green"),
            ((40, 195, 205), "cyan"),
            ((40, 85, 205), "blue"),
            ((130, 60, 175), "purple"),
            ((240, 130, 175), "pink"),
            ((120, 75, 40), "brown"),
            ((18, 18, 20), "black"),
            ((246, 246, 244), "white"),
            ((128, 128, 128), "gray"),
        ],
    )
    def test_plain_colours_have_their_names(self, rgb: tuple[int, int, int], name: str) -> None:
        lab = to_lab(np.array([[rgb]], np.uint8))[0, 0]
        assert colours.colour_name(lab) == name
        assert colours.colour_gap(lab, name) == 0

    def test_every_word_of_the_language_has_a_range(self) -> None:
        for name in language.lexicon("colour"):
            assert colours.colour_gap((50.0, 0.0, 0.0), name) >= 0

    def test_opposite_colours_are_far_apart(self) -> None:
        red = to_lab(np.array([[(205, 30, 35)]], np.uint8))[0, 0]
        assert min(colours.colour_gap(red, name) for name in ("green", "blue", "cyan")) > 40


class TestTone:
    def test_one_map_explains_a_grade_but_not_a_patch(self) -> None:
        graded = scenes.graded(SOURCE, (1.1, 0.95, 0.7), 0.8)
        clean = fit_tone(SOURCE[::2, ::2], graded[::2, ::2])
        harmed = fit_tone(SOURCE[::2, ::2], scenes.harmed(graded)[::2, ::2])
        rows, columns = scenes.STRAY
        patch = (
            slice(rows.start // 2, rows.stop // 2),
            slice(columns.start // 2, columns.stop // 2),
        )
        assert clean.error < 1.0
        assert np.percentile(clean.residual, 99) < 4.0
        assert harmed.residual[patch].mean() > 15.0
        assert np.median(harmed.residual) < 1.5

    def test_a_grade_is_measured_in_the_right_direction(self) -> None:
        lab = to_lab(SOURCE)
        everywhere = np.ones(lab.shape[:2], bool)
        warm = grade_of(lab, to_lab(scenes.graded(SOURCE, (1.1, 1.0, 0.7))), everywhere)
        dark = grade_of(lab, to_lab(scenes.graded(SOURCE, (0.6, 0.6, 0.6))), everywhere)
        mono = grade_of(lab, to_lab(scenes.gray(SOURCE)), everywhere)
        assert warm.warmth > 5
        assert dark.light < -10
        assert mono.spread < 0.5 < warm.spread


class TestArtefacts:
    def test_a_soft_source_is_not_called_blurred(self) -> None:
        soft = plane(scenes.blurred(SOURCE, 4))
        same = artefacts.measure_detail(soft, soft * 0.8 + 10)
        assert same.kept == pytest.approx(1.0, abs=0.1)
        assert same.widening == pytest.approx(1.0, abs=0.1)

    def test_a_grainy_source_is_not_called_noisy(self) -> None:
        grainy = plane(scenes.noisy(SOURCE, 25))
        assert abs(artefacts.measure_detail(grainy, grainy).grain) < 0.1

    def test_each_kind_of_damage_moves_its_own_figure(self) -> None:
        clean = plane(SOURCE)
        figures = {
            name: artefacts.measure_detail(clean, plane(image))
            for name, image in {
                "none": SOURCE,
                "blur": scenes.blurred(SOURCE, 5),
                "noise": scenes.noisy(SOURCE, 35),
                "jpeg": scenes.jpeg(SOURCE, 4),
                "mosaic": scenes.mosaic(SOURCE, 12),
            }.items()
        }
        assert max(figures, key=lambda name: figures[name].widening) == "blur"
        assert max(figures, key=lambda name: figures[name].grain) == "noise"
        assert max(figures, key=lambda name: figures[name].cells) == "mosaic"
        assert figures["jpeg"].blocks > 0.6 > figures["none"].blocks

    def test_a_black_box_is_found_and_a_dark_source_is_not_one(self) -> None:
        clean = plane(SOURCE)
        assert artefacts.black_box(clean, plane(scenes.blacked(SOURCE))) > 0.15
        assert artefacts.black_box(np.zeros_like(clean), np.zeros_like(clean)) == 0.0


class TestLettering:
    @pytest.mark.parametrize("text", ["HELLO", "Day 42", "Good Morning"])
    def test_a_text_reads_as_itself_and_as_no_other(self, text: str) -> None:
        paper = np.zeros((scenes.HEIGHT, scenes.WIDTH, 3), np.uint8)
        ink = scenes.lettered(paper, text, (480, 300), (255, 255, 255))[..., 0] > 128
        others = {"SUMMER", "HELLO", "Day 42", "Good Morning", "OPEN DAY", "NORTH"} - {text}
        assert lettering.spelling(ink, text) > 0.75
        assert max(lettering.spelling(ink, other) for other in others) < 0.6

    def test_an_empty_mask_spells_nothing(self) -> None:
        assert lettering.spelling(np.zeros((20, 60), bool), "HELLO") == 0.0


class TestStructure:
    @pytest.mark.parametrize("name", ["stripes", "checkerboard", "bricks", "polka_dots"])
    def test_patterns_are_told_apart(self, name: str) -> None:
        y, x = np.mgrid[0:240, 0:240]
        shift = (y // 24 % 2) * 30
        drawn = {
            "stripes": (x + y) // 14 % 2,
            "checkerboard": (x // 24 + y // 24) % 2,
            "bricks": ((y % 24 > 3) & ((x + shift) % 60 > 3)).astype(int),
            "polka_dots": np.hypot(x % 40 - 20, y % 40 - 20) < 11,
        }[name]
        delta = np.asarray(drawn, np.float32) * 60
        assert structure.pattern_of(delta, np.ones((240, 240), bool)).name == name

    def test_a_copy_is_traced_to_where_it_came_from(self) -> None:
        lab = to_lab(SOURCE)[::4, ::4]
        copied = to_lab(scenes.copied(SOURCE, 210))[::4, ::4]
        mask = np.zeros(lab.shape[:2], bool)
        mask[112:138, 86:124] = True
        found = structure.find_copy(np.ascontiguousarray(lab), np.ascontiguousarray(copied), mask)
        assert found is not None
        assert found.start == pytest.approx((0.22, 0.78), abs=0.02)
        assert found.error < 3.0


def test_every_threshold_enters_the_hash() -> None:
    first, strict = VERSIONS.values()
    assert first.digest != strict.digest
