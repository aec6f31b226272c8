from __future__ import annotations

import pytest
from datasets import Features, Image, Value
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.published.schema import (
    RELEASE_SCHEMA,
    data_file,
    is_key,
    parse_data_file,
)


def test_columns_are_those_of_the_published_files_in_their_order():
    assert RELEASE_SCHEMA.names == [
        "key",
        "edit_task",
        "edit_subtask",
        "src_image",
        "edit_image",
        "prompt_cn",
        "prompt_en",
    ]


def test_metadata_is_what_the_datasets_library_itself_would_write():
    text, image = Value("string"), Image()
    features = Features(
        {
            "key": text,
            "edit_task": text,
            "edit_subtask": text,
            "src_image": image,
            "edit_image": image,
            "prompt_cn": text,
            "prompt_en": text,
        }
    )
    assert RELEASE_SCHEMA.equals(features.arrow_schema, check_metadata=True)


@given(st.integers(1, 200_000), st.data())
def test_file_names_read_back(total, data):
    index = data.draw(st.integers(0, total - 1))
    name = data_file(index, total).removeprefix("data/")
    assert parse_data_file(name) == (index, total)


@pytest.mark.parametrize(("index", "total"), [(1, 1), (-1, 3), (0, 0)])
def test_a_file_outside_its_total_has_no_name(index, total):
    with pytest.raises(ValueError, match="does not exist"):
        data_file(index, total)


@pytest.mark.parametrize(
    "name", ["train-0-of-1.parquet", "test-00000-of-00001.parquet", "train-00000-of-00001.parquet~"]
)
def test_other_names_are_not_data_files(name):
    assert parse_data_file(name) is None


@pytest.mark.parametrize("text", ["", "A" * 32, "a" * 31, "a" * 33, "g" * 32, "a" * 32 + "\n"])
def test_malformed_keys(text):
    assert not is_key(text)


def test_a_key():
    assert is_key("0123456789abcdef" * 2)
