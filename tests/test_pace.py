"""When frames go: told by a clock that the tests move, so that every moment is exact."""

import asyncio
import heapq
from itertools import count, pairwise
from uuid import uuid4

import pytest

from conversations.engine.frames import Bus
from conversations.engine.writer import (
    BUSY_SECONDS,
    BUSY_WRITERS,
    FAST_SECONDS,
    FLOOD_CHARACTERS,
    FLOOD_SECONDS,
    QUIET_SECONDS,
    TICK_SECONDS,
    Pace,
    Writer,
)

# Much shorter than any time that matters here.
MOMENT = 0.0001


class Clock:
    """As much of an event loop as `Pace` uses; time passes when a test says so."""

    def __init__(self):
        self.at, self.timers, self.number = 1000.0, [], count()

    def time(self):
        return self.at

    def _timer_handle_cancelled(self, timer):
        pass

    def get_debug(self):
        return False

    def create_future(self):
        return asyncio.Future(loop=self)

    def call_at(self, when, act):
        timer = asyncio.TimerHandle(when, act, (), loop=self)
        heapq.heappush(self.timers, (when, next(self.number), timer))
        return timer

    def go(self, seconds, each=lambda: None):
        """Let time pass, every timer at its moment and `each` after it."""
        end = self.at + seconds
        while self.timers and self.timers[0][0] <= end:
            at, _number, timer = heapq.heappop(self.timers)
            if timer.cancelled():
                continue
            self.at = at
            timer._run()
            each()
        self.at = end


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return Pace(clock)


class Told:
    """A reply that is written, and the frames that went out: time since the start, and text."""

    def __init__(self, pace):
        self.began, self.frames, bus, conversation = pace.now(), [], Bus(), uuid4()
        bus.subscribe(conversation, lambda frame: self.note(pace.now() - self.began, frame))
        self.writer = Writer(conversation, uuid4(), pace, bus)

    def note(self, at, frame):
        self.frames.append((round(at, 6), frame.text))

    def add(self, text):
        self.writer.add("answer", text)

    @property
    def texts(self):
        return [text for _at, text in self.frames]


@pytest.fixture
def told(pace):
    return Told(pace)


@pytest.fixture
def busy(pace, told):
    """A reply under load whose first text has just gone."""
    pace.writers = BUSY_WRITERS
    told.add("Once")
    return told


def test_the_first_text_goes_at_once(told):
    told.add("Once")
    assert told.frames == [(0, "Once")]


@pytest.mark.parametrize("writers", [1, BUSY_WRITERS - 1, BUSY_WRITERS, 200])
def test_the_first_text_goes_at_once_however_many_write(pace, writers):
    pace.writers = writers
    for told in [Told(pace) for _ in range(5)]:
        told.add("Once")
        assert told.frames == [(0, "Once")]


def test_text_that_comes_soon_after_gathers_for_a_display_frame(clock, told):
    told.add("Once")
    clock.go(0.001)
    told.add(" upon")
    told.add(" a time")
    assert told.texts == ["Once"]
    clock.go(QUIET_SECONDS)
    assert told.frames[1:] == [(QUIET_SECONDS, " upon a time")]


def test_a_fast_model_s_text_gathers_longer(clock, told):
    told.add("Once")
    for _ in range(40):
        clock.go(0.005)
        told.add("x")
    moments = [at for at, _text in told.frames]
    gaps = [later - sooner for sooner, later in pairwise(moments[1:])]
    assert all(gap + MOMENT >= FAST_SECONDS - TICK_SECONDS / 2 for gap in gaps), gaps
    assert all(gap <= FAST_SECONDS + TICK_SECONDS + MOMENT for gap in gaps), gaps


def test_text_that_comes_long_after_goes_at_once(clock, told):
    told.add("Once")
    clock.go(1)
    told.add(" upon")
    assert told.frames == [(0, "Once"), (1, " upon")]


