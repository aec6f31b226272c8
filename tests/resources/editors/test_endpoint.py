"""The endpoint editor against a real local server that misbehaves by script."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import numpy as np
import pytest
from image_server import (
    ImageServer,
    Reply,
    image_server,
    link_to,
    png,
    refusal,
    reply_with,
)
from PIL import Image

from resources.editors.build import editor_from
from resources.editors.endpoint import Breaker, RemoteEditor
from unicedit_assets.domain import codec
from unicedit_assets.domain.roles import BackendDownError, EditorError
from unicedit_assets.pipeline.editing import EditRequest
from unicedit_assets.pipeline.flow import EditFlow
from unicedit_assets.settings import SettingsError
from unicedit_assets.settings.editors import EndpointEditor

SOURCE = np.random.default_rng(1).integers(0, 256, (48, 64, 3)).astype(np.uint8)
SOON = {"Retry_After": "0.01"}


def editor_at(url: str, **settings: Any) -> RemoteEditor:
    found = editor_from("remote", EndpointEditor(model="edit-1", base_url=url, **settings))
    assert isinstance(found, RemoteEditor)
    return found


def edit(server: ImageServer, **settings: Any) -> np.ndarray:
    return editor_at(server.url, **settings).edit(SOURCE, "Make it red. 变红", 2**40 + 7).pixels


def test_what_is_sent_and_what_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES_KEY", "secret")
    with image_server() as server:
        made = edit(server, api_key_variable="IMAGES_KEY", options={"steps": 4, "fast": True})
    assert (made == 255 - SOURCE).all()
    (form,) = server.forms
    assert (np.array(Image.open(io.BytesIO(form.pop("image")))) == SOURCE).all()
    assert form == {
        "model": "edit-1",
        "prompt": "Make it red. 变红",
        "n": "1",
        "size": "64x48",
        "response_format": "b64_json",
        "seed": str((2**40 + 7) % 2**31),
        "steps": "4",
        "fast": "true",
    }
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_what_a_hosted_editor_does_not_know_is_left_out() -> None:
    with image_server() as server:
        edit(server, send_seed=False, response_format="", size="auto")
    (form,) = server.forms
    assert set(form) == {"model", "prompt", "n", "size", "image"}
    assert form["size"] == "auto"
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    with image_server(*[refusal(status, "busy", **SOON)] * 2) as server:
        assert (edit(server) == 255 - SOURCE).all()
    assert len(server.forms) == 3


def test_the_server_says_when_to_come_back() -> None:
    with image_server(refusal(429, "busy", Retry_After="0.4")) as server:
        start = time.monotonic()
        edit(server)
    assert time.monotonic() - start >= 0.4


def test_a_dropped_and_a_short_answer_are_asked_again() -> None:
    short = Reply(body=b'{"data": []}', short=True)
    with image_server(Reply(body=b"", drop=True), short) as server:
        assert (edit(server) == 255 - SOURCE).all()
    assert len(server.forms) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_row_is_told_why_and_not_asked_again(status: int) -> None:
    with (
        image_server(refusal(status, "moderation\nblocked")) as server,
        pytest.raises(EditorError, match=f"refused: HTTP {status}: moderation blocked"),
    ):
        edit(server)
    assert len(server.forms) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_a_wrong_setup_ends_the_run(status: int) -> None:
    reply = refusal(status, "no", Location="http://127.0.0.1:1/elsewhere")
    with (
        image_server(reply) as server,
        pytest.raises(BackendDownError, match=f"does not serve this: HTTP {status}"),
    ):
        edit(server)
    assert len(server.forms) == 1


def test_a_server_that_is_not_there_ends_the_run() -> None:
    with image_server() as server:
        pass
    with pytest.raises(BackendDownError, match="not there or stays busy: ConnectionRefused"):
        edit(server, attempts=2)


def test_a_server_that_stays_busy_ends_the_run() -> None:
    with (
        image_server(*[refusal(429, "quota", **SOON)] * 3) as server,
        pytest.raises(BackendDownError, match="stays busy: HTTP 429: quota"),
    ):
        edit(server, attempts=3)
    assert len(server.forms) == 3


def test_a_failing_row_is_a_reject_until_too_many_fail_in_a_row() -> None:
    fails = refusal(500, "worker died", **SOON)
    with image_server(*[fails] * 8) as server:
        editor = editor_at(server.url, attempts=1, concurrency=1)
        for _ in range(7):
            with pytest.raises(EditorError, match="the server failed: HTTP 500: worker died"):
                editor.edit(SOURCE, "x", 1)
        with pytest.raises(BackendDownError, match="again and again"):
            editor.edit(SOURCE, "x", 1)


def test_a_success_or_a_refusal_starts_the_count_anew() -> None:
    breaker = Breaker(2)
    assert [breaker.failed(), breaker.succeeded(), breaker.failed(), breaker.failed()] == [
        False,
        None,
        False,
        True,
    ]


def test_an_answer_has_so_much_time_and_an_edit_so_much_in_all() -> None:
    with image_server(*[Reply(wait=0.5)] * 9) as server:
        start = time.monotonic()
        with pytest.raises(EditorError, match="the server failed: TimeoutError"):
            edit(server, timeout=0.1, deadline=0.4)
    assert time.monotonic() - start < 3


def test_an_answer_that_is_too_large_is_not_read() -> None:
    with image_server() as server, pytest.raises(EditorError, match="more than 1000 bytes"):
        edit(server, max_response_bytes=1000)


def bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(body=b"<html>"), "no picture: JSONDecodeError"),
        (Reply(body=b'{"data": {}}'), "0 pictures"),
        (Reply(body=b'{"data": [{}]}'), "no picture: KeyError"),
        (Reply(body=b'{"data": [{"b64_json": "%%%"}]}'), "not base64"),
        (reply_with(b"no picture"), "no picture: UnidentifiedImageError"),
        (reply_with(png(SOURCE)[:500]), "no picture: OSError"),
        (reply_with(png(SOURCE), 2), "2 pictures"),
        (reply_with(bomb()), "too large: 9000x9000"),
    ],
)
def test_what_is_no_picture_is_told(reply: Reply, told: str) -> None:
    with image_server(reply) as server, pytest.raises(EditorError, match=told):
        edit(server)


def test_another_size_is_fitted_and_another_shape_is_left_to_the_gate() -> None:
    near, far = np.zeros((96, 128, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    with image_server(reply_with(png(near)), reply_with(png(far))) as server:
        assert edit(server).shape == (48, 64, 3)
        assert edit(server).shape == (64, 64, 3)


def test_a_link_is_followed_to_the_same_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES_KEY", "secret")
    with image_server(link_to("/files/1.png"), link_to("http://localhost:9/2.png")) as server:
        server.files["/files/1.png"] = png(SOURCE)
        assert (edit(server, api_key_variable="IMAGES_KEY") == SOURCE).all()
        with pytest.raises(EditorError, match="another host: localhost:9"):
            edit(server)
    with image_server(link_to("file:///etc/passwd")) as server, pytest.raises(EditorError):
        edit(server)


def test_the_key_is_needed_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGES_KEY", raising=False)
    with image_server(refusal(401, "bad key secret")) as server:
        with pytest.raises(BackendDownError, match="IMAGES_KEY holds no key"):
            edit(server, api_key_variable="IMAGES_KEY")
        monkeypatch.setenv("IMAGES_KEY", "secret")
        with pytest.raises(BackendDownError, match=r"bad key \*\*\*") as caught:
            edit(server, api_key_variable="IMAGES_KEY")
    assert "secret" not in str(caught.value)
    assert "secret" not in json.dumps(editor_at(server.url).identity)


def test_as_many_requests_run_at_once_as_the_settings_say() -> None:
    with image_server(*[Reply(wait=0.1)] * 9) as server:
        requests = [EditRequest(codec.encode_lake(SOURCE), f"prompt {n}", n) for n in range(9)]
        flow = EditFlow(editor_at(server.url, concurrency=3), lambda _: requests, lambda: [0])
        answers = flow.answers(0)
        flow.close()
    assert [codec.decode(a.image)[0, 0].tolist() for a in answers] == [
        (255 - SOURCE[0, 0]).tolist()
    ] * 9
    assert server.most == 3


def test_an_address_that_is_none_is_told() -> None:
    for url in ("ftp://host/v1", "file:///etc", "host:80", ""):
        with pytest.raises(SettingsError, match=r"editors\.remote\.base_url"):
            editor_at(url)
