"""What of a conversation is sent: the instructions and the newest whole turns that fit."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.engine.context import (
    LEAST_FACTOR,
    MOST_FACTOR,
    SHARES,
    DoesNotFit,
    Room,
    cut_further,
    factor_of,
    fit,
    room_of,
    surely_fits,
)
from conversations.engine.estimate import tokens_of_messages

# A busy machine is no failure.
unhurried = settings(deadline=None)
LINE = "Bees dance to tell each other where the flowers are. "
ROLES = st.sampled_from(["user", "assistant"])
TEXTS = st.one_of(st.text(max_size=300), st.integers(0, 40).map(lambda times: LINE * times))
HISTORIES = st.lists(st.tuples(ROLES, TEXTS), max_size=30).map(
    lambda rest: [("user", "Hello"), *rest]
)
ROOMS = st.builds(
    Room,
    window=st.integers(1, 20_000),
    answer=st.integers(0, 2_000),
    factor=st.floats(LEAST_FACTOR, MOST_FACTOR),
)


def talk(exchanges, length=10):
    """A history of so many questions with their answers, and one question more."""
    pairs = [(("user", f"Q{n} {LINE * length}"), ("assistant", f"A{n}")) for n in range(exchanges)]
    return [message for pair in pairs for message in pair] + [("user", "And now?")]


def last_turn(history):
    start = max(at for at, (role, _text) in enumerate(history) if role == "user")
    return history[start:]


@unhurried
@given(st.text(max_size=200), HISTORIES, ROOMS)
def test_what_is_kept_fits_begins_with_a_person_and_ends_with_the_last_turn(system, history, room):
    last = last_turn(history)
    try:
        kept = fit(system, history, room)
    except DoesNotFit as trouble:
        alone = fit(system, last, Room(None)).estimate
        assert room.tokens(alone) + room.answer > room.window
        numbers = (trouble.tokens, trouble.window, trouble.answer)
        assert numbers == (room.tokens(alone), room.window, room.answer)
        return
    assert room.tokens(kept.estimate) + room.answer <= room.window
    assert list(kept.messages) == history[kept.left_out :]
    assert kept.messages[0][0] == "user"
    assert list(kept.messages)[-len(last) :] == last
    texts = [text for _role, text in kept.messages]
    assert kept.estimate == tokens_of_messages([system, *texts] if system else texts)


@unhurried
@given(st.text(max_size=200), HISTORIES, ROOMS)
def test_no_turn_is_left_out_that_would_have_fitted(system, history, room):
    try:
        kept = fit(system, history, room)
    except DoesNotFit:
        return
    starts = [at for at, (role, _text) in enumerate(history[: kept.left_out]) if role == "user"]
    if starts:
        more = fit(system, history[starts[-1] :], Room(None))
        assert not room.holds(more.estimate)


@unhurried
@given(st.text(max_size=200), HISTORIES, ROOMS)
def test_what_surely_fits_is_not_cut(system, history, room):
    if surely_fits([system, *(text for _role, text in history)], Room(room.window, room.answer)):
        assert fit(system, history, Room(room.window, room.answer)).left_out == 0


@unhurried
@given(st.text(max_size=200), HISTORIES)
def test_cut_again_and_again_at_last_one_turn_is_left(system, history):
    kept = fit(system, history, Room(None))
    for times in range(len(SHARES) + 1):
        less = cut_further(system, kept, times)
        if less is None:
            break
        assert less.estimate < kept.estimate
        assert less.left_out > kept.left_out
        assert list(less.messages) == history[less.left_out :]
        kept = less
    assert cut_further(system, kept, times) is None
    assert list(kept.messages) == last_turn(history)


def test_without_a_known_window_nothing_is_cut():
    history = talk(200)
    assert fit("Be brief.", history, Room(None)).messages == history


def test_whole_turns_go_oldest_first():
    kept = fit("", talk(10), Room(700))
    assert kept.left_out % 2 == 0
    assert 0 < kept.left_out < 20
    assert kept.messages[0][1].startswith(f"Q{kept.left_out // 2} ")


def test_the_instructions_take_their_room():
    with_them, without = (fit(text, talk(10), Room(700)) for text in (LINE * 20, ""))
    assert with_them.left_out > without.left_out


def test_a_reply_that_is_continued_stays_with_its_question():
    history = [*talk(10), ("assistant", "Once upon")]
    kept = fit("", history, Room(60))
    assert kept.messages == [("user", "And now?"), ("assistant", "Once upon")]


def test_a_first_cut_leaves_about_two_thirds():
    kept = fit("", talk(20), Room(None))
    less = cut_further("", kept, 0)
    assert 0.6 * kept.estimate < less.estimate <= 0.7 * kept.estimate


@pytest.mark.parametrize(
    ("window", "parameters", "answer"),
    [
        (None, {"max_tokens": 9}, 0),
        (0, {}, 0),
        (8000, {"max_tokens": 3000}, 3000),
        (8000, {}, 1024),
        (2000, {}, 500),
    ],
)
def test_the_answer_has_its_room(window, parameters, answer):
    assert room_of(window, parameters).answer == answer


class TestCorrection:
    MODEL = uuid4()

    def test_the_newest_report_of_the_same_model_counts(self):
        counted = [(uuid4(), 900, 300), (None, 9, 9), (self.MODEL, 450, 300), (self.MODEL, 1, 1)]
        assert factor_of(counted, self.MODEL) == 1.5

    def test_without_one_the_estimate_stands(self):
        assert factor_of([(uuid4(), 900, 300)], self.MODEL) == 1

    def test_it_has_bounds(self):
        reports = [[(self.MODEL, tokens, 1000)] for tokens in (1, 100_000)]
        assert [factor_of(counted, self.MODEL) for counted in reports] == [0.5, 3]

    def test_it_makes_more_or_less_fit(self):
        left = [fit("", talk(20), Room(1000, factor=factor)).left_out for factor in (0.5, 1, 2)]
        assert left == sorted(set(left))
