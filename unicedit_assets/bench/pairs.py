"""A source and its edit as judges see them: decoded once, in one frame, capped once for each size.

All questions on a pair share one object, whichever thread comes first; when the last of them is
done, the pictures are free again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from unicedit_assets.bench.frames import Rule, frame_for, framed
from unicedit_assets.bench.layout import Expected, State, size_trouble
from unicedit_assets.domain.machine import is_machines
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.published.pictures import PictureError, decode_picture
from unicedit_assets.vlm.pictures import capped, frozen, picture_hash


class PairTrouble(Exception):
    """A pair that cannot be judged, and what its state is for it."""

    def __init__(self, state: State, detail: str) -> None:
        super().__init__(detail)
        self.state, self.detail = state, detail


@dataclass(frozen=True)
class Shown:
    """What a judge is shown.

    Attributes:
        images: source and edit, uint8 (H, W, 3), of one size, that nobody can write to.
        source_sha256, edited_sha256: of size and pixels.
        frame: how the source came to the edit's frame, and both to the judge's cap.
    """

    images: tuple[Pixels, Pixels]
    source_sha256: str
    edited_sha256: str
    frame: str


class Pair:
    """A pair that is read at the first question about it."""

    def __init__(self, output: Expected, rule: Rule) -> None:
        self._output, self._rule = output, rule
        self._lock = threading.Lock()
        self._loaded: tuple[Pixels, Pixels, str] | PairTrouble | None = None
        self._shown: dict[int, Shown] = {}

    def shown(self, max_pixels: int) -> Shown:
        """Return the pair with at most so many pixels a picture.

        Raises:
            PairTrouble: it cannot be judged.
            OSError: the machine has trouble, not the pictures.
        """
        with self._lock:
            if max_pixels not in self._shown:
                self._shown[max_pixels] = self._made(max_pixels)
            return self._shown[max_pixels]

    def _made(self, max_pixels: int) -> Shown:
        if self._loaded is None:
            try:
                self._loaded = self._load()
            except PairTrouble as trouble:
                self._loaded = trouble
        if isinstance(self._loaded, PairTrouble):
            raise self._loaded
        *images, frame = self._loaded
        source, edited = (frozen(capped(image, max_pixels)) for image in images)
        height, width = edited.shape[:2]
        if edited.shape != images[1].shape:
            frame = f"{frame}; both shrunk to {width}x{height}"
        return Shown((source, edited), picture_hash(source), picture_hash(edited), frame)

    def _load(self) -> tuple[Pixels, Pixels, str]:
        sample, path = self._output.sample, self._output.path
        if path is None:
            raise PairTrouble(State.MISSING, self._output.detail)
        edited = _decoded(path.read_bytes, "")
        source = _decoded(sample.source.read, f"the source {sample.source.where}: ")
        sizes = (source.shape[1], source.shape[0]), (edited.shape[1], edited.shape[0])
        frame = frame_for(*sizes, self._rule)
        if frame is None:
            raise PairTrouble(State.WRONG_SIZE, size_trouble(*sizes, self._rule))
        return framed(source, frame), edited, frame.text


def _decoded(read: Callable[[], bytes], what: str) -> Pixels:
    try:
        return decode_picture(read())
    except (OSError, PictureError) as error:
        if is_machines(error):
            raise
        raise PairTrouble(State.UNREADABLE, f"{what}{error}") from error
