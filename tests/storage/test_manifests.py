"""Records conserve, round-trip to equal bytes and refuse what they cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unicedit_assets.domain.reasons import Outcome, Reason, outcome_of
from unicedit_assets.storage.manifests import (
    CheckRecord,
    CorruptRecord,
    Counts,
    Manifest,
    Part,
    merged_extra,
    plain,
)


@st.composite
def counted(draw: st.DrawFn) -> Counts:
    reasons = draw(
        st.dictionaries(st.sampled_from([str(one) for one in Reason]), st.integers(0, 50))
    )
    failed = sum(n for name, n in reasons.items() if outcome_of(Reason(name)) is Outcome.FAILED)
    rejected = sum(reasons.values()) - failed
    accepted = draw(st.integers(0, 50))
    return Counts(
        inputs=accepted + rejected + failed,
        accepted=accepted,
        rejected=rejected,
        failed=failed,
        reasons=reasons,
    )


@given(counted(), counted(), counted())
def test_counts_add_up(one: Counts, two: Counts, three: Counts) -> None:
    total = one + two
    assert total.inputs == one.inputs + two.inputs
    assert sum(total.reasons.values()) == total.rejected + total.failed
    assert (one + two) + three == one + (two + three)
    assert total == two + one


@given(counted())
def test_counts_round_trip(counts: Counts) -> None:
    assert Counts.from_bytes(counts.to_bytes(), "x") == counts


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({"inputs": 2, "accepted": 1}, "2 inputs are not 1 accepted"),
        ({"inputs": 1, "rejected": 1}, "explain 0 of 1 rejected"),
        ({"inputs": 1, "rejected": 1, "reasons": {"editor_failed": 1}}, "0 of 1 rejected"),
        ({"inputs": 1, "failed": 1, "reasons": {"blank": 1}}, "1 of 0 rejected"),
        ({"inputs": 1, "rejected": 1, "reasons": {"because": 1}}, "not a valid Reason"),
        ({"inputs": 0, "accepted": -1, "rejected": 1, "reasons": {"blank": 1}}, "greater than"),
        ({"inputs": 1.0, "accepted": 1}, "valid integer"),
    ],
)
def test_unlawful_counts_cannot_be_made(figures: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Counts.model_validate(figures)


def manifest(**changes: object) -> Manifest:
    part = Part(key="a/b", rows=1, bytes=2, sha256="0" * 64, footer_sha256="1" * 64)
    fields: dict[str, object] = {
        "stage": "edits",
        "partition": "s00000/classical",
        "fingerprint": "f",
        "code_version": "1",
        "config": {"b": [1, 2.5, None], "a": "é"},
        "inputs": {"instructions/s00000": "e"},
        "tables": {"rows": (part, part)},
        "counts": Counts(inputs=2, accepted=2),
    }
    return Manifest.model_validate({**fields, **changes})


def test_equal_manifests_have_equal_bytes_whatever_the_order() -> None:
    one = manifest(config={"a": 1, "b": 2})
    two = manifest(config={"b": 2, "a": 1})
    assert one.to_bytes() == two.to_bytes()
    assert Manifest.from_bytes(one.to_bytes(), "x") == one


def test_a_manifest_knows_its_place_and_rows() -> None:
    assert manifest().folder == "edits/s00000/classical/f"
    assert manifest().rows() == 2
    assert manifest().rows("truth") == 0


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b"\xff", manifest().to_bytes().replace(b'"f"', b"7")]
)
def test_a_corrupt_record_is_told_by_name(data: bytes) -> None:
    with pytest.raises(CorruptRecord, match=r"edits/x/manifest\.json is corrupt"):
        Manifest.from_bytes(data, "edits/x/manifest.json")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        CheckRecord.model_validate({"name": "a", "passed": True, "blocking": True, "x": 1})


def test_extra_figures_merge() -> None:
    merged = merged_extra(
        [
            {"pixels": 1, "seconds": 0.5, "seen": ["a"], "by": {"x": 1}, "model": "m", "ok": True},
            {"pixels": 2, "seconds": 0.25, "seen": ["b"], "by": {"x": 2, "y": 1}, "ok": True},
        ]
    )
    assert merged == {
        "pixels": 3,
        "seconds": 0.75,
        "seen": ["a", "b"],
        "by": {"x": 3, "y": 1},
        "model": "m",
        "ok": True,
    }
    assert list(merged) == ["pixels", "seconds", "seen", "by", "model", "ok"]


@pytest.mark.parametrize(("one", "two"), [("a", "b"), (True, False), (1, "1"), (None, 1), ([], {})])
def test_extra_values_that_cannot_be_added_must_agree(one: object, two: object) -> None:
    with pytest.raises(ValueError, match="disagree about extra 'x'"):
        merged_extra([{"x": one}, {"x": two}])  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": object()}, b"x"])
def test_only_json_is_plain(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        plain(value)
