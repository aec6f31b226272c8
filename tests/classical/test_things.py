"""What counts as a thing or an area that a person would name, and what does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from classical.pictures import HEIGHT, WIDTH, sea
from unicedit_assets.classical import colours, fill, masks
from unicedit_assets.classical.operations.recolor import recolor
from unicedit_assets.classical.outline import shared_colours, skin_share, steps_across
from unicedit_assets.classical.proposals import moves
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain.roles import Pixels


def ground(seed: int = 1) -> np.ndarray:
    rough = np.random.default_rng(seed).normal(0, 2, (HEIGHT, WIDTH, 1))
    return np.array([150, 152, 158], np.float32) + rough


def disc(radius: int, colour: tuple[int, int, int], blur: float = 0.0) -> Pixels:
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(cover, (130, 210), radius, 1.0, -1, cv2.LINE_AA)
    if blur:
        cover = cv2.GaussianBlur(cover, (0, 0), blur)
    share = cover[..., None]
    mixed = ground() * (1 - share) + np.array(colour, np.float32) * share
    return np.clip(mixed, 0, 255).astype(np.uint8)


def test_a_sharp_disc_on_a_calm_ground_is_an_object() -> None:
    found = Scene(disc(24, (190, 30, 30))).objects
    assert [(o.colour, o.place) for o in found] == [("red", "left")]


def test_a_patch_of_light_that_fades_out_is_none() -> None:
    assert Scene(disc(24, (250, 240, 200), blur=14)).objects == ()


def test_clutter_shares_its_colours_with_a_part_of_it_and_a_thing_does_not() -> None:
    draw = np.random.default_rng(4)
    lab = colours.to_lab(
        draw.choice(np.array([40, 200], np.uint8), (90, 90))[..., None].repeat(3, 2)
    )
    mask = np.zeros((90, 90), bool)
    mask[30:60, 30:60] = True
    assert shared_colours(lab, mask, ~mask) > 0.9
    lab[mask] = colours.prototype_lab("red")
    assert shared_colours(lab, mask, ~mask) == 0


def test_skin_is_none() -> None:
    assert Scene(disc(24, (205, 150, 120))).objects == ()
    lab = colours.to_lab(np.full((9, 9, 3), (205, 150, 120), np.uint8))
    assert skin_share(lab, np.ones((9, 9), bool)) == 1.0
    assert skin_share(lab, np.zeros((9, 9), bool)) == 0.0


def test_a_part_cut_out_of_a_gradient_has_no_steps_and_a_thing_has() -> None:
    ramp = np.broadcast_to(np.linspace(20, 90, 200, dtype=np.float32), (100, 200))
    lab = np.stack([ramp, ramp * 0, ramp * 0], -1)
    mask = np.zeros((100, 200), bool)
    mask[20:80, 50:150] = True
    assert steps_across(lab, mask, 3).max() < 6
    lab[mask] += 30
    assert (steps_across(lab, mask, 3) > 20).mean() > 0.95
    assert shared_colours(lab, mask, mask) == pytest.approx(1)


def test_a_pale_area_keeps_its_folds_under_new_paint() -> None:
    columns = np.arange(WIDTH)
    folds = 232 + 12 * np.sin(columns / 9)
    picture = np.full((HEIGHT, WIDTH, 3), 70, np.uint8)
    picture[120:300, 200:430] = folds[None, 200:430, None]
    scene = Scene(picture)
    area = next(a for a in scene.areas if a.colour == "white")
    named = {"colour": "white", "kind": "area", "place": area.place, "to": "red"}
    edited = recolor(scene, named, 0)
    inside = (slice(140, 280), slice(220, 410))
    before, after = picture[inside].mean(-1).mean(0), edited[inside][..., 0].mean(0)
    assert np.corrcoef(before, after)[0, 1] > 0.95
    assert np.ptp(after) / after.mean() > 0.9 * np.ptp(before) / before.mean()


def test_a_large_thing_on_an_even_ground_leaves_only_the_ground() -> None:
    picture = disc(1, (150, 152, 158))
    cv2.circle(picture, (312, 208), 120, (30, 110, 40), -1, cv2.LINE_AA)
    scene = Scene(picture)
    mask = masks.grown(colours.distance(scene.lab, scene.lab[3, 3]) > 20, 1)
    plain = fill.plate(scene, mask)
    middle = plain[100:320, 200:420].reshape(-1, 3)
    assert np.abs(middle.mean(0) - np.array([150, 152, 158])).max() < 4
    assert middle.std(0).max() < 6


def test_things_move_along_their_own_height() -> None:
    asked = [intent.slots["to_place"] for intent in moves(Scene(sea())) if intent.slots]
    assert asked
    assert set(asked) <= {"center", "right"}
