"""Lists are read whole or refused, and the refusal names what is wrong."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_world import row, rows, save, write_list
from hypothesis import given
from hypothesis import strategies as st
from photographs import photograph

from resources.hub import samples_from_hub
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.samples import load_samples, require_languages
from unicedit_assets.domain import codec
from unicedit_assets.domain.resolutions import crop_box, nearest
from unicedit_assets.domain.taxonomy import SUBTASKS, needs_reasoning

REASONING = "Relation Change"


def loaded(tmp_path: Path, *lines: Any, **how: Any) -> Any:
    return load_samples(write_list(tmp_path / "list.jsonl", lines), **how)


def changed(**fields: Any) -> dict[str, Any]:
    return {**row(1, REASONING, (8, 8)), **fields}


def test_a_list_of_the_official_shape_loads(tmp_path: Path) -> None:
    found = loaded(tmp_path, *rows(1100, (64, 48)))
    assert len(found.samples) == 1100
    assert set(Counter(s.subtask for s in found.samples).values()) == {50}
    assert sum(needs_reasoning(s.subtask) for s in found.samples) == 250
    assert sum(len(s.metrics) for s in found.samples) == 1100 * 3 + 250


@pytest.mark.skipif("UNICBENCH_LIST" not in os.environ, reason="UNICBENCH_LIST names no list")
def test_the_official_list_itself_loads() -> None:
    found = load_samples(Path(os.environ["UNICBENCH_LIST"]))
    assert Counter(s.subtask for s in found.samples) == dict.fromkeys(SUBTASKS, 50)
    assert sum(bool(s.points) for s in found.samples) == 250
    require_languages(found.samples, ["en", "cn"])
    # What frames.py says of the usual crop.
    sizes = [sample.resolution or (0, 0) for sample in found.samples]
    assert sum(crop_box(*size, nearest(*size)).share > 0.01 for size in sizes) == 210


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"subtask": "relation change"}, "22 subtasks, spelling counts: 'relation change'"),
        ({"subtask": None}, "22 subtasks"),
        ({"task": "Object Editing"}, "belongs to 'Reasoning Editing'"),
        ({"key": "../../etc/passwd"}, "is not a file name"),
        ({"key": ""}, "is not a file name"),
        ({"key": 7}, "is not a file name"),
        ({"en": "", "cn": " "}, "no instruction in any language"),
        ({"en": 5}, "en is not a text"),
        ({"en": "\ud800"}, "en is not a text"),
        ({"reasoning_points": "it is red"}, "not a list of texts"),
        ({"reasoning_points": ["it is red", " "]}, "not a list of texts"),
        ({"resolution": [0, 5]}, "not width and height"),
        ({"resolution": "64x48"}, "not width and height"),
        ({"image_path": "../secret.png"}, "leads out of"),
        ({"image_path": "/etc/passwd"}, "leads out of"),
        ({"image_path": "images/\0.png"}, "not a path"),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused(
    tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    lines = json.dumps(changed(**fields))
    (tmp_path / "list.jsonl").write_text(lines + "\n")
    with pytest.raises(BenchError) as caught:
        load_samples(tmp_path / "list.jsonl")
    assert told in str(caught.value)
    assert "line 1" in str(caught.value)


@pytest.mark.parametrize("points", [None, []])
def test_missing_reasoning_points_are_an_error_that_names_every_key(
    tmp_path: Path, points: Any
) -> None:
    lines = [changed(key=f"k{number}", reasoning_points=points) for number in range(3)]
    with pytest.raises(BenchError, match=r"reasoning points are missing.*k0, k1, k2"):
        loaded(tmp_path, *lines)


def test_a_key_twice_no_samples_and_no_json_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="more than once: "):
        loaded(tmp_path, changed(), changed())
    with pytest.raises(BenchError, match="holds no samples"):
        loaded(tmp_path)
    path = tmp_path / "bad.jsonl"
    for text in ("{", "[1]", '{"key": "a", "key": "b"}', "\xff", "[" * 100_000):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(BenchError, match="line 1"):
            load_samples(path)
    with pytest.raises(BenchError, match="does not exist"):
        load_samples(tmp_path / "nowhere.jsonl")


@given(st.dictionaries(st.sampled_from(list(changed())), st.none() | st.text() | st.integers()))
def test_any_fields_are_read_or_refused(tmp_path_factory: Any, fields: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "list.jsonl").write_text(json.dumps(changed(**fields)) + "\n")
    try:
        found = load_samples(folder / "list.jsonl")
    except BenchError as error:
        assert str(error)
    else:
        assert found.samples[0].points_in("cn")


def test_a_missing_language_is_an_error_that_names_the_keys(tmp_path: Path) -> None:
    found = loaded(tmp_path, changed(key="a", cn=""), changed(key="b"))
    require_languages(found.samples, ["en"])
    with pytest.raises(BenchError, match="no instruction in 'cn': a"):
        require_languages(found.samples, ["en", "cn"])
    with pytest.raises(BenchError, match="not a language: 'de'"):
        require_languages(found.samples, ["de"])


def test_chinese_points_are_used_where_there_are_any(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, changed(key="a", reasoning_points_cn=["它是红色的。"]), changed(key="b")
    )
    own, borrowed = found.samples
    assert own.points_in("cn") == ("它是红色的。",)
    assert not own.borrowed_points("cn")
    assert borrowed.points_in("cn") == borrowed.points_in("en") != ()
    assert borrowed.borrowed_points("cn")


def test_pictures_lie_beside_the_list_or_where_it_is_said(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "deep.png", photograph(1, (32, 24)))
    line = changed(image_path="images/deep.png")
    found = loaded(tmp_path, line, sources=tmp_path / "elsewhere")
    assert codec.decode(found.samples[0].source.read()).shape == (24, 32, 3)
    with pytest.raises(OSError, match="deep"):
        loaded(tmp_path, line).samples[0].source.read()


def test_a_link_that_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    inner = tmp_path / "bench"
    inner.mkdir()
    (inner / "link.png").symlink_to(tmp_path / "secret")
    with pytest.raises(BenchError, match="leads out of"):
        loaded(inner, changed(image_path="link.png"))


def test_limits_and_subtasks_select_in_order(tmp_path: Path) -> None:
    found = loaded(tmp_path, *rows(66, (8, 8)))
    assert len(found.selected(limit=2)) == 44
    chosen = found.selected(["Relation_Change", "Lens Zooming"], 1)
    assert {sample.subtask for sample in chosen} == {"Relation Change", "Lens Zooming"}
    with pytest.raises(BenchError, match="not a subtask: 'Zooming'"):
        found.selected(["Zooming"])


def test_the_hash_is_of_what_is_asked_and_not_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, same = loaded(tmp_path, changed()), loaded(tmp_path / "other", changed())
    other = loaded(tmp_path, changed(en="Paint it blue."))
    assert first.sha256 == same.sha256 != other.sha256


@pytest.mark.parametrize("as_struct", [True, False])
def test_parquet_loads_with_pictures_read_when_asked_for(tmp_path: Path, as_struct: bool) -> None:
    lines = rows(6, (32, 24), SUBTASKS[-3:])
    data = [codec.encode_release(photograph(number, (32, 24))) for number in range(6)]
    for line, picture in zip(lines, data, strict=True):
        line["image"] = {"bytes": picture, "path": "x.png"} if as_struct else picture
    (tmp_path / "data").mkdir()
    table = pa.Table.from_pylist(lines)
    pq.write_table(table, tmp_path / "data" / "a.parquet", row_group_size=2)
    found = load_samples(tmp_path)
    assert [sample.key for sample in found.samples] == [line["key"] for line in lines]
    assert [sample.source.read() for sample in found.samples] == data
    pq.write_table(table.drop_columns(["image"]), tmp_path / "data" / "a.parquet")
    with pytest.raises(BenchError, match=r"a\.parquet is not a benchmark"):
        load_samples(tmp_path)
    (tmp_path / "data" / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(BenchError, match="cannot be read"):
        load_samples(tmp_path)


def test_a_hub_data_set_loads_and_is_one_sentence_when_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    picture = codec.encode_release(photograph(1, (32, 24)))
    lines = [{**line, "image": {"bytes": picture, "path": None}} for line in rows(2, (32, 24))]
    table = datasets.Dataset.from_list(lines).cast_column("image", datasets.Image())
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *_, **__: datasets.DatasetDict({"test": table})
    )
    found = samples_from_hub("somebody/unicbench")
    assert [sample.source.read() for sample in found.samples] == [picture, picture]

    def offline(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(BenchError, match=r"cannot be had .*no route to the hub.*--data"):
        samples_from_hub("somebody/unicbench")
