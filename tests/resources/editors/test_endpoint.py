"""The endpoint editor against a real local server that misbehaves by script."""

from __future__ import annotations

import errno
import io
import json
import os
import threading
import time
import traceback
from concurrent.futures import CancelledError
from contextlib import suppress
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
from resources.editors.endpoint import RemoteEditor
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


@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 407, 307])
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


@pytest.mark.parametrize("reason", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EMFILE, None])
def test_before_a_connection_stands_no_row_is_condemned(
    reason: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = OSError(reason, os.strerror(reason)) if reason else TimeoutError("timed out")

    def unconnected(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("socket.create_connection", unconnected)
    for url in ("http://192.0.2.1/v1", "https://192.0.2.1/v1"):
        with pytest.raises(BackendDownError, match="the server is not there or stays busy"):
            editor_at(url, attempts=1).edit(SOURCE, "x", 1)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_stays_busy_ends_the_run(status: int) -> None:
    with (
        image_server(*[refusal(status, "quota", **SOON)] * 3) as server,
        pytest.raises(BackendDownError, match=f"stays busy: HTTP {status}: quota"),
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
        with pytest.raises(BackendDownError, match=r"row after row .* HTTP 500: worker died"):
            editor.edit(SOURCE, "x", 1)


def told_by(editor: RemoteEditor, rows: int) -> list[type[Exception] | None]:
    """Return what becomes of so many rows: the kind of error, or None for a picture."""
    found: list[type[Exception] | None] = []
    for _ in range(rows):
        try:
            editor.edit(SOURCE, "x", 1)
        except (EditorError, BackendDownError) as error:
            found.append(BackendDownError if isinstance(error, BackendDownError) else EditorError)
        else:
            found.append(None)
    return found


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>"),
        Reply(body=b'{"data": []}'),
        refusal(400, "unknown parameter: response_format"),
        link_to("http://elsewhere:9/1.png"),
        link_to("/files/none.png"),
        reply_with(b"no picture"),
        reply_with(png(np.random.default_rng(2).integers(0, 256, (300, 300, 3), np.uint8))),
    ],
)
def test_a_server_that_never_gives_a_picture_ends_the_run(reply: Reply) -> None:
    with image_server(*[reply] * 9) as server:
        editor = editor_at(server.url, concurrency=1, max_response_bytes=100_000)
        assert told_by(editor, 9) == [EditorError] * 7 + [BackendDownError] * 2


def test_a_picture_starts_the_count_anew_and_refusals_count_no_more() -> None:
    refused, failing = refusal(400, "moderated"), refusal(500, "died")
    script = [*[refused] * 7, Reply(), *[refused] * 20, *[failing] * 7, refused, failing]
    with image_server(*script) as server:
        told = told_by(editor_at(server.url, concurrency=1, attempts=1), len(script))
    assert told == [*[EditorError] * 7, None, *[EditorError] * 28, BackendDownError]


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


@pytest.mark.parametrize("ending", ["\n", "\r\n", " "])
def test_a_key_may_end_in_a_newline(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES_KEY", f"secret{ending}")
    with image_server() as server:
        edit(server, api_key_variable="IMAGES_KEY")
    assert server.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "key", ["sec\nret", "sec\x01ret", "sec\x85ret", "secret\u2026", "密钥secret"]
)
def test_a_key_that_cannot_be_sent_ends_the_run_untold(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGES_KEY", key)
    with image_server() as server, pytest.raises(BackendDownError) as caught:
        edit(server, api_key_variable="IMAGES_KEY")
    assert str(caught.value) == (
        "editors.remote: the environment variable IMAGES_KEY holds characters that no key has"
    )
    assert not server.headers


@pytest.mark.parametrize(
    "reply",
    [
        refusal(401, "Incorrect API key: sk-p******wxyz."),
        refusal(400, f"{'x ' * 140}you sent sk-proj-0123-wxyz to us"),
        refusal(500, "sk-proj-0123-wxyz"),
        link_to("http://sk-proj-0123-wxyz@elsewhere/"),
        Reply(body=b'{"data": [{"b64_json": "", "url": "http://[sk-proj-0123-wxyz"}]}'),
    ],
)
def test_what_a_server_says_of_the_key_is_kept_back(
    reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGES_KEY", "sk-proj-0123-wxyz\n")
    with image_server(reply) as server:
        editor = editor_at(server.url, api_key_variable="IMAGES_KEY", attempts=1)
        with pytest.raises((EditorError, BackendDownError)) as caught:
            editor.edit(SOURCE, "x", 1)
    told = "".join(traceback.format_exception(caught.value))
    assert "sk-p" not in told
    assert "wxyz" not in told


@pytest.mark.parametrize("status", [401, 403, 404, 410, 307])
def test_a_picture_that_is_gone_is_its_rows_matter(status: int) -> None:
    with image_server(link_to("/files/1.png"), Reply()) as server:
        server.refused["/files/1.png"] = status
        with pytest.raises(EditorError, match=f"links to is not there: HTTP {status}"):
            edit(server)
        edit(server)


def test_a_flow_that_ends_does_not_wait_for_tries_to_come() -> None:
    patient = {"Retry_After": "60"}
    with image_server(refusal(503, "busy", **patient), refusal(503, "busy", **patient)) as server:
        editor = editor_at(server.url, concurrency=2)
        requests = [EditRequest(codec.encode_lake(SOURCE), f"prompt {n}", n) for n in range(3)]
        flow = EditFlow(editor, lambda _: requests, lambda: [0])
        ahead = threading.Thread(target=lambda: suppressed(flow), daemon=True)
        ahead.start()
        while len(server.forms) < 2:
            time.sleep(0.01)
        start = time.monotonic()
        flow.close()
        assert time.monotonic() - start < 10
        # The editor is as good as before for whoever comes next.
        assert (editor.edit(SOURCE, "x", 1).pixels == 255 - SOURCE).all()


def suppressed(flow: EditFlow) -> None:
    with suppress(BackendDownError, CancelledError):
        flow.answers(0)


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
