"""Alerts about providers, and telling administrators of alerts: each once, signed, without keys."""

import asyncio
import hashlib
import hmac
import json
import smtplib
from datetime import timedelta
from unittest import mock

from django.core import mail
from django.test import TestCase, override_settings
from django.utils import timezone

from conversations.engine.breaker import FAILURES, Breakers
from conversations.engine.jobs import Target
from conversations.models import Alert, Period, State
from conversations.oversight import alerting, delivering, housekeeping, noticing
from conversations.providers import errors
from tests import making, playing
from tests.playing import END, Played, ended, in_db
from tests.test_engine import EngineTestCase
from tests.test_settings import settings_of, start

SECRET = "a-secret-to-sign-alerts-with"
KIND = Alert.Kind


class NoticingTests(TestCase):
    def setUp(self):
        self.now = 100.0
        self.noticing = noticing.Noticing(lambda work, *about: work(*about), lambda: self.now)
        self.provider = making.provider("Here", key="a-key-of-here-1234")
        self.provider.refresh_from_db()
        self.model = making.model("small", at=self.provider)

    def target(self, model=None):
        of = model or self.model
        return Target(of.pk, of.name, self.provider, None)

    def ends(self, trouble=None, model=None):
        self.now += 100
        self.noticing.called(self.target(model), trouble)

    def open(self):
        return {(alert.kind, alert.subject_name) for alert in Alert.objects.filter(closed_at=None)}

    def rests(self):
        key = (self.provider.pk, self.model.pk)
        self.noticing.rests(key, "small", errors.ServerFailure("SECRET WORDS"))

    def test_a_model_that_is_left_alone_is_told_until_it_answers_again(self):
        self.rests()
        self.assertEqual(self.open(), {(KIND.PROVIDER_FAILING, "Here: small")})
        self.assertNotIn("SECRET", Alert.objects.get().detail)
        self.ends()
        self.assertEqual(self.open(), set())

    def test_what_another_process_told_is_closed_too(self):
        alerting.raise_alert(
            KIND.PROVIDER_FAILING, f"{self.provider.pk}:{self.model.pk}", "Here: small"
        )
        self.ends()
        self.assertEqual(self.open(), set())

    def test_a_refused_key_is_told_by_its_end_until_it_works(self):
        self.ends(errors.Unauthorized("wrong", status=401))
        self.assertEqual(self.open(), {(KIND.KEY_REFUSED, "Here")})
        detail = Alert.objects.get().detail
        self.assertIn("…1234", detail)
        self.assertNotIn("a-key-of-here", detail)
        self.ends()
        self.assertEqual(self.open(), set())

    def test_a_key_that_may_not_use_one_model_is_told_of_that_model(self):
        other = making.model("big", at=self.provider)
        self.ends(errors.Forbidden("not yours", status=403), other)
        self.ends()
        self.assertEqual(self.open(), {(KIND.KEY_REFUSED, "Here: big")})
        self.ends(model=other)
        self.assertEqual(self.open(), set())

    def test_other_trouble_says_nothing_of_the_key(self):
        for trouble in (errors.Payment("empty"), errors.BadRequest("odd"), errors.NotFound("?")):
            self.ends(trouble)
        self.assertEqual(self.open(), set())

    def test_the_database_is_asked_once_a_minute_at_most(self):
        asked = []
        quiet = noticing.Noticing(lambda work, *about: asked.append(work), lambda: self.now)
        for _ in range(50):
            quiet.called(self.target(), None)
        self.assertEqual(asked, [noticing.answers])
        quiet.called(self.target(), errors.Unauthorized("wrong"))
        quiet.called(self.target(), errors.Unauthorized("wrong"))
        quiet.called(self.target(), None)
        self.assertEqual(asked, [noticing.answers, noticing.refuses, noticing.answers])

    def test_while_keys_overlap_an_answer_does_not_say_which_one_works(self):
        self.provider.key, self.provider.old_key = "the-newer-one-5678", "a-key-of-here-1234"
        self.provider.old_key_until = timezone.now() + timedelta(hours=1)
        self.provider.save()
        self.provider.refresh_from_db()
        self.noticing.new_key_refused(self.provider, errors.Unauthorized("wrong"))
        detail = Alert.objects.get().detail
        self.assertIn("…5678", detail)
        self.assertIn("…1234", detail)
        self.ends()
        self.assertEqual(self.open(), {(KIND.KEY_REFUSED, "Here")})
        self.noticing.new_key_taken(self.provider)
        self.assertEqual(self.open(), set())

    def test_the_breaker_says_each_time_that_it_opens(self):
        said = []
        breaker = Breakers(lambda: self.now, lambda *told: said.append(told)).of("key", "small")
        trouble = errors.ServerFailure("out")
        for _ in range(FAILURES):
            breaker.after(trouble, breaker.before())
        self.now += 1000
        breaker.after(trouble, breaker.before())
        self.assertEqual(said, [("key", "small", trouble)] * 2)


