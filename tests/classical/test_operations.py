"""Every operation does what it says to pictures of known content, and nothing else."""

import cv2
import numpy as np
import pytest

from classical.pictures import (
    HEIGHT,
    SCENES,
    WIDTH,
    gray_gradient,
    landscape,
    photographs,
    sea,
    still_life,
)
from unicedit_assets.classical import colours
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.operations import OPERATIONS, is_geometric, perform
from unicedit_assets.classical.operations.tone import TONES
from unicedit_assets.classical.proposals import PROPOSERS
from unicedit_assets.classical.scene import Scene
from unicedit_assets.domain import language
from unicedit_assets.domain.language import COMPOUND, Intent
from unicedit_assets.domain.roles import EditorError, Pixels

BOAT = {"colour": "black", "kind": "object", "place": "left"}
BOWL = {"colour": "blue", "kind": "area", "place": "center"}


def done(image: Pixels, operation: str, **slots: str) -> Pixels:
    return perform(Scene(image), Intent(operation, slots), 7)


def change(one: Pixels, other: Pixels) -> np.ndarray:
    return colours.distance(colours.to_lab(one), colours.to_lab(other))


def mean_name(image: Pixels, where: np.ndarray) -> str:
    return colours.name_of(colours.to_lab(image)[where].reshape(-1, 3).mean(0))


@pytest.fixture(scope="module")
def bowl() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.hypot(x - 312, y - 208)


def test_every_operation_of_the_language_is_there() -> None:
    assert set(OPERATIONS) == set(language.operations())


@pytest.mark.parametrize("name", [*SCENES, "photographs"])
def test_whatever_is_proposed_keeps_size_and_repeats(name: str) -> None:
    for image in photographs() if name == "photographs" else [SCENES[name]()]:
        for intent in some_of_each(image):
            first = perform(Scene(image), intent, 3)
            assert first.shape == image.shape
            assert first.dtype == np.uint8
            assert not np.shares_memory(first, image)
            assert (change(first, image) > 5).mean() > 0.0005, intent
            np.testing.assert_array_equal(first, perform(Scene(image), intent, 3))


def some_of_each(image: Pixels) -> list[Intent]:
    instructor = ClassicalInstructor(choices=2)
    small = instructor.look(image)
    draw = np.random.default_rng(0)
    return [
        intent
        for propose in PROPOSERS.values()
        for intent in instructor.tried(small, list(propose(small)), draw)
    ]


@pytest.mark.parametrize("picture", [landscape, sea])
def test_results_do_not_depend_on_the_number_of_threads(picture) -> None:
    image = picture()
    intents = some_of_each(image)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = [perform(Scene(image), intent, 5) for intent in intents]
        cv2.setNumThreads(4)
        for intent, expected in zip(intents, alone, strict=True):
            np.testing.assert_array_equal(perform(Scene(image), intent, 5), expected)
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize("tone", [*TONES])
def test_tones_go_the_way_they_are_called(tone: str) -> None:
    image = landscape()
    before, after = (colours.to_lab(i) for i in (image, done(image, "tone", tone=tone)))
    light = after[..., 0].mean() - before[..., 0].mean()
    chroma = [np.hypot(lab[..., 1], lab[..., 2]).mean() for lab in (before, after)]
    spread = [lab[..., 0].std() for lab in (before, after)]
    yellow = after[..., 2].mean() - before[..., 2].mean()
    expected = {
        "black_and_white": chroma[1] < 1,
        "sepia": chroma[1] > 4 and yellow > 4,
        "warm": yellow > 10,
        "cool": yellow < -8,
        "bright": light > 10,
        "dark": light < -15,
        "high_contrast": spread[1] > 1.2 * spread[0],
        "faded": spread[1] < 0.7 * spread[0] and chroma[1] < chroma[0],
        "vivid": chroma[1] > 1.3 * chroma[0],
    }
    assert expected[tone]


@pytest.mark.parametrize("style", [*language.lexicon("style")])
def test_styles_redraw_the_whole_picture(style: str) -> None:
    image = landscape()
    drawn = done(image, "style", style=style)
    assert change(image, drawn).mean() > 5
    assert drawn.std() > 10


def test_pixel_art_has_large_even_cells_of_few_colours() -> None:
    drawn = done(landscape(), "style", style="pixel_art")
    assert (np.diff(drawn.astype(int), axis=1).any(-1)).mean() < 0.2
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) < 300


