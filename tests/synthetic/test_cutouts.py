"""Cut-outs: which files are used, that their colours are true, and what is never shown on them."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.cutout_files import write_cutouts
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.synthetic import words
from unicedit_assets.synthetic.casting import with_cutouts
from unicedit_assets.synthetic.catalogue import EDITS
from unicedit_assets.synthetic.compose import Draw
from unicedit_assets.synthetic.cutouts import Cutout, CutoutError, Cutouts, load_cutouts
from unicedit_assets.synthetic.generator import PairSpec, make_pair
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.synthetic.render import render
from unicedit_assets.synthetic.scene import Item, Scene
from unicedit_assets.synthetic.sprites import paint

STAMPS = Path("/usr/share/tuxpaint/stamps")


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory: pytest.TempPathFactory) -> Cutouts:
    return load_cutouts(write_cutouts(tmp_path_factory.mktemp("things") / "cut"))


def every(cutouts: Cutouts) -> list[Cutout]:
    return [one for some in cutouts.of_class.values() for one in some]


def nearest_colour(rgb: np.ndarray) -> str:
    """Return the colour of the vocabulary that is nearest, as CIELAB measures."""
    known = np.array([value for value, _ in words.COLOURS.values()], np.float32)
    lab = [
        cv2.cvtColor(np.asarray(each, np.float32).reshape(1, -1, 3) / 255, cv2.COLOR_RGB2LAB)[0]
        for each in (rgb, known)
    ]
    return list(words.COLOURS)[int(np.linalg.norm(lab[1] - lab[0], axis=1).argmin())]


def assert_colours_are_true(cutouts: Cutouts) -> None:
    for one in every(cutouts):
        main = (one.body > 127) & (one.pixels[..., 3] > 127)
        for colour in words.COLOURS:
            painted = one.painted(colour)
            assert painted.min() >= 0 and painted.max() <= 255.5
            assert nearest_colour(np.median(painted[main], axis=0)) == colour, (one.name, colour)


def test_files_with_a_class_and_a_mask_are_used_and_no_other(cutouts: Cutouts) -> None:
    found = {one.name: (one.kind, one.colour) for one in every(cutouts)}
    assert found == {"ball-2": ("ball", "red"), "cat/tom": ("cat", "orange")}


def png_that_claims(side: int) -> bytes:
    """Return the beginning of a PNG of so many pixels a side, RGBA."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = (
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def save_line(path: Path, side: int, *ends: tuple[int, int], thick: int = 1) -> None:
    rgba = np.zeros((side, side, 4), np.uint8)
    cv2.line(rgba, *ends, (200, 30, 30, 255), thick)
    Image.fromarray(rgba).save(path)


def test_what_is_too_thin_or_claims_too_much_is_not_used(tmp_path: Path) -> None:
    folder = write_cutouts(tmp_path / "cut")
    save_line(folder / "chair-2.png", 2000, (0, 0), (1999, 1999))
    save_line(folder / "boat.png", 2000, (0, 1000), (1999, 1000), thick=9)
    (folder / "lamp.png").write_bytes(png_that_claims(30_000))
    assert set(load_cutouts(folder).of_class) == {"ball", "cat"}


def test_an_ending_may_be_in_any_case(tmp_path: Path) -> None:
    folder = write_cutouts(tmp_path / "cut")
    (folder / "ball-2.png").rename(folder / "Ball-2.PNG")
    assert [one.name for one in load_cutouts(folder).of_class["ball"]] == ["Ball-2"]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_cutouts_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CutoutError, match=name):
        load_cutouts(tmp_path / name)


def test_a_cutout_has_the_colour_that_it_is_called_by(cutouts: Cutouts) -> None:
    assert_colours_are_true(cutouts)
    (cat,) = cutouts.of_class["cat"]
    np.testing.assert_array_equal(cat.painted("orange"), cat.pixels[..., :3])
    wheels = (cat.body < 10) & (cat.pixels[..., 3] > 250)
    assert wheels.any() and np.abs(cat.painted("blue") - cat.painted("pink"))[wheels].max() < 12


