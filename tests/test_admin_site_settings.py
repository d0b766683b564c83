"""The site's settings and the preview of what would go, by who may change what."""

from datetime import timedelta
from unittest import mock

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from conversations.models import AuditEntry, Conversation, SiteSettings
from tests import making

CHANGE = ("admin:conversations_sitesettings_change", ["1"])


class SiteSettingsTestCase(TestCase):
    def setUp(self):
        self.alice, self.bob, self.charlie = making.people()
        self.alice.is_superuser = True
        self.alice.save()
        self.client.force_login(self.alice)
        self.address = reverse(CHANGE[0], args=CHANGE[1])

    def may(self, capability):
        setattr(self.bob, f"may_{capability}", True)
        self.bob.save()
        self.client.force_login(self.bob)

    def save(self, **values):
        return self.client.post(self.address, values)

    def has_factor(self, whether=True):
        where = "conversations.people.second_factor.has_factor"
        self.enterContext(mock.patch(where, return_value=whether))


class FormTests(SiteSettingsTestCase):
    def test_the_list_leads_to_the_one_form_before_anything_is_saved(self):
        listed = self.client.get(reverse("admin:conversations_sitesettings_changelist"))
        self.assertRedirects(listed, self.address)
        self.assertFalse(SiteSettings.objects.exists())
        other = reverse(CHANGE[0], args=["2"])
        self.assertNotEqual(self.client.get(other).status_code, 200)

    def test_who_requires_a_second_factor_has_one(self):
        self.has_factor(False)
        response = self.save(mfa_required="everyone")
        self.assertContains(response, "for yourself first")
        self.assertFalse(SiteSettings.objects.exists())

    def test_settings_are_saved_and_audited_field_by_field(self):
        self.has_factor()
        self.assertRedirects(self.save(keep_conversations=365), self.address)
        noted = AuditEntry.objects.get(action="sitesettings.changed")
        self.assertEqual(noted.detail, {"keep_conversations": [None, 365]})
        self.save(keep_conversations=30, mfa_required="everyone")
        site = SiteSettings.current()
        self.assertEqual((site.keep_conversations, site.mfa_required), (30, "everyone"))
        noted = AuditEntry.objects.filter(action="sitesettings.changed").first()
        self.assertEqual(
            noted.detail, {"keep_conversations": [365, 30], "mfa_required": ["", "everyone"]}
        )

    def test_a_changed_period_counts_from_tomorrow(self):
        self.save(keep_audit=30)
        self.assertAlmostEqual(
            SiteSettings.current().retained_at, timezone.now(), delta=timedelta(minutes=1)
        )
        SiteSettings.objects.update(retained_at=None)
        self.save(
            keep_audit=30, currency="EUR", currency_per_dollar="1", currency_date="2026-01-02"
        )
        self.assertIsNone(SiteSettings.current().retained_at)

    def test_who_changes_a_period_is_told_what_it_would_take(self):
        making.talk(self.bob)
        Conversation.objects.update(active_at=timezone.now() - timedelta(days=40))
        answer = self.client.post(self.address, {"keep_conversations": 30}, follow=True)
        self.assertContains(answer, "Today 1 thing would go.")

    def test_a_currency_is_whole_or_absent(self):
        whole = {"currency": "EUR", "currency_per_dollar": "0.9", "currency_date": "2026-01-02"}
        for missing in whole:
            answer = self.save(**{k: v for k, v in whole.items() if k != missing})
            self.assertContains(answer, "A currency needs its rate")
        for wrong in (
            {"currency": "eur"},
            {"currency_per_dollar": "0"},
            {"currency_per_dollar": "-1"},
            {"currency_date": str(timezone.localdate() + timedelta(days=1))},
            {"keep_files": "0"},
            {"keep_files": "99999"},
            {"keep_files": "x"},
        ):
            self.assertEqual(self.save(**whole | wrong).status_code, 200, wrong)
        self.assertFalse(SiteSettings.objects.exists())
        self.assertEqual(self.save(**whole).status_code, 302)


class CapabilityTests(SiteSettingsTestCase):
    VALUES = {
        "keep_files": 30,
        "mfa_required": "everyone",
        "currency": "EUR",
        "currency_per_dollar": "0.9",
        "currency_date": "2026-01-02",
    }

    def test_who_manages_people_sets_periods_and_the_second_factor(self):
        self.may("people")
        self.has_factor()
        self.save(**self.VALUES)
        site = SiteSettings.current()
        self.assertEqual((site.keep_files, site.mfa_required, site.currency), (30, "everyone", ""))

    def test_who_manages_spend_sets_the_currency(self):
        self.may("spend")
        self.save(**self.VALUES)
        site = SiteSettings.current()
        self.assertEqual((site.keep_files, site.mfa_required, site.currency), (None, "", "EUR"))
        self.assertEqual(self.client.get(reverse("admin:retention")).status_code, 403)

    def test_others_are_refused(self):
        self.may("providers")
        self.assertEqual(self.client.get(self.address).status_code, 403)
        self.assertEqual(self.save(keep_files=1).status_code, 403)
        self.assertEqual(self.client.post(reverse("admin:retention"), {"sure": 1}).status_code, 403)
        self.client.force_login(self.charlie)
        self.assertEqual(self.client.get(self.address).status_code, 404)


class PreviewTests(SiteSettingsTestCase):
    def setUp(self):
        super().setUp()
        making.talk(self.bob, title="Very private")
        Conversation.objects.update(active_at=timezone.now() - timedelta(days=40))
        SiteSettings.objects.create(pk=1, keep_conversations=30)
        self.preview = reverse("admin:retention")

    def test_the_preview_says_what_would_go_and_removes_nothing(self):
        page = self.client.get(self.preview)
        self.assertContains(page, "30 days")
        self.assertContains(page, "Remove it now")
        self.assertNotContains(page, "Very private")
        self.assertEqual(Conversation.objects.count(), 1)

    def test_it_goes_only_when_somebody_is_sure(self):
        self.assertContains(self.client.post(self.preview), "Nothing went")
        self.assertEqual(Conversation.objects.count(), 1)
        answer = self.client.post(self.preview, {"sure": "1"}, follow=True)
        self.assertContains(answer, "1 is gone.")
        self.assertContains(answer, "Nothing is due.")
        self.assertEqual(Conversation.objects.count(), 0)
        noted = AuditEntry.objects.get(action="retention.applied")
        self.assertEqual((noted.actor_id, noted.detail), (self.alice.pk, {"conversations": 1}))
