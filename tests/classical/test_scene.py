"""What the scene analysis finds in pictures of known content."""

import numpy as np
import pytest

from classical.pictures import HEIGHT, WIDTH, gray_gradient, landscape, sea, still_life
from unicedit_assets.classical import colours, places
from unicedit_assets.classical.colours import PROTOTYPES, WORDS
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.classical.instructor import ClassicalInstructor
from unicedit_assets.classical.places import PLACES, Point
from unicedit_assets.classical.scene import Scene
from unicedit_assets.classical.subject import Found
from unicedit_assets.domain import language
from unicedit_assets.domain.roles import EditorError, Pixels


class FixedFinder:
    """A subject finder that always answers the same disc, as a mask model might."""

    def __init__(self, kind: str = "subject") -> None:
        self.kind = kind

    @property
    def identity(self) -> dict[str, str]:
        return {"name": "fixed", "kind": self.kind}

    def find(self, image: Pixels, lab: np.ndarray) -> Found:
        rows, columns = np.mgrid[0 : lab.shape[0], 0 : lab.shape[1]]
        return Found(self.kind, np.hypot(rows - 100, columns - 100) < 40)


def test_words_and_places_are_those_of_the_language() -> None:
    assert set(WORDS) == set(language.lexicon("colour"))
    assert set(PLACES) == set(language.lexicon("place"))


@pytest.mark.parametrize("word", WORDS)
def test_prototypes_carry_their_own_name(word: str) -> None:
    assert colours.name_of(colours.prototype_lab(word)) == word


def test_lab_goes_there_and_back() -> None:
    rgb = np.array([[PROTOTYPES[word] for word in WORDS]], np.uint8)
    back = colours.from_lab(colours.to_lab(rgb))
    assert np.abs(back.astype(int) - rgb).max() <= 1


@pytest.mark.parametrize("place", PLACES)
def test_places_go_there_and_back(place: str) -> None:
    assert places.place_of(places.point_of(place)) == place
    assert places.distance(place, place) == 0


def test_place_distances_and_borders() -> None:
    assert places.distance("upper_left", "lower_right") == 2
    assert places.distance("left", "center") == 1
    assert places.certainty(Point(0.36, 0.9)) == 0
    assert places.certainty(Point(0.5, 0.5)) == pytest.approx(0.14)


def test_the_sky_ends_at_the_hills() -> None:
    scene = Scene(landscape())
    assert scene.sky is not None
    assert scene.landscape is not None
    assert scene.sky.colour == "blue"
    line = scene.sky.mask.sum(0) * HEIGHT / scene.sky.mask.shape[0]
    x = np.linspace(0, WIDTH, len(line))
    truth = 190 + 22 * np.sin(x / 90) + 12 * np.sin(x / 37)
    assert np.median(np.abs(line - truth)) < 6


@pytest.mark.parametrize("picture", [still_life, gray_gradient])
def test_no_sky_where_there_is_none(picture) -> None:
    assert Scene(picture()).sky is None


def test_the_subject_is_the_bowl() -> None:
    subject = Scene(still_life()).subject
    assert subject is not None
    assert (subject.colour, subject.place) == ("blue", "center")
    assert subject.share == pytest.approx(np.pi * 92**2 / (WIDTH * HEIGHT), rel=0.1)


@pytest.mark.parametrize("picture", [landscape, gray_gradient])
def test_no_subject_where_nothing_can_be_cut_out(picture) -> None:
    assert Scene(picture()).subject is None


def test_a_given_finder_finds_the_subject() -> None:
    subject = Scene(still_life(), FixedFinder()).subject
    assert subject is not None
    assert subject.place == "left"


def test_a_person_is_called_so_and_stands_also_under_a_sky() -> None:
    seen = Scene(landscape(), FixedFinder("person"))
    assert seen.subject is not None
    assert seen.find("person") is seen.find("subject") is seen.subject
    assert Scene(landscape(), FixedFinder("subject")).subject is None
    with pytest.raises(EditorError, match="no person"):
        Scene(still_life(), FixedFinder("subject")).find("person")


def test_texts_say_the_person() -> None:
    finder = FixedFinder("person")
    instructor = ClassicalInstructor(choices=9, finder=finder)
    survey = instructor.survey(still_life())
    draft = instructor.write(still_life(), survey, ["Background Change"], 3)[0]
    assert "the person" in draft.en
    assert "人物" in draft.cn
    edited = ClassicalEditor(finder).edit(still_life(), draft.en, 1).pixels
    assert not np.array_equal(edited, still_life())


@pytest.mark.parametrize("player", [ClassicalEditor, ClassicalInstructor])
def test_another_finder_is_another_identity(player) -> None:
    found = {str(player(finder=f).identity) for f in (None, FixedFinder(), FixedFinder("person"))}
    assert len(found) == 3


def test_the_boat_is_an_object() -> None:
    objects = Scene(sea()).objects
    assert [(o.colour, o.place) for o in objects] == [("black", "left")]


def test_a_ramp_has_no_objects() -> None:
    assert Scene(gray_gradient()).objects == ()


def test_names_are_unambiguous() -> None:
    for picture in (landscape(), still_life(), sea()):
        scene = Scene(picture)
        for regions in (scene.areas, scene.objects):
            named = [(r.kind, r.colour, r.place) for r in regions]
            assert len(named) == len(set(named))


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(EditorError, match="no purple object left"):
        Scene(sea()).find("object", "purple", "left")
    with pytest.raises(EditorError, match="told apart"):
        Scene(sea()).find("ghost")


def test_a_neighbouring_place_is_understood() -> None:
    scene = Scene(sea())
    assert scene.find("object", "black", "lower_left") is scene.objects[0]
    with pytest.raises(EditorError):
        scene.find("object", "black", "right")


def test_soft_masks_follow_the_edge() -> None:
    image = still_life()
    scene = Scene(image)
    assert scene.subject is not None
    alpha = scene.alpha(scene.subject)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    r = np.hypot(x - 312, y - 208)
    assert alpha.shape == image.shape[:2]
    assert alpha[r < 80].min() > 0.95
    assert alpha[r > 130].max() == 0
