"""How many calls go to a provider at once, and what those who wait are told."""

import asyncio
import contextlib
from itertools import groupby
from unittest import mock

from django.test import SimpleTestCase

from conversations.engine import gate as gates
from conversations.engine.gate import Gate, Gates


class Caller:
    """Somebody who goes in, and stays until told."""

    def __init__(self, gate):
        self.places, self.leaves, self.is_in = [], asyncio.Event(), False
        self.task = asyncio.create_task(self.go(gate))

    async def go(self, gate):
        async with gate.entered(self.places.append):
            self.is_in = True
            await self.leaves.wait()
        self.is_in = False


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


class GateTests(SimpleTestCase):
    async def callers(self, gate, number):
        found = [Caller(gate) for _ in range(number)]
        await settle()
        return found

    async def leave(self, *callers):
        for caller in callers:
            caller.leaves.set()
        await settle()

    async def test_no_more_than_the_limit_are_inside_and_all_get_in_in_order(self):
        gate = Gate(2)
        callers = await self.callers(gate, 5)
        for first in range(4):
            self.assertEqual(
                [c.is_in for c in callers[first : first + 3]], [True, True, False][: 5 - first]
            )
            await self.leave(callers[first])
        await self.leave(*callers)
        self.assertEqual(gate.inside, 0)

    async def test_without_a_limit_everybody_goes_in_untold(self):
        callers = await self.callers(Gate(), 50)
        self.assertTrue(all(caller.is_in and not caller.places for caller in callers))
        await self.leave(*callers)

    async def test_who_waits_is_told_their_place_and_that_it_is_their_turn(self):
        with mock.patch.object(gates, "TELL_SECONDS", 0.01):
            gate = Gate(1)
            callers = await self.callers(gate, 4)
            self.assertEqual([caller.places for caller in callers], [[], [1], [2], [3]])
            await self.leave(callers[0])
            await asyncio.sleep(0.05)
        told = [[place for place, _again in groupby(caller.places)] for caller in callers]
        self.assertEqual(told, [[], [1, 0], [2, 1], [3, 2]])
        await self.leave(*callers)
        await self.leave(*callers)

    async def test_who_leaves_the_queue_makes_room_for_those_behind(self):
        gate = Gate(1)
        first, second, third = await self.callers(gate, 3)
        second.task.cancel()
        await settle()
        await self.leave(first)
        self.assertEqual((third.is_in, gate.inside), (True, 1))
        await self.leave(third)

    async def test_who_is_stopped_just_as_they_are_let_in_takes_no_place(self):
        gate = Gate(1)
        first, second, third = await self.callers(gate, 3)
        first.leaves.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.task.cancel()
        await settle()
        with contextlib.suppress(asyncio.CancelledError):
            await second.task
        await settle()
        self.assertEqual((third.is_in, gate.inside), (True, 1))
        await self.leave(third)
        self.assertEqual(gate.inside, 0)

    async def test_who_is_stopped_in_the_tick_in_which_another_leaves_breaks_nothing(self):
        gate = Gate(1)
        first, second, third = await self.callers(gate, 3)
        second.task.cancel()
        first.leaves.set()
        await settle()
        self.assertIsNone(first.task.exception())
        self.assertEqual((third.is_in, gate.inside), (True, 1))
        third.task.cancel()
        await settle()
        self.assertEqual(gate.inside, 0)

    async def test_all_stopped_at_once_leave_it_empty(self):
        gate = Gate(1)
        callers = await self.callers(gate, 4)
        for caller in callers:
            caller.task.cancel()
        await settle()
        self.assertTrue(all(caller.task.cancelled() for caller in callers))
        (last,) = await self.callers(gate, 1)
        self.assertTrue(last.is_in)
        await self.leave(last)

    async def test_a_higher_limit_lets_more_in_at_once(self):
        provider, found = object(), Gates()
        callers = await self.callers(found.of(provider, 1), 3)
        found.of(provider, 3)
        await settle()
        self.assertTrue(all(caller.is_in for caller in callers))
        self.assertIsNot(found.of(object(), 1), found.of(provider, 3))
        await self.leave(*callers)
