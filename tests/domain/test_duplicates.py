from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import encoded, photograph

from unicedit_assets.domain.duplicates import MAX_DISTANCE, Hashed, distance, keep_first, phash
from unicedit_assets.domain.images import IntakeSettings, prepare

hashes = st.integers(0, 2**64 - 1)


def naive(items, max_distance):
    """The rule as its definition says it."""
    kept, result = [], {}
    for item in items:
        if item.phash is None:
            continue
        for earlier in kept:
            if distance(earlier.phash, item.phash) <= max_distance:
                result[item.id] = earlier.id
                break
        else:
            kept.append(item)
    return result


def hashed(values):
    return [Hashed(f"p{i}", value) for i, value in enumerate(values)]


@st.composite
def families(draw):
    """Hashes in clusters, since hashes at random are never close."""
    centres = draw(st.lists(hashes, min_size=1, max_size=4))
    members = st.tuples(st.sampled_from(centres), st.lists(st.integers(0, 63), max_size=9))
    values = []
    for centre, flips in draw(st.lists(members, max_size=40)):
        value = centre
        for bit in flips:
            value ^= 1 << bit
        values.append(draw(st.sampled_from([value, value, None])))
    return hashed(values)


@settings(max_examples=300, deadline=None)
@given(families(), st.integers(0, 16))
def test_the_fast_rule_is_the_plain_rule(items, max_distance):
    assert keep_first(items, max_distance) == naive(items, max_distance)


def test_the_fast_rule_is_the_plain_rule_on_many():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 1500, dtype=np.uint64)
    for at in range(500):
        flips = rng.integers(0, 64, int(rng.integers(0, 9)))
        values[1000 + at] = values[at] ^ np.bitwise_xor.reduce(
            np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0)
        )
    items = hashed([int(v) for v in rng.permutation(values)])
    result = keep_first(items)
    assert result == naive(items, MAX_DISTANCE)
    assert 200 < len(result) < 500


def test_a_chain_is_not_one_cluster():
    """b is near a and c near b, but c is not near a, the only one kept of them."""
    a, b, c = 0, 0b111_111, 0b111_111_111_111
    assert keep_first(hashed([a, b, c]), 6) == {"p1": "p0"}
    assert keep_first(hashed([b, a, c]), 6) == {"p1": "p0", "p2": "p0"}


def test_the_boundary_is_inclusive():
    assert keep_first(hashed([0, 0b111_111]), 6) == {"p1": "p0"}
    assert keep_first(hashed([0, 0b1_111_111]), 6) == {}


def test_many_hashes_with_a_crowd_of_equal_ones():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2**64, 60_000, dtype=np.uint64)
    values[20_000:40_000] = values[7]
    result = keep_first(hashed(values.tolist()))
    assert set(result.values()) == {"p7"}
    assert len(result) == 20_000


def test_nothing_in_nothing_out():
    assert keep_first([]) == {}
    assert keep_first(hashed([5])) == {}
    assert keep_first(hashed([None, None])) == {}


@pytest.mark.parametrize(
    ("items", "max_distance", "message"),
    [
        ([Hashed("a", 1), Hashed("a", 2)], 6, "twice"),
        ([Hashed("a", -1)], 6, "64-bit"),
        ([Hashed("a", 2**64)], 6, "64-bit"),
        ([], 17, "max_distance"),
        ([], -1, "max_distance"),
    ],
)
def test_senseless_questions_are_refused(items, max_distance, message):
    with pytest.raises(ValueError, match=message):
        keep_first(items, max_distance)


def of_file(pixels, kind="JPEG", **options):
    return phash(prepare(encoded(pixels, kind, **options), IntakeSettings()).pixels)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_photograph_stays_near(seed):
    picture = photograph(seed, (900, 600))
    first = of_file(picture)
    brighter = np.clip(picture * 1.15, 0, 255).astype(np.uint8)
    changed = {
        "poor jpeg": of_file(picture, quality=15),
        "smaller": of_file(cv2.resize(picture, (450, 300), interpolation=cv2.INTER_AREA), "PNG"),
        "brighter": of_file(brighter),
        "grey": of_file(np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)),
        "trimmed": of_file(picture[6:-6, 9:-9]),
    }
    far = {name: distance(first, value) for name, value in changed.items()}
    assert max(far.values()) <= MAX_DISTANCE, far


def test_different_photographs_stay_apart():
    all_hashes = [phash(photograph(seed)) for seed in range(80)]
    assert min(distance(a, b) for a, b in itertools.combinations(all_hashes, 2)) > MAX_DISTANCE + 4


def test_a_mirrored_photograph_is_another():
    picture = photograph(5)
    assert distance(phash(picture), phash(np.ascontiguousarray(picture[:, ::-1]))) > 12


def featureless():
    rng = np.random.default_rng(2)
    for level in (0, 90, 255):
        yield np.full((832, 1248, 3), level, np.uint8)
    down = np.linspace(0, 1, 832)[:, None, None]
    for top, low in (((90, 140, 220), (200, 210, 230)), ((250, 120, 60), (60, 40, 90))):
        sky = np.array(top) * (1 - down) + np.array(low) * down
        noisy = np.broadcast_to(sky, (832, 1248, 3)) + rng.normal(0, 3, (832, 1248, 3))
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def test_featureless_pictures_do_not_collapse_into_one():
    found = [phash(picture) for picture in featureless()]
    assert found == [None] * len(found)
    items = [Hashed(f"plain{i}", value) for i, value in enumerate(found)]
    assert keep_first(items, 16) == {}
