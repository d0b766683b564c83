"""Presets of one's own: made, changed, copied and removed by their owner, seen by nobody else."""

from unittest import mock

from django.test import TestCase, override_settings
from django.urls import reverse

from conversations.models import Preset, PresetModel
from conversations.models.base import new_id
from conversations.presets import own as own_presets
from conversations.presets.offering import new_version
from tests import making


class OwnPresetTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        at = making.provider("Deep", kind="deepinfra", base_url="https://example.com/v1")
        cls.small, cls.large = making.model("small", at=at), making.model("large", at=at)
        cls.closed = making.model("closed", at=at)
        cls.given = making.preset(
            "Given",
            cls.small,
            cls.large,
            system_text="Keep this to yourself.",
            parameters={"temperature": 0.5, "extra_body": {"a": 1}},
            description="For all",
            icon="code",
        )
        making.preset("Shut", cls.closed, for_everyone=False)

    def setUp(self):
        self.client.force_login(self.alice)

    def form(self, **values):
        return {"name": "Mine", "language_model": str(self.small.pk)} | values

    def make(self, **values):
        return self.client.post(reverse("preset-create"), self.form(**values))

    def made(self, **values):
        self.assertEqual(self.make(**values).status_code, 303)
        return Preset.objects.get(owner=self.alice)

    def edit(self, preset, **values):
        return self.client.post(reverse("preset-edit", args=[preset.pk]), self.form(**values))

    def errors(self, response):
        self.assertEqual(response.status_code, 400)
        return {name: list(said) for name, said in response.context["form"].errors.items()}

    def test_the_list_is_empty_at_first_and_says_what_it_is_for(self):
        page = self.client.get(reverse("presets"))
        self.assertContains(page, "You have none yet.")
        self.assertContains(page, f"?from={self.given.pk}")
        self.assertNotContains(page, "Shut")

    def test_one_is_made_with_all_that_the_form_has(self):
        preset = self.made(
            description="Short", icon="bot", system_text="Be brief, {name}.\r\nNow.",
            fallbacks=[str(self.large.pk)], temperature="0.7",
        )  # fmt: skip
        version = preset.version
        self.assertEqual((preset.description, preset.icon, preset.for_everyone), ("Short", "bot", True))  # fmt: skip
        self.assertEqual((version.number, version.made_by_name), (1, "Alice"))
        self.assertEqual(version.system_text, "Be brief, {name}.\nNow.")
        self.assertEqual(version.parameters, {"temperature": 0.7})
        models = list(version.preset_models.values_list("model__name", flat=True))
        self.assertEqual(models, ["small", "large"])
        self.assertContains(self.client.get(reverse("presets")), "Mine")

    def test_it_can_be_talked_to_by_its_owner_alone(self):
        preset = self.made()
        self.assertEqual(making.asked(self.alice, preset=preset.slug).completion.preset_version, preset.version)  # fmt: skip
        offered = PresetModel.objects.offered_to(self.bob).values_list("version__preset", flat=True)
        self.assertNotIn(preset.pk, offered)

    def test_only_open_models_are_offered_and_taken(self):
        page = self.client.get(reverse("preset-new"))
        self.assertContains(page, "small (Deep)")
        self.assertNotContains(page, "closed")
        self.assertIn("language_model", self.errors(self.make(language_model=str(self.closed.pk))))
        self.assertIn("fallbacks", self.errors(self.make(fallbacks=[str(self.closed.pk)])))
        self.assertIn("fallbacks", self.errors(self.make(fallbacks=["nonsense"])))
        self.assertFalse(Preset.objects.filter(owner=self.alice).exists())

    def test_parameters_are_checked_against_every_model_and_each_is_named(self):
        self.large.limits = {"top_k": None}
        self.large.save()
        errors = self.errors(self.make(top_k="4", temperature="3", fallbacks=[str(self.large.pk)]))
        self.assertTrue(errors["top_k"][0].startswith("large: "), errors)
        self.assertTrue(errors["temperature"][0].startswith("small, large: "), errors)

    def test_what_goes_past_the_fields_is_not_for_people(self):
        preset = self.made(extra_body='{"anything": 1}')
        self.assertEqual(preset.version.parameters, {})

    def test_what_is_refused_while_one_writes_is_what_saving_refuses(self):
        told = self.client.post(reverse("preset-check"), self.form(temperature="7")).json()
        self.assertEqual(list(told["errors"]), ["temperature"])
        self.assertEqual(self.errors(self.make(temperature="7")), told["errors"])
        self.assertEqual(
            self.client.post(reverse("preset-check"), self.form()).json(), {"errors": {}}
        )

    def test_changing_what_it_says_makes_a_version_and_its_name_does_not(self):
        preset = self.made()
        self.edit(preset, name="Renamed")
        preset.refresh_from_db()
        self.assertEqual((preset.name, preset.version.number), ("Renamed", 1))
        self.edit(preset, name="Renamed", system_text="Else")
        preset.refresh_from_db()
        self.assertEqual((preset.version.number, preset.version.system_text), (2, "Else"))

    def test_a_form_that_is_older_than_the_newest_version_changes_nothing(self):
        preset = self.made()
        self.edit(preset, system_text="From elsewhere")
        answer = self.edit(preset, system_text="Stale", seen_version="1")
        self.assertEqual(answer.status_code, 409)
        self.assertContains(answer, "version 2", status_code=409)
        preset.refresh_from_db()
        self.assertEqual(preset.version.system_text, "From elsewhere")

    def test_a_copy_has_everything_but_the_hidden_instructions(self):
        form = self.client.get(f"{reverse('preset-new')}?from={self.given.pk}").context["form"]
        values = {name: form[name].value() for name in ("name", "description", "icon", "system_text", "temperature", "language_model", "fallbacks")}  # fmt: skip
        self.assertEqual(
            values,
            {
                "name": "My Given",
                "description": "For all",
                "icon": "code",
                "system_text": "",
                "temperature": 0.5,
                "language_model": str(self.small.pk),
                "fallbacks": [str(self.large.pk)],
            },
        )

    def test_who_manages_presets_copies_the_instructions_too(self):
        self.alice.may_providers = True
        self.alice.save()
        page = self.client.get(f"{reverse('preset-new')}?from={self.given.pk}")
        self.assertContains(page, "Keep this to yourself.")

    def test_one_that_is_not_offered_can_not_be_copied(self):
        shut = Preset.objects.get(name="Shut")
        theirs = making.preset("Theirs", self.small, owner=self.bob)
        for pk in (shut.pk, theirs.pk, new_id()):
            page = self.client.get(f"{reverse('preset-new')}?from={pk}")
            self.assertEqual(page.status_code, 404)

    def test_anothers_preset_is_not_there(self):
        theirs = making.preset("Theirs", self.small, owner=self.bob)
        for preset in (theirs, self.given):
            for name in ("preset-edit", "preset-delete"):
                address = reverse(name, args=[preset.pk])
                self.assertEqual(self.client.get(address).status_code, 404)
                self.assertEqual(self.client.post(address, self.form()).status_code, 404)
            check = f"{reverse('preset-check')}?preset={preset.pk}"
            self.assertEqual(self.client.post(check, self.form()).status_code, 404)
        theirs.refresh_from_db()
        self.assertEqual((theirs.name, theirs.enabled), ("Theirs", True))
        self.assertNotContains(self.client.get(reverse("presets")), "Theirs")

    def test_removing_asks_first_and_leaves_the_conversations(self):
        preset = self.made()
        talk = making.conversation(self.alice)
        making.reply(making.say(talk, self.alice), by=preset)
        address = reverse("preset-delete", args=[preset.pk])
        self.assertContains(self.client.get(address), "Remove Mine?")
        self.assertTrue(Preset.objects.get(pk=preset.pk).enabled)
        self.client.post(address)
        self.assertNotContains(self.client.get(reverse("presets")), "preset-edit")
        self.assertEqual(self.client.get(address).status_code, 404)
        page = self.client.get(reverse("conversation", args=[talk.pk]))
        self.assertContains(page, "Good day")
        self.assertContains(page, "isn’t offered to you any more")

    def test_one_whose_model_is_gone_stays_in_the_list_and_says_so(self):
        self.made()
        new_version(self.given, [self.large])
        page = self.client.get(reverse("presets"))
        self.assertContains(page, "Its model isn’t open to you any more")

    def test_a_model_that_is_gone_is_named_escaped_before_it_is_left_out(self):
        preset = self.made(fallbacks=[str(self.large.pk)])
        self.large.name = "large<b>"
        self.large.save()
        new_version(self.given, [self.small])
        page = self.client.get(reverse("preset-edit", args=[preset.pk]))
        self.assertContains(page, "left out when you save: large&lt;b&gt;.")
        self.assertNotContains(page, "large<b>")

    def test_there_is_a_most(self):
        with mock.patch.object(own_presets, "MOST_OWN", 1):
            self.made()
            answer = self.make(name="Second")
        self.assertEqual(answer.status_code, 409)
        self.assertEqual(Preset.objects.filter(owner=self.alice).count(), 1)

    def test_two_people_may_call_theirs_alike_without_hearing_of_it(self):
        mine = self.made()
        self.client.force_login(self.bob)
        self.make()
        theirs = Preset.objects.get(owner=self.bob)
        self.assertEqual(mine.name, theirs.name)
        self.assertNotEqual(mine.slug, theirs.slug)

    def test_where_it_is_switched_off_the_pages_are_not_there(self):
        with override_settings(OWN_PRESETS=False):
            for address in (reverse("presets"), reverse("preset-new")):
                self.assertEqual(self.client.get(address).status_code, 404)
            self.assertNotContains(self.client.get("/"), "Make a preset of your own")
        self.assertContains(self.client.get("/"), "Make a preset of your own")

    def test_who_is_not_signed_in_is_sent_to_the_entrance(self):
        self.client.logout()
        for name in ("preset-create", "preset-check"):
            self.assertEqual(self.client.post(reverse(name)).status_code, 302)
        self.assertEqual(self.client.get(reverse("presets")).status_code, 302)

    def test_nonsense_is_refused_at_its_field(self):
        errors = self.errors(self.make(name="", icon="no such", seen_version="x", seed="1e9"))
        self.assertLessEqual({"name", "icon", "seen_version", "seed"}, set(errors))

    def test_json_that_nothing_can_keep_is_refused_at_its_field(self):
        for text in (
            "[" * 60_000,
            '{"a":' * 60 + "1" + "}" * 60,
            "9" * 5_000,
            '{"a": "' + "x" * 70_000 + '"}',
            '{"a": "\\u0000"}',
            '{"\\u0000": 1}',
            '{"a": "\\ud800"}',
            '{"a": NaN}',
            '{"a": 1e999}',
        ):
            with self.subTest(text[:20]):
                self.assertIn("logit_bias", self.errors(self.make(logit_bias=text)))


