"""The public door of the synthetic data: one pair by seed, with the whole truth about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from unicedit_assets.domain import libraries
from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.roles import Pixels
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.synthetic import failures, wording
from unicedit_assets.synthetic.casting import with_cutouts
from unicedit_assets.synthetic.catalogue import EDITS
from unicedit_assets.synthetic.compose import HELD_OUT_CLASSES, Draw
from unicedit_assets.synthetic.cutouts import Cutouts
from unicedit_assets.synthetic.edit import Edit
from unicedit_assets.synthetic.failures import VISIBLE
from unicedit_assets.synthetic.pair import Kind, SyntheticPair, Wording
from unicedit_assets.synthetic.render import render
from unicedit_assets.synthetic.scene import Scene, caption
from unicedit_assets.synthetic.wording import slots_of

__all__ = [
    "DISTRIBUTION",
    "HELD_OUT_CLASSES",
    "SPLITS",
    "PairSpec",
    "generator_identity",
    "make_pair",
    "slots_of",
]

SPLITS = ("train", "held_out_scenes", "held_out_wording", "held_out_classes")
STYLES = ("plain", "rich")
# How often each kind is drawn.
DISTRIBUTION: Mapping[Kind, float] = MappingProxyType(
    {
        Kind.NORMAL: 0.30,
        Kind.NO_EDIT: 0.14,
        Kind.HALLUCINATION: 0.18,
        Kind.MISALIGNED: 0.11,
        Kind.COLLATERAL: 0.09,
        Kind.DEGRADED: 0.09,
        Kind.SHIFTED: 0.09,
    }
)
CODE_VERSION = 3
# Of a picture's pixels, how many must differ, and by how much in any channel.
_LEAST_SHARE = 0.0015
_DIFFERS = 8
_SCENES_HELD_OUT = 8  # one composition in so many
_TRIES = 400
# Operations whose amount follows the strength; the others are done or not done.
_GRADUAL = ("resize", "tone", "viewpoint", "zoom", "recolour and resize")
# Where everything moves by order, nobody can see that it moved too far: not drawn, unless asked.
_MOVES_EVERYTHING = ("Viewpoint Transformation", "Lens Zooming")
_PLANTED = (Kind.COLLATERAL, Kind.DEGRADED, Kind.SHIFTED)


@dataclass(frozen=True)
class PairSpec:
    """What pair to make.

    Attributes:
        subtask: one of the 22, or None to draw one of ``subtasks``.
        kind: or None to draw one of ``kinds``.
        strength: of the planted failure, or for the other kinds of the edit where that is gradual;
            None draws one that is seen. Below ``failures.VISIBLE`` the pair counts as if nothing
            had been planted (and an edit as not done).
        size: width and height in pixels.
        split: one of ``SPLITS``; scenes, wordings or object classes of the held-out ones are in no
            other split.
        vague: the share of normal pairs whose instruction leaves a claim open.
        style: ``plain`` (one to three large objects before simple places) or ``rich``.
        backgrounds: uint8 (H, W, 3) photographs to use as backdrops; style ``rich`` only. Their
            middle is shown; ``backdrops.fitted`` ones need no resizing.
        cutouts: what may stand for drawn shapes; style ``rich`` only.
        subtasks: what is drawn from; as many seeds, from a multiple of their number on, give all.
        kinds: what is drawn from, in the proportions of ``DISTRIBUTION``.
    """

    subtask: str | None = None
    kind: Kind | None = None
    strength: float | None = None
    size: tuple[int, int] = (336, 336)
    split: str = "train"
    vague: float = 0.0
    style: str = "rich"
    backgrounds: Sequence[NDArray[np.uint8]] = ()
    cutouts: Cutouts | None = None
    subtasks: tuple[str, ...] = SUBTASKS
    kinds: tuple[Kind, ...] = tuple(DISTRIBUTION)

    def __post_init__(self) -> None:
        for subtask in (*filter(None, [self.subtask]), *self.subtasks):
            if subtask not in EDITS:
                raise ValueError(f"no subtask {subtask!r}; name one of {', '.join(SUBTASKS)}")
        if not self.subtasks or not self.kinds:
            raise ValueError("name at least one subtask and one kind to draw from")
        if self.split not in SPLITS:
            raise ValueError(f"no split {self.split!r}; name one of {', '.join(SPLITS)}")
        if self.style not in STYLES:
            raise ValueError(f"no style {self.style!r}; name one of {', '.join(STYLES)}")
        if self.strength is not None and not 0 <= self.strength <= 1:
            raise ValueError(f"strength is between 0 and 1, not {self.strength}")
        if min(self.size) < 32:
            raise ValueError(f"pictures have at least 32 pixels a side, not {self.size}")


@dataclass(frozen=True)
class _Plan:
    """What is decided before anything is drawn."""

    subtask: str
    kind: Kind
    strength: float
    edit_strength: float


@dataclass(frozen=True)
class _Result:
    """The edited picture with the failure in it, and what the failure did."""

    edited: Pixels
    differences: tuple[str, ...]
    after: Scene


def generator_identity() -> Mapping[str, Json]:
    """Return everything beside the specification that can change a pair."""
    return {
        "generator": CODE_VERSION,
        "wordings": wording.prompt().sha256,
        "libraries": libraries.versions("numpy", "opencv"),
    }


def make_pair(seed: int, spec: PairSpec) -> SyntheticPair:
    """Return the pair of a seed: the same for the same seed and specification.

    Strength and size do not enter the random choices, so that pairs which differ in them only
    show the same scene.

    Raises:
        ValueError: the seed is negative.
        RuntimeError: no scene suits the specification; never seen, a guard against endless search.
    """
    plan = _planned(seed, spec)
    edit, source, edited = _drawn(seed, spec, plan)
    kind = _kind(plan, edit)
    rng = _stream(seed, spec, "failure", plan)
    result = _with_failure(spec, plan, edit, source, edited, rng)
    changed = kind is not Kind.NO_EDIT
    strength = plan.strength
    if plan.kind not in _PLANTED and edit.slots["operation"] not in _GRADUAL:
        strength = 1.0
    said, template, vague = _said(kind, edit, spec, _stream(seed, spec, "said", plan))
    altered, rejected = said[1]
    photograph = _photograph(edit.before, spec)
    scene_id = digest(edit.before.digest, _content(photograph, spec))
    size, place = list(spec.size), [spec.split, spec.style]
    key = digest(
        *("synthetic-pair", CODE_VERSION, seed, plan.subtask, plan.kind.value, strength),
        *(scene_id, size, place, template),
    )
    true = wording.canonical(edit.slots) if changed else None
    points = edit.points
    return SyntheticPair(
        *(key, scene_id, plan.subtask, kind, strength, source, result.edited),
        _mask(kind, source, edited, result.edited),
        said[0],
        true,
        rejected if changed else None,
        altered if changed else "",
        caption(edit.before),
        caption(result.after) if changed else caption(edit.before),
        result.differences if changed else (),
        changed,
        tuple(english for english, _ in points),
        tuple(chinese for _, chinese in points),
        tuple(sorted({item.name for item in (*edit.before.items, *edit.after.items)})),
        template,
        vague,
        photograph,
        _cutouts_in(edit.before, result.after),
    )


def _stream(
    seed: int, spec: PairSpec, purpose: str, plan: _Plan | None = None
) -> np.random.Generator:
    """Return the random numbers for one purpose, independent of the other purposes'."""
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    names = [spec.split, spec.style, purpose]
    named = [*names, plan.subtask, plan.kind.value] if plan else names
    return np.random.default_rng(int(digest("synthetic-seed", seed, list(named))[:16], 16))