def test_a_cutout_stays_in_the_drawn_shapes_box_and_stretches(cutouts: Cutouts) -> None:
    (cat,) = cutouts.of_class["cat"]
    item = Item("cat", "red", 0.5, 0.9, 0.4)
    drawn, cut = paint(item, 120, -0.6), paint(item, 120, -0.6, cat)
    assert all(a <= b for a, b in zip(cut.alpha.shape, drawn.alpha.shape, strict=True))
    assert cut.alpha.shape[1] / cut.alpha.shape[0] == pytest.approx(cat.aspect, rel=0.03)
    wide = paint(Item("cat", "red", 0.5, 0.9, 0.4, stretch=1.5), 120, -0.6, cat)
    assert wide.alpha.shape == (cut.alpha.shape[0], round(1.5 * cut.alpha.shape[1]))
    assert (cut.colour <= 255 * cut.alpha[..., None] + 1e-3).all()


def test_a_cutout_stands_where_its_item_stands(cutouts: Cutouts) -> None:
    empty = Scene((), "studio", 1)
    there = Scene((Item("cat", "blue", 0.5, 0.9, 0.4),), "studio", 1, cutouts=tuple(every(cutouts)))
    apart = np.abs(render(empty, (200, 200)).astype(int) - render(there, (200, 200))).max(axis=2)
    rows, columns = np.nonzero(apart > 60)
    assert abs(columns.mean() - 100) < 12 and 165 < rows.max() <= 182
    assert there.digest != Scene(there.items, "studio", 1).digest


def test_what_a_cutout_cannot_show_is_drawn(cutouts: Cutouts) -> None:
    cast: Counter[str] = Counter()
    for seed in range(40):
        for subtask in SUBTASKS:
            rng = np.random.default_rng(seed)
            edit = EDITS[subtask](Draw(rng, False, False, 1.0, False))
            shown = with_cutouts(edit, cutouts, rng)
            assert shown.before.cutouts == shown.after.cutouts
            assert shown.before.items == edit.before.items and shown.slots == edit.slots
            for item in (*shown.before.items, *shown.after.items):
                if shown.after.cutout(item):
                    cast[item.name] += 1
                    assert not (item.material or item.texture or item.lit or item.text)
                    assert not (item.turn and item.name == "ball")
    assert set(cast) == {"cat", "ball"}


def test_a_collateral_change_of_colour_grows_on_a_cutout(cutouts: Cutouts) -> None:
    (ball,) = cutouts.of_class["ball"]
    shades = [
        paint(Item("ball", "red", 0.5, 0.9, 0.4, blend=("blue", share)), 90, 0.3, ball).colour
        for share in (0.0, 0.3, 1.0)
    ]
    away = [float(np.abs(each - shades[0]).mean()) for each in shades]
    assert away[0] == 0 < away[1] < away[2]


def test_pairs_with_cutouts_are_repeated_and_named(cutouts: Cutouts) -> None:
    named = Counter[str]()
    for seed in range(44):
        spec = PairSpec(size=(96, 96), cutouts=cutouts)
        pair, again = make_pair(seed, spec), make_pair(seed, spec)
        drawn = make_pair(seed, PairSpec(size=(96, 96)))
        np.testing.assert_array_equal(pair.edited, again.edited)
        assert pair.key == again.key
        named.update(pair.cutouts)
        if pair.cutouts:
            assert (pair.key, pair.scene_id) != (drawn.key, drawn.scene_id)
    assert set(named) == {"cat/tom", "ball-2"}
    plain = PairSpec("Subject Removal", Kind.NORMAL, size=(96, 96), style="plain", cutouts=cutouts)
    assert not any(make_pair(seed, plain).cutouts for seed in range(8))


@pytest.mark.skipif(not STAMPS.is_dir(), reason="Debian's tuxpaint-stamps-default is not installed")
def test_the_stamps_of_debian_are_what_they_are_taken_for() -> None:
    stamps = load_cutouts(STAMPS)
    counts = {kind: len(some) for kind, some in stamps.of_class.items()}
    assert counts == {
        **{"ball": 3, "car": 3, "cup": 1, "dog": 2, "flower": 13, "mushroom": 2, "tree": 3}
    }
    assert_colours_are_true(stamps)
    assert not any(one.upright for one in every(stamps) if one.kind in ("ball", "flower"))
    assert {one.name for one in every(stamps) if one.colour == "red"} <= {
        "vehicles/auto/sportscar2",
        "plants/flowers/anemone_red",
    }


def test_a_folder_that_changed_is_read_again(tmp_path: Path) -> None:
    folder = write_cutouts(tmp_path / "cut")
    first = load_cutouts(folder)
    assert load_cutouts(folder) is first
    (folder / "cat" / "tom.png").unlink()
    assert set(load_cutouts(folder).of_class) == {"ball"}
    assert load_cutouts(folder).fingerprint != first.fingerprint
