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
from unicedit_assets.vlm.encoding import WEBP_QUALITY, Encoding
from unicedit_assets.vlm.pictures import as_webp, capped, frozen, is_plain_png, picture_hash


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
        frame: how the source came to the edit's frame, and both to the judge's cap and encoding.
    """

    images: tuple[Pixels, Pixels]
    source_sha256: str
    edited_sha256: str
    frame: str


@dataclass(frozen=True)
class _Picture:
    """A decoded picture, and its file where that is a plain PNG of these very pixels."""

    pixels: Pixels
    png: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        height, width = self.pixels.shape[:2]
        return width, height

    def shown(self, max_pixels: int, encoding: Encoding) -> Pixels:
        small = capped(self.pixels, max_pixels)
        if encoding is Encoding.WEBP:
            return as_webp(small)
        return frozen(small, self.png if small is self.pixels else b"")


@dataclass(frozen=True)
class _Loaded:
    source: _Picture
    edited: _Picture
    frame: str


class Pair:
    """A pair that is read at the first question about it."""

    def __init__(self, output: Expected, rule: Rule) -> None:
        self._output, self._rule = output, rule
        self._lock = threading.Lock()
        self._loaded: _Loaded | PairTrouble | None = None
        self._shown: dict[tuple[int, Encoding], Shown] = {}

    def shown(self, max_pixels: int, encoding: Encoding = Encoding.PNG) -> Shown:
        """Return the pair with at most so many pixels a picture, and as it is after encoding.

        Raises:
            PairTrouble: it cannot be judged.
            OSError: the machine has trouble, not the pictures.
        """
        with self._lock:
            way = (max_pixels, encoding)
            if way not in self._shown:
                self._shown[way] = self._made(*way)
            return self._shown[way]

    def _made(self, max_pixels: int, encoding: Encoding) -> Shown:
        if self._loaded is None:
            try:
                self._loaded = self._load()
            except PairTrouble as trouble:
                self._loaded = trouble
        loaded = self._loaded
        if isinstance(loaded, PairTrouble):
            raise PairTrouble(loaded.state, loaded.detail)
        try:
            source = loaded.source.shown(max_pixels, encoding)
            edited = loaded.edited.shown(max_pixels, encoding)
        except ValueError as error:
            raise PairTrouble(State.UNREADABLE, f"{error}: use --encoding png") from error
        frame = loaded.frame
        if edited.shape != loaded.edited.pixels.shape:
            frame = f"{frame}; both shrunk to {edited.shape[1]}x{edited.shape[0]}"
        if encoding is Encoding.WEBP:
            frame = f"{frame}; both as WebP of quality {WEBP_QUALITY}"
        return Shown((source, edited), picture_hash(source), picture_hash(edited), frame)

    def _load(self) -> _Loaded:
        sample, path = self._output.sample, self._output.path
        if path is None:
            raise PairTrouble(State.MISSING, self._output.detail)
        edited = _decoded(path.read_bytes, "")
        source = _decoded(sample.source.read, f"the source {sample.source.where}: ")
        frame = frame_for(source.size, edited.size, self._rule)
        if frame is None:
            detail = size_trouble(source.size, edited.size, self._rule)
            raise PairTrouble(State.WRONG_SIZE, detail)
        if frame.size != source.size:
            source = _Picture(framed(source.pixels, frame))
        return _Loaded(source, edited, frame.text)


def _decoded(read: Callable[[], bytes], what: str) -> _Picture:
    try:
        data = read()
        return _Picture(decode_picture(data), data if is_plain_png(data) else b"")
    except (OSError, PictureError) as error:
        if is_machines(error):
            raise
        raise PairTrouble(State.UNREADABLE, f"{what}{error}") from error