def _planned(seed: int, spec: PairSpec) -> _Plan:
    rng = _stream(seed, spec, "plan")
    block, place = divmod(seed, len(spec.subtasks))
    order = _stream(block, spec, "subtasks").permutation(len(spec.subtasks))
    subtask = spec.subtasks[int(order[place])]
    weights = np.array([DISTRIBUTION[kind] for kind in spec.kinds])
    kind = spec.kinds[int(rng.choice(len(weights), p=weights / weights.sum()))]
    subtask = spec.subtask or subtask
    if kind is Kind.SHIFTED and subtask in _MOVES_EVERYTHING:
        kind = Kind.NORMAL
    kind = spec.kind or kind
    drawn = round(float(rng.uniform(0.3, 1.0)), 3)
    own = round(float(rng.uniform(0.6, 1.0)), 3)
    planted = kind in _PLANTED
    strength = spec.strength if spec.strength is not None else drawn if planted else own
    return _Plan(subtask, kind, strength, own if planted else strength)


def _photograph(scene: Scene, spec: PairSpec) -> int | None:
    return scene.look % len(spec.backgrounds) if scene.backdrop == "photograph" else None


def _content(photograph: int | None, spec: PairSpec) -> str:
    if photograph is None:
        return ""
    chosen = np.ascontiguousarray(spec.backgrounds[photograph])
    return hashlib.sha256(chosen.tobytes()).hexdigest()


