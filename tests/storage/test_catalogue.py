"""The catalogue answers about many partitions and never reads a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicedit_assets.domain.reasons import Outcome
from unicedit_assets.storage.blobs import LocalStore
from unicedit_assets.storage.catalogue import Catalogue, NearPair
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest
from unicedit_assets.storage.terms import ChunkOutput, PartitionSpec

NOISE = np.random.default_rng(0).bytes
HASHES = ["0000000000000000", "0000000000000007", "8000000000000000", "ffffffffffffffff"]


def commit(
    ledger: Ledger,
    stage: str,
    partition: str,
    rows: dict[str, list[object]],
    inputs: dict[str, str],
    rejects: list[tuple[str, str, str]] = [],  # noqa: B006
) -> Manifest:
    rejected = sum(outcome == "rejected" for _, outcome, _ in rejects)
    accepted = len(next(iter(rows.values())))
    counts = Counts(
        inputs=accepted + len(rejects),
        accepted=accepted,
        rejected=rejected,
        failed=len(rejects) - rejected,
        reasons={reason: 1 for _, _, reason in rejects},
    )
    fields = ("unit_id", "outcome", "reason")
    lost = {
        name: pa.array([row[i] for row in rejects], pa.string()) for i, name in enumerate(fields)
    }
    output = ChunkOutput({"rows": pa.table(rows), "rejects": pa.table(lost)}, counts)
    spec = PartitionSpec(stage, partition, f"fp-{stage}", "1", {}, inputs)
    return ledger.commit(spec, 1, lambda _: output).manifest


def two_shards(ledger: Ledger, picture: int = 2_000) -> list[Manifest]:
    """Two shards: four images, four instructions, four edits, two good verdicts, one bad."""
    found = []
    for shard, (one, two) in (("s00000", (0, 1)), ("s00001", (2, 3))):
        images = {
            "image_id": [f"image{one}", f"image{two}"],
            "phash": [HASHES[one], HASHES[two]],
            "pixel_sha256": ["same", "same" if shard == "s00000" else "other"],
            "image": [NOISE(picture), NOISE(picture)],
        }
        instructions = {
            "instruction_id": [f"text{one}", f"text{two}"],
            "image_id": [f"image{one}", f"image{two}"],
            "subtask": ["Lens Zooming", "Motion Change"],
        }
        edits = {
            "edit_id": [f"edit{one}", f"edit{two}"],
            "instruction_id": [f"text{one}", f"text{two}"],
            "image_id": [f"image{one}", f"image{two}"],
            "subtask": ["Lens Zooming", "Motion Change"],
            "edit_image": [NOISE(picture), NOISE(picture)],
        }
        verdicts = {"edit_id": [f"edit{one}"], "subtask": ["Lens Zooming"], "confidence": [0.9]}
        texts = {f"raw_images/{shard}": "fp-raw_images"}
        made = {f"instructions/{shard}": "fp-instructions"}
        judged = {f"edits/{shard}/classical": "fp-edits"}
        found += [
            commit(ledger, "verified_edits", f"{shard}/classical", verdicts, judged,
                   [(f"edit{two}", "rejected", "no_edit")]),
            commit(ledger, "raw_images", shard, images, {}),
            commit(ledger, "instructions", shard, instructions, texts),
            commit(ledger, "edits", f"{shard}/classical", edits, made),
        ]  # fmt: skip
    return found


@pytest.fixture
def manifests(ledger: Ledger) -> list[Manifest]:
    return two_shards(ledger)


@pytest.fixture
def catalogue(ledger: Ledger, manifests: list[Manifest]) -> Iterator[Catalogue]:
    with Catalogue(ledger, manifests) as opened:
        yield opened


def test_the_funnel_adds_up_partitions_in_pipeline_order(catalogue: Catalogue) -> None:
    funnel = catalogue.funnel()
    stages = ["raw_images", "instructions", "edits", "verified_edits"]
    assert [row.stage for row in funnel] == stages
    verified = funnel[-1]
    assert (verified.partitions, verified.counts.inputs, verified.counts.accepted) == (2, 4, 2)
    assert verified.counts.reasons == {"no_edit": 2}


def test_the_distribution_counts_accepted_rows(catalogue: Catalogue) -> None:
    counted = {(row.stage, row.task, row.subtask): row.rows for row in catalogue.distribution()}
    assert counted == {
        ("instructions", "Scene Editing", "Lens Zooming"): 2,
        ("instructions", "Attribute Editing", "Motion Change"): 2,
        ("edits", "Scene Editing", "Lens Zooming"): 2,
        ("edits", "Attribute Editing", "Motion Change"): 2,
        ("verified_edits", "Scene Editing", "Lens Zooming"): 2,
    }


def test_exact_duplicates_are_found_across_shards(catalogue: Catalogue) -> None:
    (group,) = catalogue.duplicates()
    assert (group.value, group.ids) == ("same", ("image0", "image1", "image2"))
    assert catalogue.duplicates("edits", "edit_id", "edit_id") == []


def test_near_duplicates_are_pairs_within_the_distance(catalogue: Catalogue) -> None:
    assert catalogue.near_duplicates(1) == [NearPair("image0", "image2", 1)]
    assert catalogue.near_duplicates(4) == [
        NearPair("image0", "image1", 3),
        NearPair("image0", "image2", 1),
        NearPair("image1", "image2", 4),
    ]


def test_near_duplicates_agree_with_brute_force(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    base = random.integers(0, 2**64, 40, dtype=np.uint64)
    flips = [np.bitwise_or.reduce(np.uint64(1) << random.integers(0, 64, 5, dtype=np.uint64))
             for _ in range(40)]  # fmt: skip
    hashes = [int(value) for value in np.concatenate([base, base ^ np.array(flips)])]
    ids = [f"{index:03d}" for index in range(80)]
    rows = {"image_id": ids, "phash": [f"{value:016x}" for value in hashes]}
    ledger = Ledger(LocalStore(tmp_path))
    manifest = commit(ledger, "raw_images", "s00000", rows, {})
    for distance in (1, 3, 5, 8, 12):
        expected = {
            NearPair(ids[one], ids[two], (hashes[one] ^ hashes[two]).bit_count())
            for one in range(80)
            for two in range(one + 1, 80)
            if 0 < (hashes[one] ^ hashes[two]).bit_count() <= distance
        }
        with Catalogue(ledger, [manifest]) as catalogue:
            assert set(catalogue.near_duplicates(distance)) == expected


@pytest.mark.parametrize("distance", [0, 13])
def test_other_distances_are_refused(tmp_path: Path, distance: int) -> None:
    with (
        Catalogue(Ledger(LocalStore(tmp_path)), []) as catalogue,
        pytest.raises(ValueError, match="1 to 12 bits"),
    ):
        catalogue.near_duplicates(distance)


def test_the_lineage_of_an_accepted_edit(catalogue: Catalogue) -> None:
    lineage = catalogue.lineage("edit2")
    assert lineage is not None
    assert lineage.source is not None
    assert lineage.source["image_id"] == "image2"
    assert "image" not in lineage.source
    assert lineage.instruction is not None
    assert lineage.instruction["instruction_id"] == "text2"
    assert "edit_image" not in lineage.edit
    assert lineage.verdict is not None
    assert lineage.verdict["confidence"] == 0.9
    assert lineage.outcome is Outcome.ACCEPTED
    assert {stage: one.partition for stage, one in lineage.manifests.items()} == {
        "raw_images": "s00001",
        "instructions": "s00001",
        "edits": "s00001/classical",
        "verified_edits": "s00001/classical",
    }


def test_the_lineage_of_a_rejected_edit_ends_in_its_reason(catalogue: Catalogue) -> None:
    lineage = catalogue.lineage("edit1")
    assert lineage is not None
    assert lineage.verdict is not None
    assert lineage.verdict["reason"] == "no_edit"
    assert lineage.outcome is Outcome.REJECTED


def test_an_unknown_key_has_no_lineage(catalogue: Catalogue) -> None:
    assert catalogue.lineage("nothing") is None


def test_a_verdict_on_another_version_of_the_edit_does_not_count(
    ledger: Ledger, manifests: list[Manifest]
) -> None:
    stale = [
        one.model_copy(update={"inputs": dict.fromkeys(one.inputs, "older")})
        if one.stage == "verified_edits"
        else one
        for one in manifests
    ]
    with Catalogue(ledger, stale) as catalogue:
        lineage = catalogue.lineage("edit0")
    assert lineage is not None
    assert lineage.verdict is None


def test_an_empty_lake_gives_empty_answers(tmp_path: Path) -> None:
    with Catalogue(Ledger(LocalStore(tmp_path)), []) as catalogue:
        assert catalogue.funnel() == []
        assert catalogue.distribution() == []
        assert catalogue.duplicates() == []
        assert catalogue.lineage("edit0") is None


class CountedStore(LocalStore):
    """Counts the bytes that leave the store."""

    served = 0

    def open(self, key: str) -> IO[bytes]:
        store = self

        class Counted(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                data = super().read(size)
                store.served += len(data)
                return data

        with super().open(key) as file:
            return Counted(file.read())


def picture_places(data: bytes) -> list[tuple[int, int]]:
    """Where the image columns of a Parquet file lie."""
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    columns = [
        metadata.row_group(group).column(index)
        for group in range(metadata.num_row_groups)
        for index in range(metadata.num_columns)
    ]
    return [
        (column.data_page_offset, column.data_page_offset + column.total_compressed_size)
        for column in columns
        if column.path_in_schema.endswith("image")
    ]


def test_no_answer_reads_image_bytes(tmp_path: Path) -> None:
    """Image pages are destroyed, and the bytes read are fewer than those of one picture."""
    picture = 500_000
    ledger = Ledger(LocalStore(tmp_path))
    found = two_shards(ledger, picture)
    destroyed = 0
    for key in ledger.store.keys(""):
        if key.endswith(".parquet"):
            data = bytearray(ledger.store.read(key))
            for start, stop in picture_places(bytes(data)):
                data[start:stop] = bytes(stop - start)
                destroyed += stop - start
            (tmp_path / key).write_bytes(data)
    assert destroyed > 8 * picture
    counted = CountedStore(tmp_path)
    with Catalogue(Ledger(counted), found) as catalogue:
        catalogue.funnel()
        catalogue.distribution()
        catalogue.duplicates()
        catalogue.near_duplicates(3)
        assert catalogue.lineage("edit3") is not None
    assert 0 < counted.served < picture
