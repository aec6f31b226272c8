from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import photographs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import encoded, photograph

from unicedit_assets.domain import sources
from unicedit_assets.domain.duplicates import Hashed, keep_first, phash
from unicedit_assets.domain.images import IntakeSettings, Rejected, prepare
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import (
    SourceEntry,
    SourceError,
    glance,
    name_to_text,
    read,
    text_to_name,
    walk,
)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"first")
    return folder


def entries(root, **options):
    return {found.entry.name: found.entry for found in walk(root, **options)}


def refusal(entry, root, **options):
    with pytest.raises(SourceError) as caught:
        read(entry, root, **options)
    assert caught.value.detail
    return caught.value.reason


def verdicts(folder: Path) -> dict[str, Reason | None]:
    """Do what the raw_images stage does over one shard: list, read, prepare, compare."""
    result: dict[str, Reason | None] = {}
    hashed = []
    for found in walk(folder):
        if found.ignored:
            continue
        name = found.entry.name
        try:
            prepared = prepare(read(found.entry, folder), IntakeSettings())
        except SourceError as error:
            result[name] = error.reason
            continue
        if isinstance(prepared, Rejected):
            result[name] = prepared.reason
            continue
        result[name] = None
        hashed.append(Hashed(name, phash(prepared.pixels)))
    return {**result, **dict.fromkeys(keep_first(hashed), Reason.DUPLICATE)}


def test_every_animal_of_the_zoo_gets_its_verdict(tmp_path):
    expected = photographs.hostile_zoo(tmp_path / "zoo")
    assert verdicts(tmp_path / "zoo") == expected
    ignored = [found.entry.name for found in walk(tmp_path / "zoo") if found.ignored]
    assert ignored == ["folder.png/readme", "notes.txt"]


def test_the_zoo_is_found_in_the_same_order_and_survives_json(tmp_path):
    photographs.hostile_zoo(tmp_path / "zoo")
    first = [found.entry for found in walk(tmp_path / "zoo")]
    again = [found.entry for found in walk(tmp_path / "zoo")]
    assert first == again
    stored = json.loads(json.dumps([entry.to_json() for entry in first], ensure_ascii=False))
    assert [SourceEntry.from_json(value) for value in stored] == first
    for entry in first:
        entry.name.encode()  # text that Parquet can hold
    assert len({entry.key for entry in first}) == len(first)


def test_order_is_by_bytes_whatever_the_file_system_says(root, monkeypatch):
    for name in ("Z.jpg", "é.jpg", "b/2.jpg", "b/10.jpg", "b.jpg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    names = list(entries(root))
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: reversed(list(listed(self))))
    assert (
        list(entries(root)) == names == ["Z.jpg", "a.jpg", "b/10.jpg", "b/2.jpg", "b.jpg", "é.jpg"]
    )


def test_a_file_is_known_by_its_content(root):
    entry = entries(root)["a.jpg"]
    assert entry.size == 5
    assert entry.version.startswith("sha256:")
    assert read(entry, root) == b"first"
    (root / "a.jpg").write_bytes(b"other")
    assert refusal(entry, root) is Reason.CHANGED
    assert entries(root)["a.jpg"].key != entry.key


def test_a_file_deleted_later_is_unreadable(root):
    entry = entries(root)["a.jpg"]
    (root / "a.jpg").unlink()
    assert refusal(entry, root) is Reason.UNREADABLE


def test_a_root_that_is_away_is_not_blamed_on_the_files(root):
    entry = entries(root)["a.jpg"]
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        refusal(entry, root)
    root.with_name("elsewhere").rename(root)
    assert read(entry, root)


def test_a_file_that_became_something_else_is_refused(root, tmp_path):
    entry = entries(root)["a.jpg"]
    path = root / "a.jpg"
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"first")
    path.unlink()
    path.symlink_to(outside)
    assert refusal(entry, root) is Reason.OUTSIDE_ROOT
    path.unlink()
    os.mkfifo(path)
    assert refusal(entry, root) is Reason.NOT_A_FILE
    path.unlink()
    path.mkdir()
    assert refusal(entry, root) is Reason.NOT_A_FILE


def test_a_folder_on_the_way_that_became_a_link_out_is_refused(root, tmp_path):
    (root / "sub").mkdir()
    (root / "sub" / "b.jpg").write_bytes(b"second")
    entry = entries(root)["sub/b.jpg"]
    (root / "sub").rename(tmp_path / "moved")
    (root / "sub").symlink_to(tmp_path / "moved")
    assert refusal(entry, root) is Reason.OUTSIDE_ROOT