def test_text_that_comes_nearly_in_time_takes_along_what_waits(clock, told):
    told.add("Once")
    clock.go(0.001)
    told.add(" upon")
    clock.go(QUIET_SECONDS - 0.001 - TICK_SECONDS / 2 + MOMENT)
    told.add(" a time")
    assert told.texts == ["Once", " upon a time"]
    clock.go(1)
    assert told.texts == ["Once", " upon a time"]


def test_after_text_went_early_the_next_waits_its_whole_time(clock, told):
    told.add("Once")
    clock.go(0.001)
    told.add(" upon")
    clock.go(QUIET_SECONDS - 0.003)
    told.add(" a time")
    assert told.texts == ["Once", " upon a time"]
    clock.go(0.001)
    told.add(" a river")
    clock.go(TICK_SECONDS)
    assert len(told.frames) == 2
    clock.go(FAST_SECONDS)
    assert told.texts[2:] == [" a river"]


@pytest.mark.parametrize("writers", [0, 1, BUSY_WRITERS - 1])
def test_while_little_runs_nobody_waits_for_a_turn(pace, told, writers):
    pace.writers = writers
    told.add("Once")
    told.add(" upon")
    assert pace.turn(told.writer) is None


def test_who_has_written_nothing_yet_waits_for_no_turn(pace, told):
    pace.writers = BUSY_WRITERS
    assert pace.turn(told.writer) is None


def test_who_may_send_already_waits_for_no_turn(clock, pace, busy):
    clock.go(BUSY_SECONDS + MOMENT)
    assert pace.turn(busy.writer) is None


def test_under_load_a_turn_comes_when_the_reply_may_send(clock, pace, busy):
    clock.go(0.004)
    turn = pace.turn(busy.writer)
    clock.go(BUSY_SECONDS - 0.004 - TICK_SECONDS / 2 - MOMENT)
    assert not turn.done()
    clock.go(TICK_SECONDS / 2 + 2 * MOMENT)
    assert turn.done()
    assert turn.result() is None


def test_what_is_read_in_its_turn_goes_at_once_in_one_frame(clock, pace, busy):
    turn = pace.turn(busy.writer)
    clock.go(BUSY_SECONDS + MOMENT)
    assert turn.done()
    busy.add(" upon a time")
    assert busy.texts == ["Once", " upon a time"]
    clock.go(1)
    assert busy.texts == ["Once", " upon a time"]


def test_text_that_waits_goes_with_what_is_read_in_the_turn(clock, pace, busy):
    clock.go(0.001)
    busy.add(" upon")
    turn = pace.turn(busy.writer)
    clock.go(BUSY_SECONDS, lambda: turn.done() and len(busy.frames) == 1 and busy.add(" a time"))
    assert busy.frames[1:] == [(BUSY_SECONDS, " upon a time")]
    clock.go(1)
    assert len(busy.frames) == 2


def test_text_that_waits_goes_by_itself_when_nothing_more_is_read(clock, pace, busy):
    clock.go(0.001)
    busy.add(" upon")
    turn = pace.turn(busy.writer)
    clock.go(BUSY_SECONDS)
    assert turn.done()
    assert busy.texts == ["Once"]
    clock.go(TICK_SECONDS)
    assert busy.frames[1:] == [(BUSY_SECONDS + TICK_SECONDS, " upon")]


def test_a_reply_that_reads_in_turns_sends_a_frame_a_turn(clock, pace, busy):
    """Each turn brings one batch, and the next is asked for as soon as it is taken."""
    turns = [pace.turn(busy.writer)]

    def read():
        if turns[-1].done():
            busy.add(f" {len(turns)}")
            turns.append(pace.turn(busy.writer))

    clock.go(1, read)
    moments = [at for at, _text in busy.frames]
    assert busy.texts == ["Once", *(f" {number}" for number in range(1, len(turns)))]
    assert len(turns) == pytest.approx(1 / BUSY_SECONDS, abs=2)
    gaps = [later - sooner for sooner, later in pairwise(moments)]
    assert all(gap == pytest.approx(BUSY_SECONDS, abs=TICK_SECONDS) for gap in gaps)


