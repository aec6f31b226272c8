"""New photographs: shards, Dagster partitions and run requests; nothing new: silence."""

from __future__ import annotations

import dagster as dg
import pytest
from backends import write_photographs
from lakes import write_settings
from worlds import World

import sensors.new_images
from sensors.new_images import MAX_REQUESTS, new_images
from unicedit_assets.partitions import SHARDS
from unicedit_assets.pipeline.intake import register_source


def tick(world: World, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=world.instance, cursor=cursor)
    found = new_images(context, project=world.resource)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def accept(world: World, result: dg.SensorResult | dg.SkipReason) -> dg.SensorResult:
    """Do what the daemon does with a result, except for the runs."""
    assert isinstance(result, dg.SensorResult)
    for request in result.dynamic_partitions_requests or ():
        world.instance.add_dynamic_partitions(str(SHARDS.name), list(request.partition_keys))
    return result


def test_new_photographs_become_partitions_and_requests(world: World) -> None:
    first = accept(world, tick(world))
    assert world.instance.get_dynamic_partitions("shards") == ["s00000", "s00001"]
    write_photographs(world.home / "photographs", [50, 51, 52])
    result = accept(world, tick(world, first.cursor))
    assert world.project().registry.shards() == ["s00000", "s00001", "s00002", "s00003"]
    assert world.instance.get_dynamic_partitions("shards")[2:] == ["s00002", "s00003"]
    requests = list(result.run_requests or ())
    assert [request.partition_key for request in requests] == ["s00002", "s00003"]
    assert {request.job_name for request in requests} == {"make_raw_images"}
    assert result.cursor != first.cursor


def test_nothing_new_is_skipped_without_listing_again(world: World) -> None:
    cursor = accept(world, tick(world)).cursor
    found = tick(world, cursor)
    assert isinstance(found, dg.SkipReason)
    assert "nothing new below" in str(found.skip_message)


def test_a_changed_or_deleted_file_is_looked_at_again(world: World) -> None:
    cursor = accept(world, tick(world)).cursor
    (world.home / "photographs" / "photo-001.png").unlink()
    result = accept(world, tick(world, cursor))
    assert (list(result.run_requests or ()), result.cursor != cursor) == ([], True)


def test_shards_of_a_tick_that_died_are_found_by_the_next(world: World) -> None:
    cursor = accept(world, tick(world)).cursor
    source = write_photographs(world.home / "photographs", [50])
    register_source(world.project(), str(source))  # and then the daemon was killed
    result = accept(world, tick(world, cursor))
    assert [request.partition_key for request in result.run_requests or ()] == ["s00002"]


def test_no_source_and_a_removed_source_say_what_to_do(world: World) -> None:
    cursor = accept(world, tick(world)).cursor
    (world.home / "photographs").rename(world.home / "gone")
    found = tick(world, cursor)
    assert isinstance(found, dg.SkipReason)
    assert "photographs is not a folder" in str(found.skip_message)
    (world.home / "gone").rename(world.home / "photographs")
    assert isinstance(tick(world, cursor), dg.SkipReason)
    write_settings(world.home, {"source": ""})
    found = tick(world, cursor)
    assert isinstance(found, dg.SkipReason)
    assert "set `source` in unicedit.toml" in str(found.skip_message)


def test_a_tick_stops_at_its_budget_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors.new_images, "BUDGET", 0.0)  # each tick passes one entry
    write_photographs(world.home / "photographs", [50])
    cursor, ticks = None, 0
    while len(world.project().registry.shards()) == 2:
        result = accept(world, tick(world, cursor))
        assert result.cursor != cursor
        cursor, ticks = result.cursor, ticks + 1
    assert ticks > 10  # a pass that looks at six, then one that registers them
    (entry,) = world.project().registry.shard("s00002").entries
    assert entry.name == "photo-050.png"
    requests = list(result.run_requests or ())
    assert "s00002" in [request.partition_key for request in requests]


def test_a_burst_asks_for_no_more_than_the_cap(world: World) -> None:
    write_settings(world.home, {"source": str(world.home / "photographs"), "shard_size": 1})
    folder = world.home / "photographs"
    for number in range(MAX_REQUESTS + 5):
        (folder / f"tiny-{number}.png").write_bytes(b"not a picture %d" % number)
    result = accept(world, tick(world))
    assert len(list(result.run_requests or ())) == MAX_REQUESTS
    assert len(world.instance.get_dynamic_partitions("shards")) == 2 + MAX_REQUESTS + 5


def test_what_it_asks_for_can_be_run_and_then_it_is_quiet(world: World) -> None:
    write_photographs(world.home / "photographs", [50])
    result = accept(world, tick(world))
    requests = list(result.run_requests or ())
    # Only the new shard was missing; the others are in the lake, but Dagster is told of them.
    assert [request.partition_key for request in requests] == ["s00000", "s00001", "s00002"]
    assert all(world.grant(request).success for request in requests)
    assert isinstance(tick(world, result.cursor), dg.SkipReason)


def test_what_a_burst_left_behind_is_asked_for_at_the_next_tick(world: World) -> None:
    write_settings(world.home, {"source": str(world.home / "photographs"), "shard_size": 1})
    folder = world.home / "photographs"
    for number in range(MAX_REQUESTS + 5):
        (folder / f"tiny-{number}.png").write_bytes(b"not a picture %d" % number)
    first = accept(world, tick(world))
    for request in list(first.run_requests or ()):
        assert world.grant(request).success
    second = accept(world, tick(world, first.cursor))
    assert len(list(second.run_requests or ())) == 2 + 5
