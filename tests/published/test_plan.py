from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from published.samples import key
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.published.plan import (
    CANDIDATE_SCHEMA,
    HeldOut,
    Plan,
    PlanSettings,
    make_plan,
)


def keep_first(hashes: Sequence[str | None]) -> list[int | None]:
    first: dict[str, int] = {}
    earlier = [None if h is None else first.setdefault(h, i) for i, h in enumerate(hashes)]
    return [None if e == i else e for i, e in enumerate(earlier)]


def find_near(hashes: Sequence[str | None], references: Sequence[str]) -> list[int | None]:
    return [references.index(h) if h in references else None for h in hashes]


def candidate(seed: int, shard: str = "s00000", row: int = 0, **change: object) -> dict:
    return {
        "edit_id": key(seed),
        "image_id": f"image{seed}",
        "phash": f"hash{seed}",
        "pixel_sha256": f"pixels{seed}",
        "subtask": "Color Alteration",
        "shard": shard,
        "row": row,
    } | change


def plan(
    rows: list[dict],
    benchmark: Sequence[str] = (),
    held_out: HeldOut | None = None,
    **settings: object,
) -> Plan:
    table = pa.Table.from_pylist(rows, CANDIDATE_SCHEMA)
    away = held_out or HeldOut(phashes=tuple(benchmark))
    return make_plan(table, PlanSettings(**settings), keep_first, find_near, away)


def reasons(made: Plan) -> dict[str, Reason]:
    return {reject.edit_id: reject.reason for reject in made.left_out}