def test_a_link_made_between_the_check_and_the_opening_is_not_followed(root, tmp_path, monkeypatch):
    entry = entries(root)["a.jpg"]
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(b"first")
    (root / "a.jpg").unlink()
    (root / "a.jpg").symlink_to(outside)
    monkeypatch.setattr(os.path, "realpath", lambda path, **_: str(path))
    assert refusal(entry, root) is Reason.NOT_A_FILE


@pytest.mark.parametrize("name", ["../secret.jpg", "%2E%2E/secret.jpg", "/etc/passwd", "a%00.jpg"])
def test_a_forged_name_does_not_lead_out(root, name):
    (root.parent / "secret.jpg").write_bytes(b"first")
    forged = SourceEntry(name, 5, entries(root)["a.jpg"].version)
    assert refusal(forged, root) in {Reason.OUTSIDE_ROOT, Reason.UNREADABLE}


def test_links_inside_the_root(root):
    (root / "sub").mkdir()
    (root / "link.jpg").symlink_to("a.jpg")
    (root / "sub" / "up.jpg").symlink_to("../a.jpg")
    (root / "folder-link").symlink_to("sub")
    (root / "folder.png").symlink_to("sub")
    (root / "loop").symlink_to(".")
    found = entries(root)
    assert found["link.jpg"].version == found["sub/up.jpg"].version == found["a.jpg"].version
    assert read(found["sub/up.jpg"], root) == b"first"
    assert found["folder.png"].problem is Reason.NOT_A_FILE
    ignored = {f.entry.name for f in walk(root) if f.ignored}
    assert ignored == {"folder-link", "loop"}


def test_a_link_to_a_neighbour_with_the_same_beginning_is_outside(root):
    neighbour = root.parent / "root-other"
    neighbour.mkdir()
    (neighbour / "b.jpg").write_bytes(b"x")
    (root / "link.jpg").symlink_to(neighbour / "b.jpg")
    assert entries(root)["link.jpg"].problem is Reason.OUTSIDE_ROOT


def test_a_root_that_is_itself_a_link_is_fine(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    found = entries(tmp_path / "alias")
    assert list(found) == ["a.jpg"]
    assert read(found["a.jpg"], tmp_path / "alias") == b"first"


def test_sockets_and_pipes_are_no_files(root):
    os.mkfifo(root / "pipe.png")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s.jpg"))
        found = {f.entry.name: f for f in walk(root)}
    assert found["pipe.png"].entry.problem is Reason.NOT_A_FILE
    assert found["s.jpg"].entry.problem is Reason.NOT_A_FILE
    assert found["pipe"].ignored


def refuse_to_open(monkeypatch, code):
    """Root may read everything, so the refusal is planted where files are opened."""
    opened = os.open

    def refuse(path, *args, **options):
        if os.fspath(path) == "a.jpg":
            raise OSError(code, os.strerror(code))
        return opened(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_an_unreadable_file_is_accounted_for(root, monkeypatch):
    readable = entries(root)["a.jpg"]
    refuse_to_open(monkeypatch, errno.EACCES)
    entry = entries(root)["a.jpg"]
    assert entry.problem is Reason.UNREADABLE
    assert entry.detail == os.strerror(errno.EACCES)
    assert refusal(entry, root) is Reason.UNREADABLE
    assert refusal(readable, root) is Reason.UNREADABLE


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN])
def test_a_failing_disk_or_mount_is_not_blamed_on_the_file(root, monkeypatch, code):
    entry = entries(root)["a.jpg"]
    refuse_to_open(monkeypatch, code)
    for look in (lambda: list(walk(root)), lambda: read(entry, root)):
        with pytest.raises(OSError) as caught:
            look()
        assert caught.value.errno == code


