from __future__ import annotations

from pathlib import Path

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from published.samples import release_row
from published.test_statistics import facts
from unicedit_assets.published.card import CardFacts, bar, render_card, size_category
from unicedit_assets.published.schema import data_file
from unicedit_assets.published.statistics import Statistics
from unicedit_assets.published.writer import write_data_file


def stats(**change):
    statistics = Statistics()
    statistics.add(facts(**change))
    return statistics.to_json()


def card(title: str = "demo", manifests=None, limits=(), **change) -> str:
    manifests = {"raw_images/s00000": "f" * 8} if manifests is None else manifests
    return render_card(stats(**change), CardFacts(title, manifests, {"verifier": "ev-1"}, limits))


def front(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_front_matter_reads_data_files_only():
    matter = front(card())
    assert matter["configs"][0]["data_files"] == [{"split": "train", "path": "data/*.parquet"}]
    assert matter["license"] == "mit"
    assert matter["size_categories"] == ["n<1K"]
    assert matter["language"] == ["en", "zh"]


@pytest.mark.parametrize("licence", ["unknown", "some; thing: else"])
def test_a_licence_that_is_no_identifier_is_other(licence):
    assert front(card(licence=licence))["license"] == "other"


def test_names_what_it_was_made_from():
    text = card(limits=["Only landscapes."])
    assert "| raw\\_images/s00000 | ffffffff |" in text
    assert "| verifier | ev-1 |" in text
    assert "- Only landscapes." in text
    assert "| Color Alteration | 1 | ████" in text


def test_thousands_of_manifests_do_not_swamp_the_card():
    text = card(manifests={f"edits/s{i:05d}": "f" for i in range(2500)})
    assert "these 2500 manifests" in text
    assert text.count("edits/s") < 100


def test_is_reproducible():
    assert card() == card()


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "a | b\n# c", "![x](http://y)"])
def test_text_from_data_stays_text(hostile):
    text = card(title=hostile, editor=hostile, limits=[hostile])
    assert front(text)["pretty_name"] == hostile
    body = text.split("---\n", 2)[2]
    assert "<script" not in body
    assert "![x]" not in body
    assert "\n# c" not in body


@given(st.text(min_size=1, max_size=40))
def test_any_editor_name_keeps_the_table_in_shape(name: str):
    rows = [line for line in card(editor=name).splitlines() if line.endswith("| 1 |")]
    cells = [line.replace("\\\\", "").replace("\\|", "").count("|") for line in rows]
    assert set(cells) <= {3, 4}


def test_a_missing_figure_is_an_error():
    broken = stats()
    del broken["confidence"]
    with pytest.raises(jinja2.UndefinedError):
        render_card(broken, CardFacts("x", {}, {}))


@pytest.mark.parametrize(
    ("rows", "name"), [(0, "n<1K"), (1000, "1K<n<10K"), (11_586_583, "10M<n<100M")]
)
def test_size_category(rows, name):
    assert size_category(rows) == name


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_bars_grow_and_never_hide_a_row(value, largest):
    drawn = bar(min(value, largest), largest)
    assert bool(drawn) == (value > 0)
    assert len(drawn) <= len(bar(largest, largest)) == 24


def test_load_dataset_takes_no_side_table_for_rows(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    root = tmp_path / "release"
    for name in ("data", "provenance", "rejects"):
        (root / name).mkdir(parents=True)
    write_data_file(root / data_file(0, 1), [release_row(seed) for seed in range(3)])
    for name in ("provenance", "rejects"):
        pq.write_table(pa.table({"other": [1, 2]}), root / name / "part-00000.parquet")
    (root / "stats.json").write_text("{}")
    (root / "README.md").write_text(card(), "utf-8")
    loaded = datasets.load_dataset(str(root), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == ["train"]
    assert loaded["train"].num_rows == 3
    assert loaded["train"][0]["edit_image"].size == (32, 48)