def test_files_are_numbered_without_gaps_and_rows_stay_in_order():
    made = plan([candidate(i, row=i) for i in range(7)], rows_per_file=3)
    assert made.files == tuple(f"data/train-0000{i}-of-00003.parquet" for i in range(3))
    assert [[row.row for row in made.rows(i)] for i in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_an_empty_release_has_no_files():
    assert plan([]).files == ()


def test_shards_are_ordered_by_number():
    made = plan([candidate(0, "s100000"), candidate(1, "s99999"), candidate(2, "s00002/b")])
    assert [row.shard for row in made.rows(0)] == ["s00002/b", "s99999", "s100000"]


def test_a_repeated_key_is_left_out_and_named():
    made = plan([candidate(1), candidate(2, row=1), candidate(1, "s00001", 4)])
    assert [(r.shard, r.row, r.reason) for r in made.left_out] == [("s00001", 4, Reason.DUPLICATE)]
    assert "s00000 row 0" in made.left_out[0].detail


def test_near_duplicates_lose_all_their_edits_and_the_first_image_keeps_all():
    rows = [
        candidate(0, row=0, image_id="a", phash="p"),
        candidate(1, row=1, image_id="a", phash="p"),
        candidate(2, "s00001", 0, image_id="b", phash="p"),
        candidate(3, "s00001", 1, image_id="b", phash="p"),
    ]
    made = plan(rows)
    assert reasons(made) == {key(2): Reason.DUPLICATE, key(3): Reason.DUPLICATE}
    assert "image a" in made.left_out[0].detail


def test_a_benchmark_image_is_contaminated_and_shadows_nobody():
    rows = [
        candidate(0, row=0, phash="bench"),
        candidate(1, row=1, phash="other"),
    ]
    made = plan(rows, ["unrelated", "bench"])
    assert reasons(made) == {key(0): Reason.CONTAMINATED}


@pytest.mark.parametrize("phash", ["p", None])
@pytest.mark.parametrize("same", ["image_id", "pixel_sha256"])
def test_one_photograph_in_two_shards_is_published_once(same: str, phash: str | None):
    rows = [
        candidate(i, shard, row, phash=phash, **{same: "one"})
        for i, (shard, row) in enumerate([("s00000/a", 0), ("s00000/b", 0), ("s00001/a", 0)])
    ]
    if same == "pixel_sha256":
        rows[1]["image_id"] = rows[0]["image_id"]
    made = plan(rows)
    assert reasons(made) == {key(2): Reason.DUPLICATE}
    assert f"image {rows[0]['image_id']} of s00000" in made.left_out[0].detail


def test_equal_pixels_repeat_each_other_even_in_one_shard():
    rows = [candidate(i, row=i, phash=None, pixel_sha256="one") for i in range(2)]
    assert reasons(plan(rows)) == {key(1): Reason.DUPLICATE}


def test_what_repeats_a_near_duplicate_names_the_photograph_that_stays():
    rows = [
        candidate(0, "s00000", phash="p"),
        candidate(1, "s00001", phash="p", image_id="b"),
        candidate(2, "s00002", phash=None, image_id="b"),
    ]
    made = plan(rows)
    assert reasons(made) == {key(1): Reason.DUPLICATE, key(2): Reason.DUPLICATE}
    assert all("image image0 of s00000" in reject.detail for reject in made.left_out)


@pytest.mark.parametrize(
    "held_out", [HeldOut(frozenset({"image0"})), HeldOut(pixel_hashes=frozenset({"pixels0"}))]
)
def test_a_benchmark_image_without_a_hash_is_contaminated(held_out: HeldOut):
    rows = [candidate(i, row=i, phash=None) for i in range(2)]
    assert reasons(plan(rows, held_out=held_out)) == {key(0): Reason.CONTAMINATED}


def test_pictures_without_a_hash_repeat_nobody():
    assert not plan([candidate(i, row=i, phash=None) for i in range(3)], ["bench"]).left_out


def test_a_quota_keeps_the_smallest_keys():
    rows = [candidate(i, row=i) for i in range(5)]
    rows += [candidate(i, row=i, subtask="Style Transfer") for i in range(5, 7)]
    made = plan(rows, max_per_subtask=2)
    kept = {row.edit_id for row in made.rows(0)}
    assert kept == {*sorted(key(i) for i in range(5))[:2], key(5), key(6)}
    assert made.reasons() == {"over_quota": 3}


def test_two_claims_on_one_row_are_an_error():
    with pytest.raises(ValueError, match="claim the same row"):
        plan([candidate(0), candidate(1)])


@pytest.mark.parametrize("bad", [{"rows_per_file": 0}, {"max_per_subtask": 0}])
def test_impossible_settings(bad):
    with pytest.raises(ValueError, match="at least 1"):
        PlanSettings(**bad)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 6), st.integers(0, 4), st.integers(0, 2)),
        max_size=40,
    ),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 4)),
    st.randoms(),
)
def test_conserves_every_candidate_and_ignores_the_order_they_come_in(
    drawn, per_file: int, most: int | None, shuffle: random.Random
):
    rows = [
        candidate(
            edit,
            f"s{shard:05d}",
            row,
            image_id=f"image{image}",
            phash=f"hash{image % 4}",
            pixel_sha256=f"pixels{image}" if image else None,
            subtask=("Color Alteration", "Style Transfer")[edit % 2],
        )
        for row, (edit, image, shard, _) in enumerate(drawn)
    ]
    made = plan(rows, ["hash3"], rows_per_file=per_file, max_per_subtask=most)
    kept = [row for index in range(len(made.files)) for row in made.rows(index)]
    places = [(r.shard, r.row) for r in [*kept, *made.left_out]]
    assert sorted(places) == sorted((r["shard"], r["row"]) for r in rows)
    assert len({row.edit_id for row in kept}) == len(kept)
    if most is not None:
        assert max(Counter(row.subtask for row in kept).values(), default=0) <= most
    assert all(1 <= len(list(made.rows(i))) <= per_file for i in range(len(made.files)))
    again = list(rows)
    shuffle.shuffle(again)
    other = plan(again, ["hash3"], rows_per_file=per_file, max_per_subtask=most)
    assert other.kept.equals(made.kept)
    assert other.left_out == made.left_out