def test_turns_that_come_within_a_tick_come_together(clock, pace):
    pace.writers = BUSY_WRITERS
    replies = [Told(pace) for _ in range(BUSY_WRITERS)]
    turns = []
    for told in replies:
        told.add("Once")
        turns.append(pace.turn(told.writer))
        clock.go(TICK_SECONDS / 2 / BUSY_WRITERS)
    wakings = []
    clock.go(1, lambda: wakings.append(sum(turn.done() for turn in turns)))
    assert wakings[0] == BUSY_WRITERS
    assert len(wakings) == 1


def test_turns_that_come_apart_come_each_in_its_time(clock, pace):
    pace.writers = BUSY_WRITERS
    due = {}

    def note():
        for turn in [turn for turn in due if turn.done()]:
            late.append(clock.at - due.pop(turn))

    late = []
    for _ in range(BUSY_WRITERS):
        told = Told(pace)
        told.add("Once")
        due[pace.turn(told.writer)] = clock.at + BUSY_SECONDS
        clock.go(0.003, note)
    clock.go(1, note)
    assert len(late) == BUSY_WRITERS
    assert all(-TICK_SECONDS / 2 - MOMENT <= seconds <= TICK_SECONDS for seconds in late), late


def test_a_flood_makes_turns_rarer(clock, pace, busy):
    clock.go(1)
    busy.add("x" * (FLOOD_CHARACTERS + 1))
    turn = pace.turn(busy.writer)
    clock.go(FLOOD_SECONDS - TICK_SECONDS / 2 - MOMENT)
    assert not turn.done()
    clock.go(TICK_SECONDS / 2 + 2 * MOMENT)
    assert turn.done()


def test_who_no_longer_waits_harms_nobody(clock, pace, busy):
    other = Told(pace)
    other.add("Twice")
    gone, stays = pace.turn(busy.writer), pace.turn(other.writer)
    gone.cancel()
    clock.go(BUSY_SECONDS + TICK_SECONDS)
    assert gone.cancelled()
    assert stays.done()
    assert not stays.cancelled()
    other.add(" as long")
    assert other.texts == ["Twice", " as long"]


def test_a_turn_after_one_that_was_given_up_comes_too(clock, pace, busy):
    pace.turn(busy.writer).cancel()
    again = pace.turn(busy.writer)
    clock.go(BUSY_SECONDS + MOMENT)
    assert again.done()
    assert not again.cancelled()


def test_nothing_ticks_where_nothing_waits(clock, pace, busy):
    clock.go(0.001)
    busy.add(" upon")
    pace.turn(busy.writer)
    clock.go(1)
    assert (clock.timers, pace._turns, pace._due) == ([], [], {})


def test_the_end_sends_what_is_left(clock, pace, told):
    told.add("Once")
    told.add(" upon")
    pace.finish(told.writer)
    assert told.frames == [(0, "Once"), (0, " upon")]
    clock.go(1)
    assert len(told.frames) == 2


def test_the_end_sends_what_is_left_during_a_turn_too(clock, pace, busy):
    busy.add(" upon")
    turn = pace.turn(busy.writer)
    pace.finish(busy.writer)
    assert busy.texts == ["Once", " upon"]
    clock.go(1)
    assert turn.done()
    assert busy.texts == ["Once", " upon"]


def test_an_end_with_nothing_left_says_nothing(clock, pace, told):
    told.add("Once")
    pace.finish(told.writer)
    clock.go(1)
    assert told.texts == ["Once"]


def test_a_turn_that_is_nearer_than_the_next_tick_comes_in_its_time(clock, pace):
    pace.writers = BUSY_WRITERS
    near, far = Told(pace), Told(pace)
    near.add("Once")
    clock.go(BUSY_SECONDS - TICK_SECONDS)
    far.add("Once")
    pace.turn(far.writer)
    turn = pace.turn(near.writer)
    clock.go(TICK_SECONDS + MOMENT)
    assert turn.done()
