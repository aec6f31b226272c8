"""From settings to a model: classed fields, honest errors, one model a process."""

from __future__ import annotations

import importlib.util
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from resources.vlms.build import vlm_from
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.vlms import HttpVlm, TransformersVlm, VllmVlm, VlmModel

KINDS = get_args(get_args(VlmModel)[0])
HTTP = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}


def read(**fields: Any) -> Any:
    return TypeAdapter(VlmModel).validate_python(fields)


@pytest.mark.parametrize("kind", [HttpVlm, VllmVlm, TransformersVlm])
def test_every_field_is_classed_and_described(kind: type[HttpVlm]) -> None:
    assert kind in KINDS
    for name, info in kind.model_fields.items():
        assert info.json_schema_extra in ({"role": "identity"}, {"role": "runtime"}), name
        assert info.description


def test_where_a_server_is_and_how_it_is_asked_is_no_identity() -> None:
    one = vlm_from("a", read(**HTTP)).identity
    moved = {"base_url": "https://elsewhere/v1", "concurrency": 3, "deadline": 5.0, "tries": 2}
    assert vlm_from("a", read(**{**HTTP, **moved})).identity == one
    for name, value in {
        "model": "n",
        "revision": "2",
        "max_pixels": 5000,
        "logprobs": False,
    }.items():
        assert vlm_from("a", read(**{**HTTP, name: value})).identity != one


def test_the_same_settings_share_one_model() -> None:
    assert vlm_from("a", read(**HTTP)) is vlm_from("a", read(**HTTP))
    assert vlm_from("a", read(**HTTP)) is not vlm_from("b", read(**HTTP))


@pytest.mark.parametrize(
    ("kind", "package", "extra"),
    [
        ("openai", "openai", "openai"),
        ("vllm", "vllm", "vllm"),
        ("transformers", "transformers", "neural"),
        ("transformers", "llguidance", "neural"),
    ],
)
def test_a_missing_package_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, kind: str, package: str, extra: str
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == package else name
    )
    url = {"base_url": "http://h/v1"} if kind == "openai" else {}
    with pytest.raises(SettingsError) as caught:
        vlm_from("eyes", read(kind=kind, model="m", **url))
    assert f"pip install 'unicedit[{extra}]'" in str(caught.value)
    assert "vlms.eyes" in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "openai", "model": "m"},
        {"kind": "openai", "model": "m", "base_url": "127.0.0.1:8000"},
        {"kind": "other", "model": "m"},
        {**HTTP, "max_pixel": 5000},
        {**HTTP, "concurrency": 0},
        {"kind": "transformers", "model": "m", "concurrency": 2},
    ],
)
def test_wrong_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(**fields)
