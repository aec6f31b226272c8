"""A watch finds what is new however little it may do at a time."""

from __future__ import annotations

import itertools
from pathlib import Path

import boto3
import pytest
from backends import write_photographs
from lakes import open_scripted

from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.pipeline.watch import Watch, Watched


def looks(project: Project, source: str, cursor: str | None, entries: int) -> list[Watched]:
    """Look, a few entries at a time by a clock that ticks at each, until a pass is finished."""
    done: list[Watched] = []
    while not done or not done[-1].finished:
        ticks = itertools.count()
        watch = Watch(project, source, entries, lambda ticks=ticks: float(next(ticks)))  # type: ignore[misc]
        done.append(watch.look(cursor))
        cursor = done[-1].cursor.model_dump_json()
        assert len(done) < 100
    return done


def names(project: Project) -> list[str]:
    registry = project.registry
    return [e.name for shard in registry.shards() for e in registry.shard(shard).entries]


@pytest.mark.parametrize("entries", [1, 2, 3, 100])
def test_everything_is_found_whatever_the_budget(tmp_path: Path, entries: int) -> None:
    source = write_photographs(tmp_path / "photographs", range(3))
    write_photographs(source / "b", range(3, 5))
    (source / "notes.txt").write_text("no picture")
    (source / "broken.jpg").mkdir()
    project = open_scripted(tmp_path / "home", {"holdout": 0})
    first = looks(project, str(source), None, entries)
    expected = ["b/photo-003.png", "b/photo-004.png", "broken.jpg"]
    assert names(project) == [*expected, "photo-000.png", "photo-001.png", "photo-002.png"]
    cursor = first[-1].cursor
    quiet = looks(project, str(source), cursor.model_dump_json(), entries)
    assert (quiet[-1].cursor, [s for each in quiet for s in each.shards]) == (cursor, [])
    write_photographs(source / "b", [9])
    looks(project, str(source), cursor.model_dump_json(), entries)
    assert names(project)[-1] == "b/photo-009.png"
    assert len(names(project)) == 7


def test_what_comes_while_a_pass_registers_is_found_by_the_next(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", [5, 6])
    project = open_scripted(tmp_path / "home", {"holdout": 0})
    watched = Watch(project, str(source), 0.0).look(None)
    while not watched.cursor.registering or not watched.cursor.after:
        watched = Watch(project, str(source), 0.0).look(watched.cursor.model_dump_json())
    write_photographs(source, [1])  # before the entry that was just passed
    last = looks(project, str(source), watched.cursor.model_dump_json(), 100)[-1]
    assert names(project) == ["photo-005.png", "photo-006.png"]
    looks(project, str(source), last.cursor.model_dump_json(), 100)
    assert names(project)[-1] == "photo-001.png"


def test_a_look_that_ends_early_makes_whole_shards(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(7))
    project = open_scripted(tmp_path / "home", {"holdout": 0, "shard_size": 3})
    looks(project, str(source), None, 5)
    registry = project.registry
    # The first look had looked through everything before, so that little of its budget was left.
    assert [len(registry.shard(name).entries) for name in registry.shards()] == [2, 3, 2]


@pytest.mark.parametrize("entries", [1, 5, 100])
@pytest.mark.parametrize(("photographs", "held_out"), [(12, 3), (14, 3), (9, 2), (3, 0)])
def test_the_benchmark_is_chosen_from_enough_photographs_whatever_the_budget(
    tmp_path: Path, entries: int, photographs: int, held_out: int
) -> None:
    source = write_photographs(tmp_path / "photographs", range(photographs))
    (source / "broken.jpg").mkdir()
    project = open_scripted(tmp_path / "home", {"holdout": 3})
    looks(project, str(source), None, entries)
    benchmark = project.registry.benchmark()
    chosen = [entry.name for entry in benchmark.entries] if benchmark else []
    assert len(chosen) == held_out
    assert len(names(project)) == photographs + 1 - held_out
    assert set(names(project)).isdisjoint(chosen)


def test_what_waits_for_the_first_registration_survives_what_comes_between(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(6))
    other = write_photographs(tmp_path / "other", range(20, 32))
    project = open_scripted(tmp_path / "home", {"holdout": 3})
    cursors: list[str | None] = [None]
    while not project.registry.gathered(str(source)):
        cursors.append(Watch(project, str(source), 0.0).look(cursors[-1]).cursor.model_dump_json())
    register_source(project, str(other))  # makes the benchmark, and the watch need not wait
    again = cursors[-2]  # the tick died before its cursor was kept
    looks(project, str(source), again, 1)
    assert [name for name in names(project) if name < "photo-020"] == [
        f"photo-{seed:03d}.png" for seed in range(6)
    ]


def test_photographs_that_fail_do_not_stop_the_watch(tmp_path: Path) -> None:
    source = tmp_path / "photographs"
    source.mkdir()
    for number in range(20):
        (source / f"{number:02d}.jpg").write_bytes(b"no picture %d" % number)
    project = open_scripted(tmp_path / "home", {"holdout": 2})
    looks(project, str(source), None, 1)
    assert names(project) == [f"{number:02d}.jpg" for number in range(20)]
    assert project.registry.benchmark() is None


def test_an_odd_cursor_or_another_source_begins_anew(tmp_path: Path) -> None:
    one = str(write_photographs(tmp_path / "one", [1]))
    two = str(write_photographs(tmp_path / "two", [2]))
    project = open_scripted(tmp_path / "home", {"holdout": 0})
    cursor = Watch(project, one).look("0123456789abcdef").cursor
    assert Watch(project, two).look(cursor.model_dump_json()).shards == ("s00001",)


def test_a_bucket_is_watched_by_the_same_cursor(tmp_path: Path, bucket: str) -> None:
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    for number in range(5):
        client.put_object(Bucket=name, Key=f"in/{number}.jpg", Body=b"%d" % number)
    project = open_scripted(tmp_path / "home", {"holdout": 0})
    cursor = looks(project, f"{bucket}/in", None, 2)[-1].cursor
    assert names(project) == [f"{number}.jpg" for number in range(5)]
    client.put_object(Bucket=name, Key="in/2.jpg", Body=b"changed")
    looks(project, f"{bucket}/in", cursor.model_dump_json(), 2)
    assert names(project)[5:] == ["2.jpg"]


@pytest.mark.parametrize("source", ["s3://nowhere/x", "gone"])
def test_a_source_that_is_not_there_is_told_in_one_sentence(
    tmp_path: Path, bucket: str, source: str
) -> None:
    project = open_scripted(tmp_path)
    with pytest.raises(SourceRootError, match=r"NoSuchBucket|is not a folder"):
        Watch(project, source).look(None)