@pytest.fixture
def tree(root):
    for name in ("b/c/1.jpg", "b/c/2.jpg", "b/d.jpg", "b.jpg", "a/9.jpg", "z.png", "notes.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "folder.png").mkdir()
    (root / "folder.png" / "in.jpg").write_bytes(b"x")
    return root


@pytest.mark.parametrize("listed", [walk, glance])
def test_a_walk_goes_on_after_any_entry(tree, listed):
    whole = [found.entry.name for found in listed(tree)]
    assert len(whole) == 10
    for place, name in enumerate(whole):
        assert [f.entry.name for f in listed(tree, after=name)] == whole[place + 1 :]


def test_a_walk_goes_on_after_an_entry_that_is_gone(tree):
    (tree / "b" / "c" / "1.jpg").unlink()
    after = [found.entry.name for found in walk(tree, after="b/c/1.jpg")]
    assert after[:2] == ["b/c/2.jpg", "b/d.jpg"]
    assert next(walk(tree, after="b/gone/x.jpg")).entry.name == "b.jpg"


def test_a_glance_sees_a_change_without_opening_a_file(tree, monkeypatch):
    before = {found.entry.name: found.entry for found in glance(tree)}
    monkeypatch.setattr(os, "open", lambda *_, **__: pytest.fail("a file was opened"))
    os.utime(tree / "b.jpg", ns=(1, 1))
    after = {found.entry.name: found.entry for found in glance(tree)}
    assert {name for name in before if before[name] != after[name]} == {"b.jpg"}


def test_a_lack_on_our_side_is_not_blamed_on_the_file(root, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="too many"):
        list(walk(root))


def test_an_unreadable_folder_is_accounted_for(root, monkeypatch):
    (root / "closed").mkdir()
    (root / "closed" / "b.jpg").write_bytes(b"x")
    listed = Path.iterdir

    def refuse(self):
        if self.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = entries(root)
    assert found["closed"].problem is Reason.UNREADABLE
    assert found["a.jpg"].problem is None


def test_what_cannot_be_looked_at_is_not_ignored(root, monkeypatch):
    (root / "sub").mkdir()
    looked = Path.lstat

    def refuse(self):
        if self.name == "sub":
            raise PermissionError(errno.EACCES, "Permission denied")
        return looked(self)

    monkeypatch.setattr(Path, "lstat", refuse)
    assert entries(root)["sub"].problem is Reason.UNREADABLE


def test_the_size_cap_holds_at_listing_and_at_reading(root):
    assert entries(root, max_bytes=5)["a.jpg"].problem is None
    assert entries(root, max_bytes=4)["a.jpg"].problem is Reason.BOMB
    assert refusal(entries(root)["a.jpg"], root, max_bytes=4) is Reason.BOMB


@pytest.mark.parametrize("wrong", ["missing", "a.jpg"])
def test_a_root_that_is_no_folder_is_an_error(root, wrong):
    with pytest.raises(OSError, match=wrong):
        list(walk(root / wrong))


def test_a_deep_tree_is_no_trouble(root):
    deep = root
    for _ in range(600):
        deep = deep / "d"
        deep.mkdir()
    (deep / "b.jpg").write_bytes(b"x")
    assert len(entries(root)) == 2


@pytest.mark.parametrize("name", ["A.JPG", "b.Jpeg", "c.d.webp", "x.TIFF", "y.heic"])
def test_names_that_claim_to_be_pictures(name):
    assert sources.claims_to_be_image(name)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "Makefile"])
def test_names_that_do_not(name):
    assert not sources.claims_to_be_image(name)


@given(st.binary(min_size=1).filter(lambda b: b"\0" not in b))
def test_any_name_becomes_text_and_comes_back(name):
    text = name_to_text(name)
    text.encode()
    assert text.isprintable() or not text.isascii()
    assert text_to_name(text) == name


@given(st.text(st.characters(categories=["L", "N"], include_characters=" -_.&<>'"), min_size=1))
def test_ordinary_names_stay_as_they_are(name):
    assert name_to_text(name.encode()) == name


@given(
    st.builds(
        SourceEntry,
        st.text(),
        st.integers(0, 2**40),
        st.text(),
        st.none() | st.sampled_from(Reason),
        st.text(),
    )
)
def test_entries_survive_json(entry):
    assert SourceEntry.from_json(json.loads(json.dumps(entry.to_json()))) == entry


@pytest.mark.parametrize("broken", [{}, {"problem": "no such reason"}])
def test_broken_json_is_an_error(broken):
    with pytest.raises((KeyError, ValueError)):
        SourceEntry.from_json(broken)


def test_a_prepared_source_is_the_photograph(root):
    (root / "photo.png").write_bytes(encoded(photograph(1), "PNG"))
    data = read(entries(root)["photo.png"], root)
    assert not isinstance(prepare(data, IntakeSettings()), Rejected)
