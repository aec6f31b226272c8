"""Every wording is read back as exactly the intent it was made from; nothing else is read."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicedit_assets.domain import language
from unicedit_assets.domain.language import COMPOUND, Intent
from unicedit_assets.domain.taxonomy import is_subtask

LITERALS = {
    "factor": ["1.5", "2"],
    "degrees": ["6", "12.5"],
    "text": ["HELLO", "open day, 7 o'clock?"],
}


def words(slot: str) -> list[str]:
    return LITERALS.get(slot) or list(language.lexicon(slot))


def wordings(operation: str) -> range:
    data = language.prompt().data["operations"][operation]
    return range(len(data["en"]) * len(data["cn"]))


def intents(operation: str) -> st.SearchStrategy[Intent]:
    slots = {slot: st.sampled_from(words(slot)) for slot in language.slots_of(operation)}
    return st.fixed_dictionaries(slots).map(lambda chosen: Intent(operation, chosen))


ANY_SIMPLE = st.sampled_from(language.operations()).flatmap(intents)


@pytest.mark.parametrize("operation", language.operations())
def test_every_word_in_every_wording_reads_back(operation: str) -> None:
    slots = language.slots_of(operation)
    first = {slot: words(slot)[0] for slot in slots}
    variants = [first] + [{**first, slot: word} for slot in slots for word in words(slot)]
    for chosen, variant in itertools.product(variants, wordings(operation)):
        intent = Intent(operation, chosen)
        said = language.phrase(intent, variant)
        assert language.parse(said.en) == intent, said.en
        assert language.parse(said.cn) == intent, said.cn


@given(ANY_SIMPLE, st.integers(0, 11))
def test_any_combination_of_words_reads_back(intent: Intent, variant: int) -> None:
    said = language.phrase(intent, variant)
    assert language.parse(said.en) == language.parse(said.cn) == intent


@given(ANY_SIMPLE, ANY_SIMPLE, st.integers(0, 5))
def test_compounds_read_back(first: Intent, second: Intent, variant: int) -> None:
    intent = Intent(COMPOUND, {}, (first, second))
    said = language.phrase(intent, variant)
    assert language.parse(said.en) == language.parse(said.cn) == intent


@given(st.text(max_size=80))
def test_other_texts_are_not_read_as_something(text: str) -> None:
    intent = language.parse(text)
    assert intent is None or language.parse(language.phrase(intent).en) == intent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Make it nicer.",
        "Zoom in 1.5x on the part at the moon.",
        "Remove the invisible object on the left.",
        "Remove the red object on the left, then",
        "Remove the red object on the left, then dance.",
        "将整张照片调成快乐色调。",
    ],
)
def test_texts_outside_the_language_are_none(text: str) -> None:
    assert language.parse(text) is None


@given(ANY_SIMPLE)
def test_case_spaces_and_the_closing_mark_do_not_matter(intent: Intent) -> None:
    if "text" in intent.slots:
        return
    said = language.phrase(intent).en
    assert language.parse("  " + said.upper().rstrip(".?").replace(" ", "  ") + " ") == intent


def test_articles_agree_with_the_word_that_follows() -> None:
    said = language.phrase(Intent("style", {"style": "oil_painting"}))
    assert said.en == "Turn the photo into an oil painting."
    assert language.parse("Turn the photo into a oil painting") is not None


def test_wordings_are_distinct_sentences() -> None:
    for operation in language.operations():
        chosen = {slot: words(slot)[0] for slot in language.slots_of(operation)}
        said = [language.phrase(Intent(operation, chosen), v) for v in range(6)]
        data = language.prompt().data["operations"][operation]
        assert len({wording.en for wording in said}) == len(data["en"])
        assert len({wording.cn for wording in said}) == len(data["cn"])


@given(ANY_SIMPLE, ANY_SIMPLE)
def test_intents_survive_json(first: Intent, second: Intent) -> None:
    compound = Intent(COMPOUND, {}, (first, second))
    assert Intent.from_json(compound.to_json()) == compound


@pytest.mark.parametrize("value", [{}, {"operation": "tone", "slots": [], "steps": []}])
def test_what_is_no_intent_is_refused(value: dict) -> None:
    with pytest.raises(ValueError, match="not an intent"):
        Intent.from_json(value)


def test_operations_belong_to_the_taxonomy() -> None:
    subtasks = {language.subtask_of(operation) for operation in language.operations()}
    assert all(is_subtask(subtask) for subtask in subtasks)
    assert len(subtasks) + 1 >= 14
    assert language.subtask_of(COMPOUND) == "Compound Operation Edits"


def test_unknown_words_and_operations_raise() -> None:
    with pytest.raises(KeyError):
        language.phrase(Intent("tone", {"tone": "loud"}))
    with pytest.raises(KeyError):
        language.subtask_of("teleport")


def test_points_of_a_compound_are_its_steps() -> None:
    steps = (Intent("tone", {"tone": "warm"}), Intent("zoom", {"factor": "2", "place": "top"}))
    points = language.reasoning_points(Intent(COMPOUND, {}, steps))
    assert [language.parse(point) for point in points.en[:2]] == list(steps)
    assert [language.parse(point) for point in points.cn[:2]] == list(steps)
    assert points.en[-1] == "Everything else stays the same."


@pytest.mark.parametrize(
    "intent",
    [
        Intent("scenario", {"scenario": "fog"}),
        Intent("mirror"),
        Intent("move", {"colour": "red", "kind": "object", "place": "left", "to_place": "right"}),
    ],
)
def test_reasoning_intents_have_points_in_both_languages(intent: Intent) -> None:
    points = language.reasoning_points(intent)
    assert 2 <= len(points.en) == len(points.cn) <= 4
    assert all(point.isascii() for point in points.en)
    assert not any("{" in point for point in (*points.en, *points.cn))


def test_other_intents_have_no_points() -> None:
    assert language.reasoning_points(Intent("tone", {"tone": "warm"})).en == ()