class EngineTests(EngineTestCase):
    async def test_how_calls_end_is_told(self):
        heard = []
        adapter = Played([errors.Unauthorized("no")], ["Once", END])
        again = await in_db(making.asked)(self.alice, "Again")
        async with playing.engine(adapter) as engine:
            object.__setattr__(
                engine.around, "called", lambda target, trouble: heard.append(trouble)
            )
            for turn, state in ((self.turn, State.FAILED), (again, State.DONE)):
                engine.start(turn.completion.pk)
                self.assertEqual((await ended(turn.completion)).state, state)
        self.assertIsInstance(heard[0], errors.Unauthorized)
        self.assertEqual(heard[1:], [None])


class Receiver:
    """A web server that keeps what is posted to it and answers with `status`."""

    def __init__(self, status=204):
        self.status, self.posted = status, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.posted.append((headers, body))
        more = "Location: http://127.0.0.1:1/\r\n" if self.status == 302 else ""
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n{more}\r\n".encode())
        await writer.drain()
        writer.close()


@override_settings(ALERT_MAIL=[], ALERT_WEBHOOK="", ALERT_SECRET=SECRET, SITE_URL="https://x.org")
class TellingTests(TestCase):
    def setUp(self):
        alerting.raise_alert(KIND.KEY_REFUSED, "p", "Here\nBcc: all@example.com", "It was refused.")

    def alert(self):
        return Alert.objects.get()

    async def tell(self, **settings):
        with self.settings(**settings):
            return await delivering.tell_waiting()

    async def test_it_is_mailed_once(self):
        to = ["ada@example.com", "bob@example.com"]
        self.assertEqual(await self.tell(ALERT_MAIL=to), 1)
        self.assertEqual(await self.tell(ALERT_MAIL=to), 0)
        (sent,) = mail.outbox
        self.assertEqual((sent.to, sent.bcc), (to, []))
        self.assertEqual(sent.subject, "[Parley] key refused: Here Bcc: all@example.com")
        self.assertIn("It was refused.", sent.body)
        self.assertIn("https://x.org/admin/", sent.body)

    async def test_it_is_posted_signed_with_the_time(self):
        async with Receiver() as receiver:
            self.assertEqual(await self.tell(ALERT_WEBHOOK=receiver.url), 1)
        ((headers, body),) = receiver.posted
        told = json.loads(body)
        self.assertEqual((told["kind"], told["detail"]), ("key_refused", "It was refused."))
        moment, _comma, signed = headers["x-parley-signature"].partition(",v1=")
        expected = hmac.new(SECRET.encode(), moment[2:].encode() + b"." + body, hashlib.sha256)
        self.assertEqual(signed, expected.hexdigest())
        self.assertAlmostEqual(int(moment[2:]), timezone.now().timestamp(), delta=10)
        self.assertNotIn(SECRET, str(receiver.posted))

    async def test_what_fails_is_tried_again_later_and_later_and_not_for_ever(self):
        pauses = []
        async with Receiver(500) as receiver:
            for _ in range(delivering.MOST_TRIES + 2):
                await self.tell(ALERT_WEBHOOK=receiver.url)
                alert = await in_db(self.alert)()
                pauses.append(alert.try_at - timezone.now())
                self.assertEqual(await self.tell(ALERT_WEBHOOK=receiver.url), 0)
                await in_db(Alert.objects.update)(try_at=timezone.now())
        self.assertEqual(len(receiver.posted), delivering.MOST_TRIES)
        minutes = [round(pause.total_seconds() / 60) for pause in pauses[: delivering.MOST_TRIES]]
        self.assertEqual(minutes, [1, 5, 30, 120, 120])
        self.assertIsNone((await in_db(self.alert)()).told_at)

    async def test_a_second_try_does_not_mail_again(self):
        async with Receiver(500) as receiver:
            both = {"ALERT_WEBHOOK": receiver.url, "ALERT_MAIL": ["ada@example.com"]}
            await self.tell(**both)
            receiver.status = 200
            await in_db(Alert.objects.update)(try_at=timezone.now())
            self.assertEqual(await self.tell(**both), 1)
        self.assertEqual((len(mail.outbox), len(receiver.posted)), (1, 2))

    async def test_a_redirect_is_not_followed_and_counts_as_a_failure(self):
        async with Receiver(302) as receiver:
            self.assertEqual(await self.tell(ALERT_WEBHOOK=receiver.url), 0)
        self.assertEqual(len(receiver.posted), 1)

    async def test_a_private_address_is_asked_only_where_that_is_allowed(self):
        async with Receiver() as receiver:
            await self.tell(ALERT_WEBHOOK=receiver.url, PRIVATE_PROVIDERS=False)
        self.assertEqual(receiver.posted, [])

    async def test_a_mail_server_that_is_gone_is_tried_again(self):
        gone = smtplib.SMTPServerDisconnected("gone")
        with mock.patch("django.core.mail.EmailMessage.send", side_effect=gone):
            self.assertEqual(await self.tell(ALERT_MAIL=["ada@example.com"]), 0)
        self.assertEqual((await in_db(self.alert)()).tries, 1)

    def test_of_several_processes_one_takes_it(self):
        with mock.patch("conversations.oversight.delivering.Alert.objects.filter") as rows:
            stale = self.alert()
            rows.return_value.order_by.return_value.__getitem__.return_value = [stale]
            rows.return_value.update.side_effect = [0]
            self.assertEqual(delivering.take(), [])
        self.assertEqual([alert.pk for alert in delivering.take()], [self.alert().pk])
        self.assertEqual(delivering.take(), [])

    async def test_what_is_over_before_it_was_told_is_not_told(self):
        await in_db(alerting.close_alert)(KIND.KEY_REFUSED, "p")
        self.assertEqual(await self.tell(ALERT_MAIL=["ada@example.com"]), 0)

    async def test_what_comes_back_at_once_is_not_told_anew(self):
        await self.tell(ALERT_MAIL=["ada@example.com"])
        await in_db(alerting.close_alert)(KIND.KEY_REFUSED, "p")
        await in_db(alerting.raise_alert)(KIND.KEY_REFUSED, "p", "Here", "Again.")
        self.assertEqual(await self.tell(ALERT_MAIL=["ada@example.com"]), 0)

    async def test_what_came_back_before_anybody_was_told_is_told(self):
        await in_db(alerting.close_alert)(KIND.KEY_REFUSED, "p")
        await in_db(alerting.raise_alert)(KIND.KEY_REFUSED, "p", "Here", "Again.")
        self.assertEqual(await self.tell(ALERT_MAIL=["ada@example.com"]), 1)

    async def test_one_that_cannot_be_told_does_not_keep_the_others_back(self):
        await in_db(alerting.raise_alert)(KIND.PROVIDER_FAILING, "q", "There", "It fails.")
        first = await in_db(Alert.objects.get)(subject="p")

        async def odd(alert):
            if alert.pk == first.pk:
                raise ValueError("Oh")

        with mock.patch("conversations.oversight.delivering._mail", odd):
            self.assertEqual(await self.tell(ALERT_MAIL=["ada@example.com"]), 1)
        told = await in_db(Alert.objects.get)(told_at__isnull=False)
        self.assertEqual(told.subject, "q")

    def test_without_anybody_to_tell_nothing_is_done(self):
        self.assertFalse(delivering.is_set())
        with self.settings(ALERT_MAIL=["ada@example.com"]):
            self.assertTrue(delivering.is_set())


