"""Whether an instruction asks for something else than a verifier says it saw.

A model that writes down rightly what changed may still call the edit valid; where both texts can be
read, a rule knows better. It speaks only where one picture cannot be both: a text that says less
("the ball", "the red ball"), or the same otherwise ("set the number to two", "duplicate"), does not
contradict. English texts of the scenes' and the embedded editor's language; others pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unicedit_assets.domain import language
from unicedit_assets.domain.identity import Json
from unicedit_assets.synthetic import reading, wording, words

VERSION = 1
# Operation -> what it changes. Those without are many things, or look like one of these.
_CHANGES: Mapping[str, str] = {
    **dict.fromkeys(("add", "duplicate"), "something appears"),
    "remove": "something disappears",
    **dict.fromkeys(("recolour", "clothes"), "colour"),
    **dict.fromkeys(("style", "tone"), "look"),
    **dict.fromkeys(("move", "relate", "swap"), "place"),
    **{name: name for name in ("hair", "expression", "text", "resize", "pose", "viewpoint")},
}
# What is named by a thing rather than by a word.
_THINGS = ("replace", "move", "relate", "swap")
_GROWN = frozenset({"larger", "taller", "wider"})
# Kind of word of an object phrase -> its words; two of one kind cannot both be said of one thing.
_WORDS: Mapping[str, frozenset[str]] = {
    "class": frozenset(words.CLASSES),
    "colour": frozenset(words.COLOURS),
    "place": frozenset(words.PLACES),
    "material": frozenset(adjective for adjective, _ in words.MATERIALS.values()),
    "pattern": frozenset(adjective for adjective, _ in words.TEXTURES.values()),
}
_EXCLUSIVE = ("colour", "to", "side", "turn", "count")
_OPPOSITE = (("left", "right"), ("upper", "lower"), ("top", "bottom"))


class InstructionRule:
    """The rule; its ``identity`` is part of the verifier's that uses it."""

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change its answer: both languages' wordings."""
        return {
            "name": "instruction-rule",
            "version": VERSION,
            "scenes": wording.prompt().sha256,
            "embedded": language.prompt().sha256,
        }

    def __call__(self, instruction: str, seen: str) -> str:
        """Return in what an instruction contradicts the text of what was seen; or nothing."""
        one, two = reading.read(instruction), reading.read(seen)
        if one and two:
            return next(_of_scenes(one, two), "")
        ours, theirs = language.parse(instruction), language.parse(seen)
        return next(_of_intents(ours, theirs), "") if ours and theirs else ""


def _told(name: str, one: str, two: str) -> str:
    return f"{name} {one!r} against {two!r}"


def _of_scenes(one: reading.Slots, two: reading.Slots) -> Iterator[str]:
    operation, other = one["operation"], two["operation"]
    if operation != other:
        changes = {_CHANGES.get(operation), _CHANGES.get(other)}
        if len(changes - {None}) == 2:
            yield _told("operation", operation, other)
        return
    if operation in ("swap", "recolour both"):
        yield from _of_two(one, two)
        return
    for name in sorted((one.keys() & two.keys()) - {"operation"}):
        a, b = one[name], two[name]
        if name == "target" or (name == "attribute" and operation in _THINGS):
            apart = _things_differ(a, b)
        elif name == "direction":
            apart = a != b and not ("larger" in (a, b) and {a, b} <= _GROWN)
        else:
            apart = a.casefold() != b.casefold()
        if apart:
            yield _told(name, a, b)


def _of_two(one: reading.Slots, two: reading.Slots) -> Iterator[str]:
    """Compare what is done to two things, in whichever order they are named."""
    (a, b), (c, d) = map(_both, (one, two))
    straight = _things_differ(a, c) or _things_differ(b, d)
    crossed = _things_differ(a, d) or _things_differ(b, c)
    if straight and crossed:
        yield _told("target", f"{a} and {b}", f"{c} and {d}")
    elif one["operation"] != "swap" and one["attribute"] != two["attribute"]:
        yield _told("attribute", one["attribute"], two["attribute"])


def _both(slots: reading.Slots) -> tuple[str, str]:
    if slots["operation"] == "swap":
        return slots["target"], slots["attribute"]
    first, _, second = slots["target"].partition(" and ")
    return first, second


def _things_differ(one: str, two: str) -> bool:
    ours, theirs = set(one.split()), set(two.split())
    return any(
        (a := ours & kind) and (b := theirs & kind) and a.isdisjoint(b) for kind in _WORDS.values()
    )


def _of_intents(one: language.Intent, two: language.Intent) -> Iterator[str]:
    if one.steps or two.steps or one.operation != two.operation:
        return
    for name in sorted(one.slots.keys() & two.slots.keys()):
        a, b = one.slots[name], two.slots[name]
        apart = name in _EXCLUSIVE and a != b
        if name in ("place", "to_place"):
            apart = any((x in a and y in b) or (y in a and x in b) for x, y in _OPPOSITE)
        if apart:
            yield _told(name, a, b)