class LeavingTests(TestCase):
    """What stays of the presets of somebody who has left for good."""

    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        model = making.model("open")
        making.preset("Given", model)
        cls.unused = making.preset("Unused", model, owner=cls.alice)
        cls.used = making.preset(
            "Used", model, owner=cls.alice, description="private", system_text="private"
        )
        cls.talk = making.conversation(cls.bob)
        cls.reply = making.reply(making.say(cls.talk, cls.alice), by=cls.used)

    def test_what_wrote_nothing_goes_and_the_rest_is_emptied(self):
        own_presets.forget(self.alice)
        self.assertFalse(Preset.objects.filter(pk=self.unused.pk).exists())
        self.used.refresh_from_db()
        self.assertEqual(self.used.name, "A former member’s preset")
        self.assertIsNone(self.used.owner)
        for text in (self.used.description, self.used.slug, self.used.version.system_text):
            self.assertNotIn("private", text)
        self.assertEqual(Preset.objects.get(name="Given"), Preset.objects.of_administrators().get())

    def test_the_person_can_be_deleted_then_and_the_reply_stays(self):
        own_presets.forget(self.alice)
        self.alice.delete()
        self.client.force_login(self.bob)
        page = self.client.get(reverse("conversation", args=[self.talk.pk]))
        self.assertContains(page, "Good day")
        self.assertContains(page, "A former member’s preset")

    def test_others_lose_nothing(self):
        making.preset("Theirs", owner=self.bob)
        own_presets.forget(self.alice)
        self.assertTrue(Preset.objects.filter(owner=self.bob, enabled=True).exists())


