"""Charts draw the numbers they are given, and are well-formed whatever the labels are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.report.charts import (
    Segment,
    Series,
    key_mark,
    quota_bar,
    radar,
    regions,
    stacked_bar,
)

AXES = ("IF", "NC", "VQ", "RA")
HOSTILE = '"><script>alert(1)</script>\x00\u202e'


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def widths(svg: str) -> list[float]:
    return [float(rect.attrib["width"].rstrip("%")) for rect in parse(svg).iter("rect")]


def test_segments_stand_side_by_side_in_proportion() -> None:
    bar = stacked_bar(
        [Segment("accepted", 30, "30 accepted"), Segment("failed", 10, "10 failed")], 80
    )
    assert widths(bar) == [37.5, 12.5]
    assert [rect.attrib["x"] for rect in parse(bar).iter("rect")] == ["0.00%", "37.50%"]
    assert parse(bar).attrib["aria-label"] == "30 accepted; 10 failed"


def test_one_in_a_million_can_be_seen_and_none_cannot() -> None:
    bar = stacked_bar([Segment("rejected", 1, "one"), Segment("failed", 0, "none")], 1_000_000)
    assert widths(bar) == [0.4]


def test_a_bar_without_scale_is_empty() -> None:
    assert widths(stacked_bar([Segment("accepted", 0, "x")], 0)) == []


def test_labels_are_escaped() -> None:
    charts = [
        stacked_bar([Segment("a", 1, HOSTILE)], 1),
        radar(HOSTILE, [HOSTILE] * 3, [Series(HOSTILE, (1.0, 2.0, 3.0))], 10),
    ]
    for chart in charts:
        assert all(element.tag != "script" for element in parse(chart).iter())


def test_the_quota_mark_stands_at_its_share_of_the_scale() -> None:
    bar = parse(quota_bar(written=4, accepted=2, target=5.0, scale=10.0))
    (line,) = bar.iter("line")
    assert (line.attrib["x1"], line.attrib["x2"]) == ("50.00%", "50.00%")
    assert [rect.attrib["width"] for rect in bar.iter("rect")] == ["40.00%", "20.00%"]
    assert not list(parse(quota_bar(4, 2, None, 10.0)).iter("line"))


def test_boxes_are_drawn_where_they_are() -> None:
    rects = list(parse(regions([(0.25, 0.5, 0.75, 1.0)])).iter("rect"))
    assert {rect.attrib["class"] for rect in rects} == {"halo", "edge"}
    assert rects[0].attrib | {"class": ""} == {
        "class": "",
        "x": "250.0",
        "y": "500.0",
        "width": "500.0",
        "height": "500.0",
    }


def outline(svg: str) -> str:
    (path,) = (one for one in parse(svg).iter("path") if one.attrib["class"] == "outline")
    return path.attrib["d"]


def test_a_full_outline_is_closed_and_filled() -> None:
    chart = radar("t", AXES, [Series("m", (1.0, 2.0, 3.0, 4.0))], 10)
    assert outline(chart).count("M") == 4
    assert 'class="area"' in chart


def test_unscored_leaves_the_outline_open_and_is_no_zero() -> None:
    chart = radar("t", AXES, [Series("m", (1.0, 2.0, None, 4.0))], 10)
    assert outline(chart).count("M") == 2
    assert 'class="area"' not in chart
    assert chart.count('class="mark"') == 3
    assert "VQ unscored" in parse(chart).attrib["aria-label"]


@given(st.lists(st.none() | st.floats(0, 10), min_size=3, max_size=22))
def test_points_stay_inside_the_picture(values: list[float | None]) -> None:
    axes = [str(number) for number in range(len(values))]
    chart = parse(radar("t", axes, [Series("m", tuple(values))], 10.0))
    _, _, width, height = (float(side) for side in chart.attrib["viewBox"].split())
    for path in chart.iter("path"):
        if path.attrib["class"] == "outline":
            places = [float(number) for number in re.findall(r"-?[\d.]+", path.attrib["d"])]
            assert all(0 <= x <= width for x in places[::2])
            assert all(0 <= y <= height for y in places[1::2])


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_names_of_several_words_stay_inside_the_picture(count: int) -> None:
    axes = ["Three Long Words"] * count
    chart = parse(radar("t", axes, [Series("m", (1.0,) * count)], 10))
    _, top, _, height = (float(side) for side in chart.attrib["viewBox"].split())
    lines = [float(one.attrib["y"]) for one in chart.iter("tspan")]
    assert len(lines) == 3 * count
    assert min(lines) - 12 >= top  # letters stand on their line
    assert max(lines) + 4 <= top + height


def test_a_radar_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match="three axes"):
        radar("t", ("a", "b"), [], 10)
    with pytest.raises(ValueError, match="each axis"):
        radar("t", AXES, [Series("m", (1.0,))], 10)


def test_neighbouring_models_differ_in_shape_and_not_only_in_colour() -> None:
    shapes = {re.sub(r"s\d", "", str(key_mark(number))) for number in range(4)}
    assert len(shapes) == 4
