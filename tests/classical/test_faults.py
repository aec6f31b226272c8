"""Each planted fault is there, is of its kind, and can be seen; right edits stay right."""

from collections import Counter

import cv2
import numpy as np
import pytest

from classical.pictures import gray_gradient, landscape, sea, still_life
from unicedit_assets.classical import colours, damage
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.faults import MIX, FaultyEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.misreading import clearly_other
from unicedit_assets.domain.language import Intent, parse, phrase
from unicedit_assets.domain.roles import Edited, EditorError, Pixels

RECOLOR = "Make the blue area in the center red."
ZOOM = "Zoom in 2x on the part in the center."


def faulty(kind: str | None = None, rate: float = 1.0) -> FaultyEditor:
    mix = MIX if kind is None else {kind: 1.0}
    return FaultyEditor(ClassicalEditor(), ClassicalInstructor(), rate, mix)


def planted(kind: str, prompt: str, seed: int, image: Pixels | None = None) -> Edited:
    edited = faulty(kind).edit(still_life() if image is None else image, prompt, seed)
    assert edited.truth is not None
    return edited


def right(prompt: str, seed: int, image: Pixels | None = None) -> Pixels:
    return ClassicalEditor().edit(still_life() if image is None else image, prompt, seed).pixels


def share(one: Pixels, other: Pixels, level: float = 12) -> float:
    apart = colours.distance(colours.to_lab(one), colours.to_lab(other))
    return float((apart > level).mean())


@pytest.mark.parametrize("seed", range(6))
def test_no_edit_shows_the_source(seed: int) -> None:
    edited = planted("no_edit", RECOLOR, seed)
    assert edited.truth.fault == "no_edit"
    assert edited.truth.operation == "none"
    assert np.abs(edited.pixels.astype(int) - still_life()).mean() < 2.5
    assert share(edited.pixels, still_life()) < 0.001


@pytest.mark.parametrize("prompt", [RECOLOR, ZOOM, "Give the whole photo a dark and moody tone."])
@pytest.mark.parametrize("seed", range(3))
def test_misaligned_is_neither_the_source_nor_what_was_asked(prompt: str, seed: int) -> None:
    edited = planted("misaligned", prompt, seed)
    assert edited.truth.fault == "misaligned"
    assert share(edited.pixels, still_life()) > 0.002
    assert share(edited.pixels, right(prompt, seed)) > 0.002


def test_a_misread_compound_does_one_step_alone() -> None:
    prompt = "Give the whole photo a sepia tone, then zoom in 2x on the part in the center."
    edited = planted("misaligned", prompt, 1)
    assert edited.truth.operation in ("tone", "zoom")


@pytest.mark.parametrize("seed", range(8))
def test_degraded_loses_or_gains_detail_or_goes_black(seed: int) -> None:
    edited = planted("degraded", RECOLOR, seed, landscape_with_bowl())
    assert edited.truth.fault == "degraded"
    done = right(RECOLOR, seed, landscape_with_bowl())
    assert damage.visibly_degraded(done, edited.pixels)
    assert cv2.absdiff(done, edited.pixels).mean() > 2.5


def landscape_with_bowl() -> Pixels:
    image = still_life()
    image[300:] = landscape()[300:]
    return image


@pytest.mark.parametrize("how", sorted(damage.DEGRADATIONS))
def test_each_degradation_is_visible_on_a_textured_picture(how: str) -> None:
    image = landscape()
    harmed = damage.DEGRADATIONS[how](image, np.random.default_rng(3))
    assert harmed.shape == image.shape
    assert damage.visibly_degraded(image, harmed)


def test_an_invisible_degradation_is_told_apart() -> None:
    image = gray_gradient()
    blurred = damage.DEGRADATIONS["blur"](image, np.random.default_rng(0))
    assert not damage.visibly_degraded(image, blurred)


@pytest.mark.parametrize("seed", range(8))
def test_shifted_registers_back_to_the_right_edit(seed: int) -> None:
    prompt = "Give the whole photo a sepia tone."
    edited = planted("shifted", prompt, seed, landscape())
    assert edited.truth.fault == "shifted"
    done = right(prompt, seed, landscape())
    detail = edited.truth.detail
    if detail["how"] == "move":
        dx, dy = int(detail["dx"]), int(detail["dy"])
        assert 2.5 <= np.hypot(dx, dy) <= 12.5
        back = np.roll(edited.pixels, (-dy, -dx), (0, 1))
    else:
        assert 1.015 <= detail["scale"] <= 1.04
        height, width = done.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 / detail["scale"])
        back = cv2.warpAffine(edited.pixels, turn, (width, height))
    inner = np.s_[20:-20, 20:-20]
    before = np.abs(edited.pixels[inner].astype(int) - done[inner]).mean()
    after = np.abs(back[inner].astype(int) - done[inner]).mean()
    assert after < 0.75 * before


