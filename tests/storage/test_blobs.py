"""Every store keeps the same promises; keys cannot leave it."""

from __future__ import annotations

import errno
import io
import os
import stat
import string
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.storage.blobs import (
    BadKey,
    BlobStore,
    LocalStore,
    MissingBlob,
    StorageError,
    StorageFull,
    is_key,
    open_store,
)

SAFE = string.ascii_letters + string.digits + "._=-"
BAD_KEYS = [
    "",
    "/etc/passwd",
    "../outside",
    "a/../../outside",
    "a//b",
    "a/",
    "./a",
    ".hidden",
    "a/.tmp-1",
    "a b",
    "ä",
    "a\nb",
    "a\\b",
    "a\x00b",
    "x" * 256,
    "/".join(["x" * 200] * 5),
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_writer_wins(store: BlobStore) -> None:
    assert store.put_new("a/b.json", b"one")
    assert not store.put_new("a/b.json", b"two")
    assert store.read("a/b.json") == b"one"


def test_put_replaces(store: BlobStore) -> None:
    store.put("pointer", b"one")
    store.put("pointer", b"two")
    assert store.read("pointer") == b"two"


def test_a_reader_never_sees_half_a_replacement(store: BlobStore) -> None:
    versions = [bytes([value]) * 3_000_000 for value in (1, 2)]
    store.put("pointer", versions[0])

    def replace() -> None:
        for version in versions * 10:
            store.put("pointer", version)

    writer = threading.Thread(target=replace)
    writer.start()
    seen = [store.read("pointer")]
    while writer.is_alive():
        seen.append(store.read("pointer"))
    writer.join()
    assert all(data in versions for data in seen)


def test_upload_publishes_a_copy_once(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(bytes(range(256)) * 9_000)
    assert store.upload_new("big/file.bin", source)
    source.write_bytes(b"changed later")
    assert not store.upload_new("big/file.bin", source)
    assert store.read("big/file.bin") == bytes(range(256)) * 9_000


def test_uploading_a_missing_file_says_so(store: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.upload_new("key", tmp_path / "absent")
    assert not store.exists("key")


def test_missing_blobs(store: BlobStore) -> None:
    store.put_new("folder/file", b"")
    assert store.exists("folder/file")
    for key in ("absent", "folder", "folder/file/below"):
        assert not store.exists(key)
        for ask in (store.read, store.open, store.modified):
            with pytest.raises(MissingBlob, match=key):
                ask(key)


def test_a_missing_blob_is_a_key_error_with_a_plain_text(store: BlobStore) -> None:
    with pytest.raises(KeyError) as caught:
        store.read("absent")
    assert str(caught.value) == f"{store.url} has no absent"


def test_keys_are_sorted_and_stop_at_the_folder(store: BlobStore) -> None:
    for key in ("s1/b", "s1/a/x", "s10/a", "s1.txt", "s1/a.b"):
        store.put_new(key, b"")
    assert list(store.keys("s1")) == list(store.keys("s1/")) == ["s1/a.b", "s1/a/x", "s1/b"]
    assert list(store.keys("")) == ["s1.txt", "s1/a.b", "s1/a/x", "s1/b", "s10/a"]
    assert list(store.keys("nothing")) == []


def test_open_gives_a_seekable_file(store: BlobStore) -> None:
    data = bytes(range(250))
    store.put_new("file", data)
    with store.open("file") as file:
        assert file.seek(0, io.SEEK_END) == 250
        assert file.read() == b""
        assert file.seek(10) == 10
        assert file.read(5) == data[10:15]
        assert file.tell() == 15
        assert file.seek(-3, io.SEEK_CUR) == 12
        assert file.read(1_000) == data[12:]
        buffer = bytearray(4)
        file.seek(100)
        assert file.readinto(buffer) == 4  # type: ignore[attr-defined]
        assert buffer == data[100:104]


def test_later_blobs_are_not_older(store: BlobStore) -> None:
    store.put_new("one", b"")
    store.put_new("two", b"")
    assert store.modified("one") <= store.modified("two")


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys_are_refused_everywhere(store: BlobStore, key: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for act in (
        lambda: store.put_new(key, b"x"),
        lambda: store.put(key, b"x"),
        lambda: store.upload_new(key, source),
        lambda: store.read(key),
        lambda: store.open(key),
        lambda: store.exists(key),
        lambda: store.modified(key),
    ):
        with pytest.raises(BadKey):
            act()
    if key.rstrip("/") == key and key:
        with pytest.raises(BadKey):
            list(store.keys(key))
    assert list(store.keys("")) == []


@given(st.text(max_size=60) | st.text(alphabet=SAFE + "/", max_size=60))
def test_a_key_never_names_a_file_outside(key: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "lake")
        store = LocalStore(root)
        if is_key(key):
            assert store.put_new(key, b"x")
            assert list(store.keys("")) == [key]
        else:
            with pytest.raises(BadKey):
                store.put_new(key, b"x")
        assert set(names(Path(folder))) <= {"lake"}


@given(st.text(alphabet=SAFE + "/", max_size=300))
def test_a_key_is_made_of_safe_visible_segments(key: str) -> None:
    segments = key.split("/")
    good = all(segment and segment[0] != "." and len(segment) <= 255 for segment in segments)
    assert is_key(key) == good


def test_links_that_leave_the_root_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "lake"
    root.mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "loop").symlink_to(root / "loop")
    store = LocalStore(root)
    for key in ("folder/secret", "file", "folder/new"):
        for act in (store.read, store.exists, lambda key: store.put(key, b"x")):
            with pytest.raises(BadKey, match="symbolic link"):
                act(key)
    assert not store.exists("loop")
    assert list(store.keys("")) == []
    assert (outside / "secret").read_bytes() == b"secret"
    assert names(outside) == ["secret"]


def test_a_root_behind_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "disk")
    store = open_store(str(tmp_path / "lake"))
    assert store.put_new("a/b", b"x")
    assert open_store(store.url).read("a/b") == b"x"


def test_a_file_and_a_folder_cannot_share_a_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_new("a", b"x")
    store.put_new("b/c", b"x")
    for key in ("a/b", "b"):
        with pytest.raises(BadKey, match="share a name"):
            store.put_new(key, b"y")
        with pytest.raises(BadKey, match="share a name"):
            store.put(key, b"y")
    assert list(store.keys("")) == ["a", "b/c"]


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    store = open_store(tmp_path / "lake")
    assert list(store.keys("")) == []
    assert not store.exists("a")
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("url", ["gs://bucket/x", "https://host/x", "s3://", "s3:///x"])
def test_other_places_are_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(StorageError, match="s3://"):
        open_store(url)


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/lake").url == str(tmp_path / "lake")


def test_without_hard_links_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError, match="no hard links"):
        store.put_new("a", b"x")
    assert names(tmp_path) == []


def test_bytes_are_on_the_disk_before_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut may lose a blob, never leave a name without its bytes."""
    store = LocalStore(tmp_path)
    events: list[str] = []
    fsync, link, replace = os.fsync, os.link, Path.replace

    def synced(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        events.append(f"sync {kind}")
        fsync(descriptor)

    def linked(*paths: Path) -> None:
        events.append("name")
        link(*paths)

    def replaced(self: Path, target: Path) -> Path:
        events.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    monkeypatch.setattr(Path, "replace", replaced)
    store.put("a", b"x")
    store.put_new("b", b"x")
    store.upload_new("c", tmp_path / "a")
    assert events == ["sync file", "name", "sync folder"] * 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = LocalStore(tmp_path / "lake")
    store.put("a", b"old")

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    for act in (lambda: store.put("a", b"new"), lambda: store.put_new("b", b"new")):
        with pytest.raises(StorageFull, match=r"No room to write .*: nothing was changed;"):
            act()
    assert store.read("a") == b"old"
    assert names(tmp_path / "lake") == ["a"]


def test_other_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageError, match=r"Cannot write .*/a: Input/output error"):
        LocalStore(tmp_path).put("a", b"x")


def test_a_moved_blob_is_under_its_new_key_alone(store: BlobStore) -> None:
    store.put("a/b", b"data")
    store.move("a/b", "quarantine/now/a/b")
    assert list(store.keys("")) == ["quarantine/now/a/b"]
    assert store.read("quarantine/now/a/b") == b"data"
    assert store.put_new("a/b", b"new")
    with pytest.raises(MissingBlob):
        store.move("a/c", "a/d")
