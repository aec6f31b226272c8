"""Splits: by group, for good, and nothing that is held out is trained on."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.qwen_verify.splitting import (
    HeldOut,
    Member,
    Place,
    Shares,
    Split,
    joined_groups,
    leaks,
    places,
)

MEMBERS = st.lists(
    st.builds(
        Member,
        st.sampled_from([f"g{n}" for n in range(12)]),
        st.sampled_from([None, None, None, *HeldOut]),
    ),
    max_size=60,
)
SHARES = Shares(validation=0.2, test=0.2)


@given(MEMBERS)
def test_no_group_and_nothing_held_out_is_in_two_splits(members: list[Member]) -> None:
    found = places(members, SHARES)
    assert leaks((m.group, p.split) for m, p in zip(members, found, strict=True)) == {}
    for member, place in zip(members, found, strict=True):
        assert (place.split is Split.TEST) == bool(place.held_out)
        if member.held_out:
            assert place == (Place(Split.TEST, member.held_out.value))


@given(MEMBERS, MEMBERS)
def test_a_group_stays_where_it_is_when_other_groups_come(
    members: list[Member], more: list[Member]
) -> None:
    others = [m for m in more if m.group not in {each.group for each in members}]
    assert places([*members, *others], SHARES)[: len(members)] == places(members, SHARES)


def test_the_shares_hold_over_many_groups() -> None:
    found = places([Member(f"scene {n}") for n in range(4000)], Shares(0.05, 0.1))
    counts = Counter(place.split for place in found)
    assert 300 < counts[Split.TEST] < 500
    assert 140 < counts[Split.VALIDATION] < 260


def test_a_leak_is_named() -> None:
    assert leaks([("a", "train"), ("b", "test"), ("a", "test")]) == {"a": {"train", "test"}}


def test_near_duplicates_of_near_duplicates_share_a_group() -> None:
    found = joined_groups(["d", "a", "c", "b", "e"], [(0, 2), (3, 2), (1, 3)])
    assert found == {"a": "a", "b": "a", "c": "a", "d": "a", "e": "e"}