def _cutouts_in(*scenes: Scene) -> tuple[str, ...]:
    cut = (scene.cutout(item) for scene in scenes for item in scene.items)
    return tuple(sorted({one.name for one in cut if one}))


def _suits(edit: Edit, split: str) -> bool:
    """Tell whether a scene belongs to the split, by what is in it."""
    held = int(edit.before.composition[:4], 16) % _SCENES_HELD_OUT == 0
    names = {item.name for item in (*edit.before.items, *edit.after.items)}
    return held == (split == "held_out_scenes") and (not names.isdisjoint(HELD_OUT_CLASSES)) == (
        split == "held_out_classes"
    )


def _drawn(seed: int, spec: PairSpec, plan: _Plan) -> tuple[Edit, Pixels, Pixels]:
    """Draw scenes until one suits the split and shows its edit."""
    scene = replace(plan, kind=Kind.NORMAL)
    rng = _stream(seed, spec, "scene", scene)
    cutting = _stream(seed, spec, "cut-outs", scene)
    # Something must be left that can be named, changed or moved as well.
    crowded = plan.kind is Kind.MISALIGNED or plan.kind in _PLANTED
    photographs = spec.backgrounds if spec.style == "rich" else ()
    gradual = spec.strength is not None and spec.strength < 2 * VISIBLE
    for _ in range(_TRIES):
        draw = Draw(
            *(rng, spec.style == "plain", spec.split == "held_out_classes", plan.edit_strength),
            *(crowded, photographs),
        )
        edit = EDITS[plan.subtask](draw)
        if not _suits(edit, spec.split):
            continue
        if spec.cutouts and spec.style == "rich":
            edit = with_cutouts(edit, spec.cutouts, cutting)
        source = render(edit.before, spec.size, spec.backgrounds)
        edited = render(edit.after, spec.size, spec.backgrounds)
        faint = gradual and plan.kind not in _PLANTED and edit.slots["operation"] in _GRADUAL
        if faint or _differs(source, edited).mean() >= _LEAST_SHARE:
            return edit, source, edited
    raise RuntimeError(f"no scene in {_TRIES} suits {plan.subtask} in {spec.split}")


def _differs(one: Pixels, two: Pixels) -> NDArray[np.bool_]:
    apart = np.maximum(one, two) - np.minimum(one, two) > _DIFFERS
    return np.asarray(apart[..., 0] | apart[..., 1] | apart[..., 2])


def _kind(plan: _Plan, edit: Edit) -> Kind:
    """Return what the pair is an example of: what nobody can see does not count."""
    if plan.strength >= VISIBLE:
        return plan.kind
    if plan.kind in _PLANTED:
        return Kind.NORMAL
    return Kind.NO_EDIT if edit.slots["operation"] in _GRADUAL else plan.kind


