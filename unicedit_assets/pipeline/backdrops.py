"""The photographs behind the scenes of a shard of synthetic pairs: which, and their pixels.

Never one that the benchmark holds out or that is much like one of those. A photograph stands behind
training pairs or behind held-out pairs, by the hash of its group, so that no held-out pair shows
what was trained on. The rule is that of ``qwen_verify.splitting``, which puts the edits of the same
photograph on the same side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from unicedit_assets.domain import codec
from unicedit_assets.domain.identity import digest, seed_from
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.pipeline.photograph_groups import (
    Known,
    contaminated_groups,
    image_groups,
    photographs,
)
from unicedit_assets.pipeline.pictures import Pictures
from unicedit_assets.pipeline.project import MissingInputError, Project
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.qwen_verify.splitting import Shares, Split, split_of
from unicedit_assets.synthetic.backdrops import fitted

# The sets measure on a tenth of all groups; those photographs stand behind held-out pairs.
_SHARES = Shares(validation=0.0, test=0.1)
# Of a shard's photographs, one in so many stands behind its held-out pairs.
_HELD = 5


class Backdrop(NamedTuple):
    """A photograph of the size of the pairs: uint8 (H, W, 3)."""

    image_id: str
    pixels: Pixels


def is_held_out(group: str) -> bool:
    """Tell whether the photographs of a group stand behind held-out pairs, else behind training."""
    return split_of(group, _SHARES) is Split.TEST


def chosen(
    project: Project, partition: str, known: Mapping[str, Known]
) -> Mapping[bool, Sequence[str]]:
    """Return the photographs of a shard, (for held-out pairs?) -> image_ids, drawn by hash.

    Args:
        known: what may be chosen, by image_id.

    Raises:
        MissingInputError: there are none to choose from.
    """
    most = project.settings.synthetic_pairs.backgrounds
    group_of = image_groups(project, known)
    contaminated = contaminated_groups(project, known, group_of)
    usable = [name for name, group in group_of.items() if group not in contaminated]
    if not usable:
        raise MissingInputError(
            "synthetic_pairs.backgrounds asks for photographs and there are none: "
            "`unicedit register` some, or set it to 0"
        )
    usable.sort(key=lambda name: digest("backdrop", partition, name))
    held = [name for name in usable if is_held_out(group_of[name])]
    others = [name for name in usable if not is_held_out(group_of[name])]
    return {True: held[: most // _HELD], False: others[: most - most // _HELD]}


class Backdrops:
    """The photographs of one shard: each read once, and held at the size of the pairs."""

    def __init__(self, project: Project, partition: str) -> None:
        self._project = project
        self._known = photographs(project)
        self._chosen = chosen(project, partition, self._known)
        self._opened = lru_cache(maxsize=2)(self._open)
        self._pixels = lru_cache(maxsize=project.settings.synthetic_pairs.backgrounds)(self._read)

    def of(self, number: int, split_name: str) -> Backdrop | None:
        """Return what may stand behind the pair of a number; None where its split has none."""
        among = self._chosen[split_name != "train"]
        if not among:
            return None
        image_id = among[seed_from("backdrop", number) % len(among)]
        return Backdrop(image_id, self._pixels(image_id))

    def _open(self, ref: Ref) -> Pictures:
        manifest = self._project.require(ref)
        return Pictures(self._project.ledger, manifest, "image_id", "image")

    def _read(self, image_id: str) -> Pixels:
        side = self._project.settings.synthetic_pairs.side
        data = self._opened(self._known[image_id].ref)[image_id]
        return fitted(codec.decode(data), (side, side)).copy()
