"""Rotating a provider's key: tested first, an overlap with the one before, and its end."""

import asyncio
from datetime import timedelta
from unittest import mock

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import call_command
from django.test import SimpleTestCase, TestCase
from django.urls import reverse
from django.utils import timezone

from conversations import rotation
from conversations.models import Alert, AuditEntry, LedgerEntry, Provider, User
from conversations.oversight import noticing
from conversations.process import adapter_of, endpoint_of
from conversations.providers import errors
from conversations.providers.base import Begin, ChatRequest, Text
from conversations.providers.two_keys import TwoKeys
from tests import making
from tests.playing import END, Played
from tests.serving import Serving

OLD, NEW = "old-key-of-here-1111", "new-key-of-here-2222"
REFUSAL = mock.patch("conversations.providers.checkup.QUESTION", "[[status=401 says=wrong]]")


class Page(TestCase):
    def setUp(self):
        self.ada = User.objects.create_superuser("ada", "ada@example.com", "word")
        self.client.force_login(self.ada)

    def provider(self, url="http://127.0.0.1:9/v1", **fields):
        given = {"kind": "openai_compatible", "base_url": url, "key": OLD} | fields
        made = making.provider("Here", **given)
        made.refresh_from_db()
        return made

    def address(self, provider):
        change = reverse("admin:conversations_provider_change", args=[provider.pk])
        return change.replace("change/", "rotate/")

    def post(self, provider, **fields):
        form = {"key": NEW, "overlap": "24"} | fields
        return self.client.post(self.address(provider), form, follow=True)


class RotatingTests(Page):
    def test_a_key_that_works_is_stored_and_the_one_before_overlaps_for_a_day(self):
        with Serving() as url:
            provider = self.provider(url)
            page = self.post(provider)
        self.assertContains(page, "…1111")
        provider.refresh_from_db()
        self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (NEW, OLD))
        left = provider.old_key_until - timezone.now()
        self.assertAlmostEqual(left.total_seconds(), 86_400, delta=60)
        self.assertEqual(LedgerEntry.objects.get().user_id, self.ada.pk)

    def test_at_once_keeps_nothing_of_the_one_before(self):
        with Serving() as url:
            provider = self.provider(url)
            self.post(provider, overlap="0")
        provider.refresh_from_db()
        self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (NEW, ""))
        self.assertIsNone(provider.old_key_until)

    def test_until_a_chosen_time(self):
        until = timezone.localtime(timezone.now() + timedelta(days=3))
        with Serving() as url:
            provider = self.provider(url)
            self.post(provider, overlap="chosen", until=f"{until:%Y-%m-%dT%H:%M}")
        provider.refresh_from_db()
        self.assertEqual(provider.old_key_until, until.replace(second=0, microsecond=0))

    def test_a_time_that_is_over_or_far_away_or_missing_is_refused_at_its_field(self):
        provider = self.provider()
        for until in ("2001-01-01T00:00", "2099-01-01T00:00", "", "soon"):
            page = self.post(provider, overlap="chosen", until=until)
            self.assertTrue(page.context["form"].errors["until"], until)
        provider.refresh_from_db()
        self.assertEqual(provider.key.reveal(), OLD)

    def test_a_refused_key_is_not_stored_even_if_that_is_wanted(self):
        with Serving() as url, REFUSAL:
            provider = self.provider(url)
            page = self.post(provider, untested="on")
        self.assertContains(page, "refuses this key")
        self.assertNotContains(page, NEW)
        provider.refresh_from_db()
        self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (OLD, ""))

    def test_where_nobody_answers_it_is_stored_only_if_that_is_wanted(self):
        provider = self.provider()
        self.assertContains(self.post(provider), "could not be tested")
        provider.refresh_from_db()
        self.assertEqual(provider.key.reveal(), OLD)
        self.post(provider, untested="on")
        provider.refresh_from_db()
        self.assertEqual(provider.key.reveal(), NEW)

    def test_a_key_that_fits_no_header_is_refused(self):
        page = self.post(self.provider(), key="two words")
        self.assertContains(page, "no blanks")

    def test_the_stored_key_is_no_new_one(self):
        self.assertContains(self.post(self.provider(), key=OLD), "stored already")

    def test_looking_asks_nobody_and_shows_the_ends_alone(self):
        until = timezone.now() + timedelta(hours=1)
        provider = self.provider(old_key="older-key-0000", old_key_until=until)
        with mock.patch("conversations.connections.check_key") as check:
            page = self.client.get(self.address(provider))
        check.assert_not_called()
        self.assertContains(page, "…1111")
        self.assertContains(page, "…0000")
        self.assertNotContains(page, "older-key")

    def test_others_may_not_and_a_provider_without_a_key_has_nothing_to_rotate(self):
        keyless = making.provider("Demo")
        self.assertEqual(self.client.get(self.address(keyless)).status_code, 403)
        provider = self.provider()
        self.client.force_login(making.person())
        self.assertNotEqual(self.post(provider).status_code, 200)
        spends = making.person("bob", may_spend=True)
        self.client.force_login(spends)
        self.assertEqual(self.client.get(self.address(provider)).status_code, 403)

    def test_it_is_audited_without_a_key(self):
        with Serving() as url:
            self.post(self.provider(url))
        entry = AuditEntry.objects.get(action="provider.key_rotated")
        self.assertEqual((entry.actor_id, entry.subject_name), (self.ada.pk, "Here"))
        self.assertNotIn("of-here", str(entry.detail))

    def test_a_refusal_that_was_told_is_over(self):
        provider = self.provider()
        noticing.refuses(provider, provider.pk, "small", errors.Unauthorized("no", status=401))
        rotation.rotate(provider, NEW, until=None)
        self.assertIsNotNone(Alert.objects.get().closed_at)