def test_zoom_enlarges_the_named_part() -> None:
    image = still_life()
    zoomed = done(image, "zoom", factor="2", place="center")
    near = cv2.resize(image[104:312, 156:468], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    assert np.abs(zoomed.astype(int) - near).mean() < 3
    assert mean_name(zoomed, np.s_[200:216, 140:150]) == "blue"


@pytest.mark.parametrize("factor", ["1", "9"])
def test_zooms_out_of_range_are_refused(factor: str) -> None:
    with pytest.raises(EditorError, match="outside"):
        done(still_life(), "zoom", factor=factor, place="center")


@pytest.mark.parametrize("side", [*language.lexicon("side")])
def test_perspective_enlarges_the_near_side(side: str, bowl: np.ndarray) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    image[bowl < 40] = 0
    for dx, dy in ((-200, 0), (200, 0), (0, -140), (0, 140)):
        cv2.circle(image, (312 + dx, 208 + dy), 20, (0, 0, 0), -1)
    dark = done(image, "perspective", side=side)[..., 0] < 128
    halves = {
        "left": (dark[:, :200], dark[:, -200:]),
        "right": (dark[:, -200:], dark[:, :200]),
        "above": (dark[:130], dark[-130:]),
        "below": (dark[-130:], dark[:130]),
    }
    near, far = halves[side]
    assert near.sum() > 1.2 * far.sum()


@pytest.mark.parametrize("turn", ["clockwise", "counterclockwise"])
@pytest.mark.parametrize("degrees", ["6", "15"])
def test_roll_turns_that_way_and_leaves_no_empty_corner(turn: str, degrees: str) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    image[200:216] = 30
    turned = done(image, "roll", turn=turn, degrees=degrees)
    rows = [float(np.flatnonzero(turned[:, x, 0] < 100).mean()) for x in (200, 424)]
    slope = np.degrees(np.arctan2(rows[1] - rows[0], 224))
    assert slope == pytest.approx(float(degrees) * (1 if turn == "clockwise" else -1), abs=0.5)
    assert turned[[0, 0, -1, -1], [0, -1, 0, -1]].min() > 150


def test_mirror_swaps_left_and_right() -> None:
    image = sea()
    np.testing.assert_array_equal(done(image, "mirror")[:, ::-1], image)


@pytest.mark.parametrize("to", ["red", "orange", "yellow", "green", "cyan", "purple", "pink"])
def test_recolor_reaches_the_colour_and_nothing_else(to: str, bowl: np.ndarray) -> None:
    image = still_life()
    painted = done(image, "recolor", **BOWL, to=to)
    assert mean_name(painted, bowl < 80) == to
    np.testing.assert_array_equal(painted[bowl > 135], image[bowl > 135])


def test_recolor_keeps_the_shading(bowl: np.ndarray) -> None:
    image = still_life()
    painted = done(image, "recolor", **BOWL, to="red")
    before, after = (colours.to_lab(i)[bowl < 80][:, 0] for i in (image, painted))
    assert np.corrcoef(before, after)[0, 1] > 0.8


@pytest.mark.parametrize("pattern", [*language.lexicon("pattern")])
def test_textures_cover_the_area_alone(pattern: str, bowl: np.ndarray) -> None:
    image = still_life()
    covered = done(image, "texture", **BOWL, pattern=pattern)
    assert change(covered, image)[bowl < 80].mean() > 20
    np.testing.assert_array_equal(covered[bowl > 135], image[bowl > 135])


def test_writing_stands_at_its_place_in_its_colour() -> None:
    image = sea()
    written = done(image, "write", text="HELLO", colour="yellow", place="lower_right")
    changed = change(written, image) > 25
    rows, columns = np.nonzero(changed)
    assert 0.64 < columns.mean() / WIDTH < 1
    assert 0.64 < rows.mean() / HEIGHT < 1
    assert 20 < np.ptp(rows) < 80
    names = colours.name_indices(colours.to_lab(written))[changed]
    assert (names == colours.WORDS.index("yellow")).mean() > 0.6
    np.testing.assert_array_equal(written[:200], image[:200])


def test_texts_that_the_font_lacks_are_refused() -> None:
    with pytest.raises(EditorError, match="font"):
        done(sea(), "write", text="你好", colour="red", place="top")


@pytest.mark.parametrize("backdrop", ["white_studio", "sunset", "clear_blue", "blurred"])
def test_backgrounds_keep_the_subject(backdrop: str, bowl: np.ndarray) -> None:
    image = still_life()
    after = done(image, "background", kind="subject", backdrop=backdrop)
    np.testing.assert_array_equal(after[bowl < 70], image[bowl < 70])
    if backdrop != "blurred":
        assert change(after, image)[bowl > 120].mean() > 8


def test_a_new_sky_keeps_the_landscape() -> None:
    image = landscape()
    after = done(image, "background", kind="landscape", backdrop="sunset")
    np.testing.assert_array_equal(after[260:], image[260:])
    assert change(after, image)[:140].mean() > 20


@pytest.mark.parametrize(("ground", "level"), [("white", 255), ("black", 0)])
def test_extraction_leaves_a_plain_ground(ground: str, level: int, bowl: np.ndarray) -> None:
    image = still_life()
    after = done(image, "extract", kind="subject", ground=ground)
    assert (after[bowl > 130] == level).all()
    np.testing.assert_array_equal(after[bowl < 70], image[bowl < 70])


def test_removal_leaves_only_the_ground() -> None:
    image = sea()
    after = done(image, "remove", **BOAT)
    assert after[180:240, 90:170].min() > 110
    np.testing.assert_array_equal(after[:, 260:], image[:, 260:])


def dark_parts(image: Pixels) -> list[tuple[int, float, float]]:
    count, _, stats, middles = cv2.connectedComponentsWithStats(
        (image.max(-1) < 80).astype(np.uint8)
    )
    return [
        (int(stats[i, cv2.CC_STAT_AREA]), float(middles[i][0]), float(middles[i][1]))
        for i in range(1, count)
        if stats[i, cv2.CC_STAT_AREA] > 60
    ]


@pytest.mark.parametrize(("count", "number"), [("two", 2), ("three", 3)])
def test_duplication_makes_that_many(count: str, number: int) -> None:
    assert len(dark_parts(done(sea(), "duplicate", **BOAT, count=count))) == number


@pytest.mark.parametrize(("size", "low", "high"), [("larger", 2, 3.2), ("smaller", 0.2, 0.45)])
def test_resizing_scales_the_object_where_it_is(size: str, low: float, high: float) -> None:
    image = sea()
    (before, x, y), (after, new_x, new_y) = (
        dark_parts(i)[0] for i in (image, done(image, "resize", **BOAT, size=size))
    )
    assert low < after / before < high
    assert abs(new_x - x) < 4
    assert abs(new_y - y) < 14


def test_a_taller_landscape_takes_from_the_sky() -> None:
    image = landscape()
    land = Scene(image).landscape
    assert land is not None
    slots = {"colour": land.colour, "kind": "landscape", "place": land.place}
    grown, shrunk = (done(image, "resize", **slots, size=size) for size in ("taller", "shorter"))
    shares = [Scene(i).landscape.share for i in (grown, image, shrunk)]  # type: ignore[union-attr]
    assert shares[0] > shares[1] + 0.08
    assert shares[2] < shares[1] - 0.08


def test_only_landscapes_get_taller() -> None:
    with pytest.raises(EditorError, match="taller"):
        done(sea(), "resize", **BOAT, size="taller")


@pytest.mark.parametrize("to_place", ["right", "top", "lower_right"])
def test_moving_empties_one_place_and_fills_another(to_place: str) -> None:
    image = sea()
    after = done(image, "move", **BOAT, to_place=to_place)
    ((area, x, y),) = dark_parts(after)
    assert area == pytest.approx(dark_parts(image)[0][0], rel=0.05)
    from unicedit_assets.classical.places import Point, place_of

    assert place_of(Point(x / WIDTH, y / HEIGHT)) == to_place


@pytest.mark.parametrize("thing", ["red_balloon", "hot_air_balloon", "flock_of_birds", "full_moon"])
def test_additions_stand_at_their_place(thing: str) -> None:
    image = landscape()
    after = done(image, "add", thing=thing, place="top")
    rows, columns = np.nonzero(change(after, image) > 10)
    assert 0.25 < columns.mean() / WIDTH < 0.75
    assert rows.max() < 210
    assert len(rows) > 400


def test_no_room_is_said() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises(EditorError, match="no free room"):
        done(noise, "add", thing="red_balloon", place="center")
    with pytest.raises(EditorError, match="no free room"):
        done(noise, "populate", things="red_balloons", count="two")


@pytest.mark.parametrize(("count", "number"), [("two", 2), ("four", 4)])
def test_populating_puts_exactly_that_many(count: str, number: int) -> None:
    image = gray_gradient()
    after = done(image, "populate", things="red_balloons", count=count)
    red = (after[..., 0].astype(int) - after[..., 1] > 60).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(red)[2]
    assert (stats[1:, cv2.CC_STAT_AREA] > 300).sum() == number


@pytest.mark.parametrize("scenario", [*language.lexicon("scenario")])
def test_scenarios_change_light_or_contrast(scenario: str) -> None:
    image = landscape()
    after = done(image, "scenario", scenario=scenario)
    before, later = (colours.to_lab(i) for i in (image, after))
    expected = {
        "fog": later[..., 0].std() < 0.75 * before[..., 0].std(),
        "night": later[..., 0].mean() < 0.6 * before[..., 0].mean(),
        "snow": (after.min(-1).astype(int) - image.min(-1) > 90).mean() > 0.01,
        "aged": mean_name(after, np.s_[:, :]) in ("brown", "orange", "yellow"),
    }
    assert expected[scenario]


def test_a_compound_does_both_steps() -> None:
    image = sea()
    steps = (Intent("remove", BOAT), Intent("tone", {"tone": "sepia"}))
    after = perform(Scene(image), Intent(COMPOUND, {}, steps), 1)
    expected = done(done(image, "remove", **BOAT), "tone", tone="sepia")
    np.testing.assert_array_equal(after, expected)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(EditorError, match="cannot do"):
        perform(Scene(sea()), Intent("teleport"), 0)


def test_what_moves_the_whole_picture_is_known() -> None:
    zoom, tone = Intent("zoom", {"factor": "2", "place": "top"}), Intent("tone", {"tone": "warm"})
    assert is_geometric(zoom)
    assert not is_geometric(tone)
    assert is_geometric(Intent(COMPOUND, {}, (tone, zoom)))
