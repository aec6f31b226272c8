"""A few lines that draw synthetic pairs: shapes that change colour, vanish or stay."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from unicedit_assets.synthetic.pair import Kind, SyntheticPair, Wording

COLOURS = {
    "red": ("红色", (220, 40, 40)),
    "green": ("绿色", (40, 180, 60)),
    "blue": ("蓝色", (50, 80, 220)),
    "yellow": ("黄色", (230, 210, 40)),
}
SHAPES = {"circle": "圆形", "square": "方块", "triangle": "三角形"}
KINDS = (Kind.NORMAL, Kind.NO_EDIT, Kind.HALLUCINATION)


def _drawn(picture: np.ndarray, shape: str, colour: str, x: int, y: int, r: int) -> None:
    value = COLOURS[colour][1]
    if shape == "circle":
        cv2.circle(picture, (x, y), r, value, -1, cv2.LINE_AA)
    elif shape == "square":
        cv2.rectangle(picture, (x - r, y - r), (x + r, y + r), value, -1)
    else:
        points = np.array([[x, y - r], [x - r, y + r], [x + r, y + r]], np.int32)
        cv2.fillPoly(picture, [points], value, cv2.LINE_AA)


def _worded(operation: str, shape: str, colour: str, to: str) -> Wording:
    target = f"{colour} {shape}"
    named = f"{COLOURS[colour][0]}{SHAPES[shape]}"
    if operation == "remove":
        en, cn = f"Remove the {target}.", f"去掉{named}。"
        return Wording(en, cn, {"operation": "remove", "target": target})
    en, cn = f"Change the {target} to {to}.", f"把{named}改成{COLOURS[to][0]}。"
    return Wording(en, cn, {"operation": "recolor", "target": target, "attribute": to})


def toy_pair(seed: int, kind: Kind | None = None, side: int = 56) -> SyntheticPair:
    """Return a pair with everything exact; ``kind`` goes round by seed where it is not given."""
    rng = np.random.default_rng(seed)
    kind = kind or KINDS[seed % len(KINDS)]
    shape, colour = str(rng.choice(list(SHAPES))), str(rng.choice(list(COLOURS)))
    to, wrong = (str(c) for c in rng.permutation([c for c in COLOURS if c != colour])[:2])
    operation = str(rng.choice(["remove", "recolor"]))
    source = np.full((side, side, 3), 255, np.uint8)
    edited = source.copy()
    r = side // 4
    x, y = (int(v) for v in rng.integers(r, side - r, 2))
    _drawn(source, shape, colour, x, y, r)
    changed = kind is not Kind.NO_EDIT
    if not changed or operation == "recolor":
        _drawn(edited, shape, to if changed else colour, x, y, r)
    true = _worded(operation, shape, colour, to)
    rejected = _worded("recolor", shape, colour, wrong)
    after = "nothing" if operation == "remove" else f"a {to} {shape}"
    return SyntheticPair(
        key=hashlib.sha256(f"{seed}-{kind}-{side}".encode()).hexdigest()[:32],
        scene_id=f"{seed:032x}",
        subtask="Color Alteration" if operation == "recolor" else "Subject Removal",
        kind=kind,
        strength=1.0,
        source=source,
        edited=edited,
        mask=(source != edited).any(-1),
        said=rejected if kind is Kind.HALLUCINATION else true,
        true=true if changed else None,
        rejected=rejected if changed else None,
        altered="attribute",
        source_caption=f"a {colour} {shape}",
        edit_caption=after if changed else f"a {colour} {shape}",
        differences=(f"the {colour} {shape} became {after}",) if changed else (),
        is_changed=changed,
    )