def test_a_webhook_needs_a_secret_to_sign_with(tmp_path):
    webhook = {"PARLEY_ALERT_WEBHOOK": "https://hooks.example.org/"}
    for secret in ({}, {"PARLEY_ALERT_SECRET": "short"}):
        done = start(tmp_path, "check", **webhook, **secret)
        assert done.returncode != 0
        assert "PARLEY_ALERT_SECRET" in done.stderr
    file = tmp_path / "secret"
    file.write_text(SECRET)
    told = {"PARLEY_ALERT_SECRET_FILE": str(file), "PARLEY_ALERT_MAIL": "a@x.org, b@x.org"}
    shown = settings_of(tmp_path, "ALERT_SECRET", "ALERT_MAIL", **webhook, **told)
    assert shown == [repr(SECRET), "['a@x.org', 'b@x.org']"]


class PastBudgetTests(TestCase):
    def told(self, budget, days_ago, who=""):
        since = Period(budget.period).begins(timezone.localdate() - timedelta(days=days_ago))
        alerting.raise_alert(KIND.BUDGET_NEARLY, f"{budget.pk.hex} {since}{who}", "Somebody")

    def left(self):
        return Alert.objects.filter(closed_at=None).count()

    def test_they_are_closed_when_their_period_is_over(self):
        for period, over, still in (("day", 1, 0), ("month", 31, 0), ("rolling", 30, 29)):
            budget = making.budget("1", period=period)
            with self.subTest(period):
                self.told(budget, still)
                self.told(budget, over, f" {budget.pk.hex}")
                housekeeping.keep_house()
                self.assertEqual(self.left(), 1)
                budget.delete()
                housekeeping.keep_house()
                self.assertEqual(self.left(), 0)

    def test_what_never_ends_and_others_stay(self):
        self.told(making.budget("1", period="ever"), 400)
        alerting.raise_alert(KIND.KEY_REFUSED, "p", "Here")
        alerting.raise_alert(KIND.BUDGET_USED, "something", "Here")
        housekeeping.keep_house()
        self.assertEqual(self.left(), 3)
