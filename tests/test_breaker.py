"""A model that fails again and again is left alone for a while."""

from django.test import SimpleTestCase

from conversations.engine.breaker import FAILURES, MOST_REST_SECONDS, REST_SECONDS, Breakers
from conversations.providers import errors


class BreakerTests(SimpleTestCase):
    def setUp(self):
        self.now = 100.0
        self.breaker = Breakers(lambda: self.now).of("key", "small")

    def call(self, trouble=None):
        self.breaker.after(trouble, self.breaker.before())

    def fail(self, times=FAILURES, kind=errors.ServerFailure):
        for _ in range(times):
            self.call(kind("out of order"))

    def assert_rests(self, seconds):
        with self.assertRaises(errors.Resting) as caught:
            self.breaker.before()
        self.assertAlmostEqual(caught.exception.retry_after_seconds, seconds, 3)
        self.assertFalse(caught.exception.retryable)

    def test_failures_in_a_row_open_it(self):
        self.fail(FAILURES - 1)
        self.call(errors.Overloaded("busy"))
        self.assert_rests(REST_SECONDS)

    def test_a_success_between_them_keeps_it_closed(self):
        for _ in range(3):
            self.fail(FAILURES - 1)
            self.call()
        self.fail(FAILURES - 1)

    def test_what_one_request_did_wrong_says_nothing_about_the_model(self):
        for kind in (
            errors.BadRequest,
            errors.ContextLength,
            errors.ContentFilter,
            errors.Truncated,
        ):
            self.fail(3 * FAILURES, kind)

    def test_after_the_rest_one_call_tries_and_closes_it(self):
        self.fail()
        self.now += REST_SECONDS
        self.assertTrue(self.breaker.before())
        with self.assertRaises(errors.Resting):
            self.breaker.before()
        self.breaker.after(None, True)
        self.fail(FAILURES - 1)

    def test_a_failed_try_doubles_the_rest_up_to_a_bound(self):
        self.fail()
        rest = REST_SECONDS
        for _ in range(8):
            self.now += rest
            self.call(errors.Timeout("late"))
            rest = min(2 * rest, MOST_REST_SECONDS)
            self.assert_rests(rest)

    def test_a_try_that_was_stopped_lets_another_try(self):
        self.fail()
        self.now += REST_SECONDS
        self.breaker.forget(self.breaker.before())
        self.call()

    def test_while_one_tries_what_was_begun_before_says_nothing(self):
        self.fail()
        self.now += REST_SECONDS
        self.assertTrue(self.breaker.before())
        self.breaker.after(errors.BadRequest("odd"), False)
        self.breaker.after(errors.ServerFailure("late"), False)
        self.breaker.forget(False)
        with self.assertRaises(errors.Resting):
            self.breaker.before()
        self.breaker.after(errors.Timeout("late"), True)
        self.assert_rests(2 * REST_SECONDS)

    def test_each_model_has_its_own(self):
        self.fail()
        found = Breakers(lambda: self.now)
        self.assertIsNot(found.of("one", "1"), found.of("two", "2"))
        self.assertIs(found.of("one", "1"), found.of("one", "1"))
