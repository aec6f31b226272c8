"""Fetching pictures of a committed table by id, a chunk's part at a time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from unicedit_assets.domain.schemas import ROWS
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Manifest

_PARTS_HELD = 4


class Pictures:
    """Encoded pictures by id. Holds a few parts at a time: neighbours are cheap."""

    def __init__(self, ledger: Ledger, manifest: Manifest, id_column: str, image_column: str):
        self._ledger = ledger
        self._manifest = manifest
        self._id, self._image = id_column, image_column
        self._part_of: dict[str, int] = {}
        for number in range(len(manifest.tables[ROWS])):
            table = ledger.read_part(manifest, number, [id_column])
            self._part_of.update(dict.fromkeys(table[id_column].to_pylist(), number))
        self._load = lru_cache(maxsize=_PARTS_HELD)(self._read)

    def _read(self, number: int) -> dict[str, bytes]:
        table = self._ledger.read_part(self._manifest, number, [self._id, self._image])
        return dict(zip(table[self._id].to_pylist(), table[self._image].to_pylist(), strict=True))

    def __contains__(self, key: str) -> bool:
        return key in self._part_of

    def __getitem__(self, key: str) -> bytes:
        return self._load(self._part_of[key])[key]

    def many(self, keys: Iterable[str]) -> list[bytes]:
        """Return the pictures of several ids, in their order."""
        return [self[key] for key in keys]