@pytest.mark.parametrize(
    "prompt", [ZOOM, "Swap left and right in the whole picture, as in a mirror."]
)
def test_no_shift_is_planted_on_geometric_edits(prompt: str) -> None:
    edited = planted("shifted", prompt, 0)
    assert edited.truth.fault == "none"
    np.testing.assert_array_equal(edited.pixels, right(prompt, 0))


def test_an_impossible_kind_gives_way_to_another() -> None:
    editor = FaultyEditor(
        ClassicalEditor(), ClassicalInstructor(), 1.0, {"shifted": 1e9, "no_edit": 1.0}
    )
    assert editor.edit(still_life(), ZOOM, 0).truth.fault == "no_edit"


@pytest.mark.parametrize("seed", range(6))
def test_collateral_is_the_right_edit_and_a_visible_change_elsewhere(seed: int) -> None:
    edited = planted("collateral", RECOLOR, seed)
    assert edited.truth.fault == "collateral"
    done = right(RECOLOR, seed)
    y, x = np.mgrid[0 : done.shape[0], 0 : done.shape[1]]
    target = np.hypot(x - 312, y - 208) < 92
    np.testing.assert_array_equal(edited.pixels[target], done[target])
    assert share(edited.pixels, done, 15) >= damage.LEAST_COLLATERAL * 0.8


def test_right_edits_come_through_untouched() -> None:
    edited = faulty(rate=0.0).edit(still_life(), RECOLOR, 3)
    assert edited.truth.fault == "none"
    assert edited.truth.operation == "recolor"
    np.testing.assert_array_equal(edited.pixels, right(RECOLOR, 3))


def test_rate_and_mix_are_kept() -> None:
    editor = faulty(rate=0.5)
    image = cv2.resize(sea(), (208, 144), interpolation=cv2.INTER_AREA)
    prompt = 'Write "HELLO" at the bottom in yellow.'
    kinds = Counter(editor.edit(image, prompt, seed).truth.fault for seed in range(60))
    assert 18 <= 60 - kinds["none"] <= 42
    assert len(kinds) >= 5


def test_both_languages_of_an_instruction_get_the_same_fault() -> None:
    intent = parse(RECOLOR)
    assert intent is not None
    wording = phrase(intent)
    for seed in range(8):
        faults = {
            faulty(rate=0.6).edit(still_life(), t, seed).truth.fault
            for t in (wording.en, wording.cn)
        }
        assert len(faults) == 1


def test_the_seed_decides_and_repeats() -> None:
    editor = faulty()
    first, again = (editor.edit(sea(), ZOOM, 4) for _ in range(2))
    assert first.truth == again.truth
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert len({editor.edit(sea(), ZOOM, seed).truth.fault for seed in range(12)}) >= 3


@pytest.mark.parametrize(
    ("rate", "mix"),
    [
        (1.5, MIX),
        (-0.1, MIX),
        (0.2, {"gremlins": 1}),
        (0.2, {"no_edit": 0}),
        (0.2, {"no_edit": -1}),
    ],
)
def test_impossible_settings_are_refused(rate: float, mix: dict) -> None:
    with pytest.raises(ValueError, match="fault"):
        FaultyEditor(ClassicalEditor(), ClassicalInstructor(), rate, mix)


def test_settings_are_part_of_the_identity() -> None:
    assert faulty(rate=0.1).identity != faulty(rate=0.2).identity
    assert faulty("shifted").identity != faulty("no_edit").identity


@pytest.mark.parametrize(
    ("asked", "done", "clear"),
    [
        (("tone", {"tone": "dark"}), ("scenario", {"scenario": "night"}), False),
        (("tone", {"tone": "sepia"}), ("scenario", {"scenario": "aged"}), False),
        (("tone", {"tone": "warm"}), ("tone", {"tone": "cool"}), True),
        (("tone", {"tone": "warm"}), ("tone", {"tone": "warm"}), False),
        (
            ("zoom", {"factor": "2", "place": "top"}),
            ("zoom", {"factor": "2.5", "place": "top"}),
            False,
        ),
        (
            ("zoom", {"factor": "2", "place": "top"}),
            ("zoom", {"factor": "2", "place": "bottom"}),
            True,
        ),
        (
            ("roll", {"degrees": "6", "turn": "clockwise"}),
            ("roll", {"degrees": "10", "turn": "clockwise"}),
            False,
        ),
        (("mirror", {}), ("style", {"style": "cartoon"}), True),
    ],
)
def test_only_clear_misreadings_count(asked, done, clear: bool) -> None:
    assert clearly_other(Intent(*asked), Intent(*done)) is clear


@pytest.mark.parametrize("editor", [ClassicalEditor(), faulty(rate=0.5)])
def test_texts_outside_the_language_are_refused(editor) -> None:
    with pytest.raises(EditorError, match="cannot read"):
        editor.edit(sea(), "Please improve this.", 0)
    with pytest.raises(EditorError, match="no green object top"):
        editor.edit(sea(), "Remove the green object at the top.", 0)