class EndingTests(Page):
    def overlapping(self, **since):
        until = timezone.now() + timedelta(**since or {"hours": 1})
        return self.provider(key=NEW, old_key=OLD, old_key_until=until)

    def test_a_click_ends_the_overlap(self):
        provider = self.overlapping()
        before = provider.updated_at
        self.client.post(self.address(provider), {"end": "1"})
        provider.refresh_from_db()
        self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (NEW, ""))
        self.assertGreater(provider.updated_at, before)
        self.assertEqual(AuditEntry.objects.get().action, "provider.key_overlap_ended")

    def test_what_is_over_is_removed_and_what_is_not_stays(self):
        provider = self.overlapping(seconds=-1)
        self.assertFalse(provider.keys_overlap)
        self.assertEqual(rotation.expire_old_keys(), 1)
        self.assertEqual(rotation.expire_old_keys(), 0)
        provider.refresh_from_db()
        self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (NEW, ""))
        Provider.objects.all().delete()
        self.overlapping()
        self.assertEqual(rotation.expire_old_keys(), 0)

    def test_both_keys_are_encrypted_anew(self):
        provider, before = self.overlapping(), settings.ENCRYPTION_KEYS
        newest = Fernet.generate_key().decode()
        with self.settings(ENCRYPTION_KEYS=f"{newest},{before}"):
            call_command("rotate_keys", stdout=mock.Mock())
        with self.settings(ENCRYPTION_KEYS=newest):
            provider.refresh_from_db()
            self.assertEqual((provider.key.reveal(), provider.old_key.reveal()), (NEW, OLD))

    def test_the_endpoint_knows_the_key_that_it_is_asked_for(self):
        provider = self.overlapping()
        provider.refresh_from_db()
        self.assertEqual(endpoint_of(provider).key, NEW)
        self.assertEqual(endpoint_of(provider, old=True).key, OLD)
        self.assertIsInstance(adapter_of(provider), TwoKeys)
        provider.old_key_until = timezone.now()
        self.assertNotIsInstance(adapter_of(provider), TwoKeys)


class OverlapTests(SimpleTestCase):
    """What is asked with which key."""

    def setUp(self):
        self.counts, self.refused, self.taken = True, [], 0

    async def ask(self, new, old):
        """Everything that is said, by an adapter with these two."""
        self.new, self.old = Played(new), Played(old)

        def taken():
            self.taken += 1

        two = TwoKeys(self.new, self.old, lambda: self.counts, self.refused.append, taken)
        said = ""
        async for batch in two.stream(ChatRequest("small", ())):
            said += "".join(event.text for event in batch if isinstance(event, Text))
        return said

    async def test_a_good_new_key_is_all_that_is_asked(self):
        self.assertEqual(await self.ask(["Once", END], ["Twice", END]), "Once")
        self.assertEqual((self.old.requests, self.refused, self.taken), ([], [], 1))

    async def test_a_refused_new_key_gives_way_to_the_old_one(self):
        for refusal in (errors.Unauthorized("no"), errors.Forbidden("no")):
            self.refused.clear()
            self.assertEqual(await self.ask([refusal], ["Twice", END]), "Twice")
            self.assertEqual((self.refused, self.taken), ([refusal], 0))

    async def test_what_begins_and_is_refused_before_a_word_counts_too(self):
        begins = [[Begin("r", "q")], errors.Unauthorized("no")]
        self.assertEqual(await self.ask(begins, ["Twice", END]), "Twice")

    async def test_other_trouble_has_nothing_to_do_with_keys(self):
        for trouble in (errors.ServerFailure("out"), errors.Payment("empty"), errors.NotFound("?")):
            with self.assertRaises(type(trouble)):
                await self.ask([trouble], ["Twice", END])
            self.assertEqual(self.old.requests, [])

    async def test_after_the_first_word_nothing_is_asked_again(self):
        with self.assertRaises(errors.Unauthorized):
            await self.ask(["Once", errors.Unauthorized("no")], ["Twice", END])
        self.assertEqual(self.old.requests, [])

    async def test_where_neither_is_taken_the_new_ones_refusal_is_told(self):
        with self.assertRaisesMessage(errors.Unauthorized, "the new"):
            await self.ask([errors.Unauthorized("the new")], [errors.Forbidden("the old")])
        self.assertEqual(self.refused, [])

    async def test_an_old_key_whose_time_is_over_is_asked_no_more(self):
        self.counts = False
        with self.assertRaises(errors.Unauthorized):
            await self.ask([errors.Unauthorized("no")], ["Twice", END])
        self.assertEqual(self.old.requests, [])

    async def test_whoever_leaves_early_closes_the_connection(self):
        held = asyncio.Event()
        for new, old in ((["Once", held], [END]), ([errors.Unauthorized("no")], ["Twice", held])):
            first, second = Played(new), Played(old)
            two = TwoKeys(first, second, lambda: True, lambda trouble: None, lambda: None)
            stream = two.stream(ChatRequest("small", ()))
            await anext(stream)
            await stream.aclose()
            self.assertEqual(first.ended + second.ended, len(first.requests + second.requests))