class InstructionsSeenTests(TestCase):
    """What the dialog about a reply shows of the version that wrote it."""

    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        cls.model = making.model("open")
        cls.given = making.preset("Given", cls.model, system_text="Hidden <b>words</b>")
        cls.own = making.preset("Own", cls.model, owner=cls.alice, system_text="My own words")

    def details(self, preset, user=None):
        talk = making.conversation(user or self.alice)
        reply = making.reply(making.say(talk, user or self.alice), by=preset)
        self.client.force_login(user or self.alice)
        return self.client.get(reverse("message-details", args=[talk.pk, reply.pk]))

    def test_ones_own_are_shown(self):
        self.assertContains(self.details(self.own), "My own words")

    def test_the_administrators_are_hidden_but_the_version_is_told(self):
        page = self.details(self.given)
        self.assertContains(page, "version 1")
        self.assertNotContains(page, "Hidden")

    def test_who_manages_presets_sees_theirs_escaped(self):
        self.alice.may_providers = True
        self.alice.save()
        self.assertContains(self.details(self.given), "Hidden &lt;b&gt;words&lt;/b&gt;")

    def test_what_is_anothers_own_is_shown_to_no_administrator(self):
        self.bob.may_providers = True
        self.assertFalse(self.own.shows_instructions_to(self.bob))
        self.assertTrue(self.given.shows_instructions_to(self.bob))

    def test_an_old_reply_says_which_version_wrote_it_and_which_is_the_newest(self):
        talk = making.conversation(self.alice)
        reply = making.reply(making.say(talk, self.alice), by=self.given)
        new_version(self.given, [self.model], system_text="Other")
        self.client.force_login(self.alice)
        page = self.client.get(reverse("message-details", args=[talk.pk, reply.pk]))
        self.assertContains(page, "version 1; now it is at version 2")
