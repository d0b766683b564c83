"""Two hundred at once against a budget for fifty: never over, on both databases."""

import random
import threading

from django.db import connection
from django.db.models import Sum

from conversations import turns
from conversations.engine import jobs
from conversations.models import Budget, LedgerEntry, Reservation, Scope, State
from conversations.problems import BudgetSpent
from conversations.spending import budgets, ledger
from tests import making
from tests.committing import CommittingTestCase
from tests.test_budgets import SEND, settle
from tests.test_turns_together import at_once

SENDS, FITS, THREADS = 200, 50, 20


class TogetherTests(CommittingTestCase):
    def setUp(self):
        self.model = making.model("small", price=("0", "1"))
        making.preset("Small", self.model, parameters={"max_tokens": 1000})
        self.people = [making.person(f"person{number}") for number in range(THREADS)]
        self.over = []

    def watch(self, stop):
        """Reads the standing while everything happens: it is never above the limit."""
        while not stop.is_set():
            for level in budgets.standing(self.people[0]):
                if level.spent + level.held > level.limit:
                    self.over.append((level.spent, level.held))
        connection.close()

    def watched(self, *acts):
        stop = threading.Event()
        watcher = threading.Thread(target=self.watch, args=[stop])
        watcher.start()
        try:
            return at_once(*acts)
        finally:
            stop.set()
            watcher.join()

    def sends(self, person, act=lambda turn: None):
        done = []
        for _number in range(SENDS // THREADS):
            try:
                turn = making.asked(person)
            except BudgetSpent as refusal:
                done.append(refusal)
            else:
                done.append(turn)
                act(turn)
        return done

    def test_as_many_go_as_fit_and_no_more(self):
        making.budget(f"{FITS * SEND / 10**9}")
        done = self.watched(*(lambda person=person: self.sends(person) for person in self.people))
        results = [result for one in done for result in one]
        sent = [result for result in results if isinstance(result, turns.Turn)]
        self.assertEqual((len(results), len(sent)), (SENDS, FITS))
        self.assertEqual(Reservation.objects.aggregate(n=Sum("amount_nanos"))["n"], FITS * SEND)
        self.assertEqual(self.over, [])

    def test_with_stops_and_answers_in_between_it_is_never_passed(self):
        budget = making.budget(f"{FITS * SEND / 10**9}")
        chance = random.Random(7)

        def ends(turn):
            """Some are stopped before they run, some answer fully, some with a part."""
            kind = chance.randrange(4)
            if kind == 0:
                turns.stop(user=turn.completion.asked_by, message_id=turn.replies[0].pk)
            elif kind < 3 and (job := jobs.claim(turn.completion.pk)):
                state = State.DONE if kind == 1 else State.STOPPED
                settle(job, state=state, completion_tokens=1000 if kind == 1 else 313)

        self.watched(*(lambda person=person: self.sends(person, ends) for person in self.people))
        spent = LedgerEntry.objects.total_nanos()
        held = Reservation.objects.aggregate(n=Sum("amount_nanos"))["n"] or 0
        self.assertGreater(spent, 0)
        self.assertLessEqual(spent + held, budget.amount_nanos)
        self.assertGreater(spent + held, budget.amount_nanos - SEND, "nothing was left unused")
        self.assertEqual(self.over, [])
        self.assertEqual(ledger.check(), [])

    def test_several_budgets_at_once_wait_for_each_other_in_one_order(self):
        for scope in (Scope.SITE, Scope.EACH_PERSON):
            making.budget("1", scope)
        for person in self.people[::2]:
            making.budget("0.002", Scope.PERSON, user=person)
        done = self.watched(*(lambda person=person: self.sends(person) for person in self.people))
        sent = [sum(isinstance(one, turns.Turn) for one in results) for results in done]
        self.assertEqual(sent[::2], [2] * (THREADS // 2))
        self.assertEqual(sent[1::2], [SENDS // THREADS] * (THREADS // 2))
        self.assertEqual(Budget.objects.count(), 2 + THREADS // 2)
