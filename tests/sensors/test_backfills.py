"""Schedules: what is missing and ready, a few at a time, until nothing is."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
from backends import write_photographs
from worlds import World

from sensors.schedules import BACKFILLS, MAX_REQUESTS
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.pending import PIPELINE, State, standings

BY_STAGE = {schedule.name.removeprefix("backfill_"): schedule for schedule in BACKFILLS}


def tick(world: World, stage: str) -> list[dg.RunRequest]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    context = dg.build_schedule_context(world.instance, moment)
    found = BY_STAGE[stage](context, project=world.resource)
    if isinstance(found, dg.SkipReason):
        assert found.skip_message == f"nothing of {stage} is missing and ready"
        return []
    assert found
    return list(found)


def grow(world: World, seeds: list[int]) -> None:
    source = write_photographs(world.home / "photographs", seeds)
    register_source(world.project(), str(source))


def test_there_is_one_for_each_stage() -> None:
    assert tuple(BY_STAGE) == PIPELINE


def test_a_finished_lake_is_left_alone(lasting_world: World) -> None:
    assert [tick(lasting_world, stage) for stage in PIPELINE] == [[]] * len(PIPELINE)


def test_only_what_is_ready_is_asked_for_and_dagster_knows_it(lasting_world: World) -> None:
    grow(lasting_world, [60])
    assert [request.partition_key for request in tick(lasting_world, "raw_images")] == ["s00002"]
    assert "s00002" in lasting_world.instance.get_dynamic_partitions("shards")
    # A shard that nobody told Dagster of would fail the whole tick.
    assert lasting_world.instance.get_dynamic_partitions("releases") == ["test"]
    assert [tick(lasting_world, stage) for stage in PIPELINE[1:]] == [[]] * (len(PIPELINE) - 1)


def test_a_tick_asks_for_a_few(lasting_world: World) -> None:
    grow(lasting_world, list(range(60, 60 + 2 * (MAX_REQUESTS + 2))))
    first = tick(lasting_world, "raw_images")
    assert len(first) == MAX_REQUESTS
    assert first == tick(lasting_world, "raw_images")


@pytest.mark.slow
def test_ticks_bring_a_grown_lake_up_to_date(lasting_world: World) -> None:
    grow(lasting_world, [60])
    for stage in PIPELINE:
        for request in tick(lasting_world, stage):
            assert lasting_world.grant(request).success
    assert {found.state for found in standings(lasting_world.project())} == {State.CURRENT}
    assert [tick(lasting_world, stage) for stage in PIPELINE] == [[]] * len(PIPELINE)