def _with_failure(
    spec: PairSpec,
    plan: _Plan,
    edit: Edit,
    source: Pixels,
    edited: Pixels,
    rng: np.random.Generator,
) -> _Result:
    after, strength, visible = edit.after, plan.strength, plan.strength >= VISIBLE
    if plan.kind is Kind.NO_EDIT:
        return _Result(failures.untouched(source, rng), (), edit.before)
    if plan.kind is Kind.COLLATERAL:
        what, changed = _collateral(spec, edit, edited, rng)
        edited, after = render(changed(strength), spec.size, spec.backgrounds), changed(strength)
    elif plan.kind in _PLANTED:
        what, edited = _spoilt(plan.kind, edited, source, strength, rng)
    else:
        return _Result(edited, edit.differences, after)
    seen = (what,) if visible else ()
    return _Result(edited, edit.differences + seen, after if visible else edit.after)


def _spoilt(
    kind: Kind, edited: Pixels, source: Pixels, strength: float, rng: np.random.Generator
) -> tuple[str, Pixels]:
    """Damage or shift a picture in a way that can be seen at a moderate strength."""
    for seed in rng.integers(0, 1 << 32, _TRIES):

        def spoil(amount: float, seed: int = int(seed)) -> tuple[str, Pixels]:
            own = np.random.default_rng(seed)
            if kind is Kind.SHIFTED:
                return failures.shifted(edited, amount, own)
            return failures.degraded(edited, source, amount, own)

        if _differs(edited, spoil(0.4)[1]).mean() >= _LEAST_SHARE:
            return spoil(strength)
    raise RuntimeError("no damage can be seen; lower the threshold")


def _collateral(
    spec: PairSpec, edit: Edit, edited: Pixels, rng: np.random.Generator
) -> tuple[str, failures.Collateral]:
    """Choose a change nobody asked for that can be seen at a moderate strength."""
    draw = Draw(rng, spec.style == "plain", spec.split == "held_out_classes", 1.0, True)
    for what, changed in failures.collaterals(draw, edit):
        moderate = render(changed(0.4), spec.size, spec.backgrounds)
        if _differs(edited, moderate).mean() >= _LEAST_SHARE:
            return what, changed
    raise RuntimeError("no collateral change can be seen; lower the threshold")


def _mask(kind: Kind, source: Pixels, edited: Pixels, final: Pixels) -> NDArray[np.bool_]:
    if kind is Kind.NO_EDIT:
        return np.zeros(source.shape[:2], np.bool_)
    return _differs(source, edited) | _differs(edited, final)


def _said(
    kind: Kind, edit: Edit, spec: PairSpec, rng: np.random.Generator
) -> tuple[tuple[Wording, tuple[str, Wording]], str, bool]:
    """Return the instruction with (the altered slot, the rejected wording), template, vague."""
    slots, wrong = dict(edit.slots), {k: v for k, v in edit.wrong.items() if v}
    names = list(wrong)
    name = names[int(rng.integers(len(names)))]
    value = wrong[name][int(rng.integers(len(wrong[name])))]
    altered, false = name, slots | {name: value}
    told = slots
    if kind is Kind.HALLUCINATION:
        told = false
    elif kind is Kind.MISALIGNED:
        told = dict(edit.misread) if edit.misread else _misaligned(edit, rng)
        if told["operation"] == slots["operation"] and not edit.misread:
            altered, false = "target", told
    elif kind is not Kind.NO_EDIT and edit.others and rng.random() < 0.25:
        other = edit.others[int(rng.integers(len(edit.others)))]
        altered, false = "target", slots | {"target": other}
    rejected = altered, wording.canonical(false)
    if kind is Kind.NORMAL and rng.random() < spec.vague:
        open_text = wording.vague(slots)
        if open_text:
            return (open_text, rejected), f"{slots['operation']}/vague", True
    operation = told["operation"]
    template = f"{operation}/{int(rng.integers(wording.trained(operation)))}"
    if spec.split == "held_out_wording":
        template = wording.held_out(operation)
    return (wording.asked(told, template), rejected), template, False


def _misaligned(edit: Edit, rng: np.random.Generator) -> dict[str, str]:
    """Return claims about another thing that exists: the same action, or a recolouring."""
    if edit.others and "target" in edit.slots:
        other = edit.others[int(rng.integers(len(edit.others)))]
        return {**edit.slots, "target": other}
    return failures.elsewhere(edit, rng)
