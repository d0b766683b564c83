"""Presets in the administration: fallbacks, who may use one, its versions, copies, who may see all that."""

import json
from unittest import mock

from django.test import TestCase
from django.urls import reverse

from conversations.admin.presets import PresetForm
from conversations.models import AuditEntry, LanguageModel, Preset, User
from conversations.models.base import new_id
from conversations.presets.offering import new_version
from tests import making

ADD = reverse("admin:conversations_preset_add")
LIST = reverse("admin:conversations_preset_changelist")
CHECK = reverse("admin:conversations_preset_check")


def page_of(preset, name="change"):
    if name == "change":
        return reverse("admin:conversations_preset_change", args=[preset.pk])
    return f"/admin/conversations/preset/{preset.pk}/{name}/"


class PresetAdminCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ada = User.objects.create_superuser(
            "ada", "ada@example.com", "word", first_name="Ada", last_name="Archer"
        )
        cls.alice, cls.bob, _charlie = making.people()
        cls.team = making.team(cls.alice)
        at = making.provider("Deep", kind="deepinfra", base_url="https://example.com/v1")
        cls.one, cls.two, cls.three = (making.model(name, at=at) for name in ("one", "two", "three"))  # fmt: skip

    def setUp(self):
        self.client.force_login(self.ada)

    def form(self, **values):
        given = {"name": "Coder", "slug": "coder", "order": "0", "enabled": "on"}
        given |= {"for_everyone": "on", "language_model": str(self.one.pk)} | values
        return {name: value for name, value in given.items() if value is not None}

    def save(self, preset=None, **values):
        return self.client.post(page_of(preset) if preset else ADD, self.form(**values))

    def saved(self, preset=None, **values):
        response = self.save(preset, **values)
        self.assertEqual(response.status_code, 302, response.context and self.errors(response))
        return Preset.objects.get(slug="coder")

    def errors(self, response):
        errors = response.context["adminform"].form.errors
        return {name: list(said) for name, said in errors.items()}

    def models_of(self, preset):
        rows = preset.version.preset_models.order_by("position")
        return [row.model.name for row in rows]


class FormTests(PresetAdminCase):
    def test_fallbacks_are_stored_in_their_order(self):
        preset = self.saved(fallbacks=[str(self.three.pk), "", str(self.two.pk)])
        self.assertEqual(self.models_of(preset), ["one", "three", "two"])
        page = self.client.get(page_of(preset))
        rows = page.context["adminform"].form["fallbacks"].value()
        self.assertEqual(rows, [str(self.three.pk), str(self.two.pk)])

    def test_another_order_is_another_version(self):
        first, second = str(self.two.pk), str(self.three.pk)
        preset = self.saved(fallbacks=[first, second])
        self.saved(preset, fallbacks=[first, second])
        self.assertEqual(preset.versions.count(), 1)
        preset = self.saved(preset, fallbacks=[second, first])
        self.assertEqual((preset.version.number, self.models_of(preset)), (2, ["one", "three", "two"]))  # fmt: skip

    def test_a_model_stands_in_the_list_once(self):
        twice = [str(self.two.pk)] * 2
        self.assertIn("once", self.errors(self.save(fallbacks=twice))["fallbacks"][0])
        itself = self.errors(self.save(fallbacks=[str(self.one.pk)]))
        self.assertIn("own fallback", itself["fallbacks"][0])
        self.assertIn("fallbacks", self.errors(self.save(fallbacks=[str(new_id())])))

    def test_parameters_are_checked_against_every_model_by_name(self):
        LanguageModel.objects.filter(pk=self.two.pk).update(limits={"top_k": None})
        errors = self.errors(self.save(fallbacks=[str(self.two.pk)], top_k="5", temperature="3"))
        self.assertTrue(errors["top_k"][0].startswith("two: Top k"), errors)
        self.assertTrue(errors["temperature"][0].startswith("one, two: Temperature"), errors)
        self.assertEqual(self.saved(top_k="5").version.parameters, {"top_k": 5})

    def test_an_icon_is_one_of_those_that_are_shown(self):
        self.assertEqual(self.saved(icon="bug").icon, "bug")
        self.assertIn("icon", self.errors(self.save(slug="other", icon="no-such-icon")))
        page = self.client.get(ADD)
        self.assertContains(page, 'class="preset-icon"', count=26)

    def test_teams_and_people_may_use_it_and_somebody_has_to(self):
        self.assertIn("for_everyone", self.errors(self.save(for_everyone=None)))
        preset = self.saved(
            for_everyone=None, for_teams=[str(self.team.pk)], for_people=[str(self.bob.pk)]
        )
        self.assertEqual(list(preset.for_teams.all()), [self.team])
        self.assertEqual(list(preset.for_people.all()), [self.bob])
        self.assertContains(self.client.get(LIST), "Team, one person")

    def test_whoever_becomes_the_default_takes_the_place_of_another(self):
        old = making.preset("Old", self.one, is_default=True, writes_titles=True)
        preset = self.saved(is_default="on", writes_titles="on")
        old.refresh_from_db()
        self.assertEqual((preset.is_default, preset.writes_titles), (True, True))
        self.assertEqual((old.is_default, old.writes_titles), (False, False))

    def test_the_same_slug_twice_is_refused(self):
        making.preset("Coder", self.one)
        self.assertIn("slug", self.errors(self.save()))

    def test_only_what_matters_makes_a_version_and_it_says_who_made_it(self):
        preset = self.saved(system_text="One\r\nTwo")
        self.assertEqual(preset.version.system_text, "One\nTwo")
        preset = self.saved(preset, name="Renamed", order="5", icon="bug", system_text="One\r\nTwo")
        self.assertEqual(preset.version.number, 1)
        preset = self.saved(preset, system_text="Three")
        self.assertEqual((preset.version.number, preset.version.made_by_name), (2, "Ada Archer"))

    def test_what_the_form_does_not_know_stays(self):
        preset = making.preset("Coder", self.one, parameters={"since_later": 1, "top_k": 3})
        preset = self.saved(preset, temperature="1")
        self.assertEqual(preset.version.parameters, {"since_later": 1, "temperature": 1})

    def test_a_form_that_is_older_than_the_newest_version_is_refused(self):
        preset = self.saved()
        new_version(preset, [self.two])
        errors = self.errors(self.save(preset, seen_version="1", system_text="Stale"))
        self.assertIn("version 2", errors["__all__"][0])

    def test_a_default_that_another_chose_meanwhile_stays(self):
        first = self.saved()
        self.save(name="Other", slug="other")
        second = Preset.objects.get(slug="other")
        Preset.objects.update(is_default=False)
        Preset.objects.filter(pk=first.pk).update(is_default=True)
        real = PresetForm.clean

        def clean(form):
            Preset.objects.filter(pk=first.pk).update(is_default=False)
            Preset.objects.filter(pk=second.pk).update(is_default=True)
            return real(form)

        with mock.patch.object(PresetForm, "clean", clean):
            self.saved(first, is_default="on", description="Newer")
        self.assertEqual(Preset.objects.get(is_default=True), second)

    def test_the_order_is_changed_in_the_list(self):
        preset = self.saved()
        form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(preset.pk)}
        self.client.post(LIST, form | {"form-0-order": "7", "_save": "Save"})
        preset.refresh_from_db()
        self.assertEqual((preset.order, preset.version.number), (7, 1))

    def test_each_change_is_logged_without_what_it_says(self):
        preset = self.saved(system_text="secret words")
        self.saved(preset, system_text="other secret words", for_teams=[str(self.team.pk)])
        added, changed = AuditEntry.objects.order_by("pk")
        self.assertEqual((added.action, changed.action), ("preset.added", "preset.changed"))
        self.assertEqual(changed.detail, {"version": [1, 2], "for_teams": ["Team"]})
        self.assertNotIn("secret", json.dumps([added.detail, changed.detail]))


class CheckTests(PresetAdminCase):
    def test_it_tells_by_field_what_saving_would_refuse_and_saves_nothing(self):
        told = self.client.post(CHECK, self.form(temperature="9", seed="x")).json()
        self.assertEqual(set(told["errors"]), {"temperature", "seed"})
        self.assertEqual(self.client.post(CHECK, self.form()).json(), {"errors": {}})
        self.assertFalse(Preset.objects.exists())

    def test_a_preset_s_own_slug_is_not_anothers(self):
        preset = making.preset("Coder", self.one)
        self.assertEqual(list(self.client.post(CHECK, self.form()).json()["errors"]), ["slug"])
        told = self.client.post(f"{CHECK}?preset={preset.pk}", self.form()).json()
        self.assertEqual(told, {"errors": {}})

    def test_a_schema_is_checked_too(self):
        form = self.form(response_format="json_object", json_schema='{"type": "nonsense"}')
        self.assertEqual(list(self.client.post(CHECK, form).json()["errors"]), ["json_schema"])


class VersionsTests(PresetAdminCase):
    def setUp(self):
        super().setUp()
        self.preset = self.saved(system_text="First line\nSecond line", temperature="0.5")
        self.saved(
            self.preset,
            language_model=str(self.two.pk),
            fallbacks=[str(self.three.pk)],
            system_text="First line\nAnother <b>line</b>",
            top_k="4",
        )
        self.preset.refresh_from_db()

    def test_a_number_that_is_none_restores_nothing(self):
        for number in ("", "x", "-1", "9", "9" * 30, "9" * 5_000, "\u0663"):
            answer = self.client.post(page_of(self.preset, "versions"), {"number": number})
            self.assertEqual(answer.status_code, 302, number[:40])
        self.assertEqual(self.preset.versions.count(), 2)

    def test_the_page_lists_them_with_what_changed(self):
        page = self.client.get(page_of(self.preset, "versions"))
        (newest, changes), (first, nothing) = page.context["history"]
        self.assertEqual((newest.number, first.number, nothing), (2, 1, None))
        told = {str(change.name): (change.before, change.after) for change in changes}
        self.assertEqual(told["Model"], ("one (Deep)", "two (Deep)"))
        self.assertEqual(told["Fallbacks"], ("", "three (Deep)"))
        self.assertEqual((told["Temperature"], told["Top k"]), (("0.5", ""), ("", "4")))
        lines = next(change.lines for change in changes if change.lines)
        self.assertEqual(
            lines,
            [
                (" ", "First line"),
                ("-", "Second line"),
                ("+", "Another <b>line</b>"),
            ],
        )
        self.assertContains(page, "Another &lt;b&gt;line&lt;/b&gt;")
        self.assertContains(page, "Ada Archer")
        self.assertContains(page, "Restore this version", count=1)

    def test_restoring_makes_a_new_version_that_says_what_the_old_one_said(self):
        self.client.post(page_of(self.preset, "versions"), {"number": "1"})
        self.preset.refresh_from_db()
        version = self.preset.version
        self.assertEqual((version.number, version.made_by_name), (3, "Ada Archer"))
        self.assertEqual(version.system_text, "First line\nSecond line")
        self.assertEqual(version.parameters, {"temperature": 0.5})
        self.assertEqual(self.models_of(self.preset), ["one"])
        entry = AuditEntry.objects.get(action="preset.restored")
        self.assertEqual(entry.detail, {"version": 3, "restored": 1})

    def test_reading_the_page_changes_nothing(self):
        self.client.get(page_of(self.preset, "versions") + "?number=1")
        self.assertEqual(self.preset.versions.count(), 2)

    def test_the_present_one_and_one_that_is_none_change_nothing(self):
        for number in ("2", "9", "x", "", "1" * 30):
            self.client.post(page_of(self.preset, "versions"), {"number": number})
        self.assertEqual(self.preset.versions.count(), 2)

    def test_a_version_whose_model_is_withdrawn_does_not_come_back(self):
        LanguageModel.objects.filter(pk=self.one.pk).update(withdrawn=True)
        page = self.client.post(page_of(self.preset, "versions"), {"number": "1"}, follow=True)
        self.assertContains(page, "isn’t offered any more: one")
        self.assertEqual(self.preset.versions.count(), 2)

    def test_a_copy_begins_with_everything(self):
        self.preset.for_teams.add(self.team)
        Preset.objects.update(icon="bug", is_default=True)
        page = self.client.get(page_of(self.preset, "copy"), follow=True)
        form = page.context["adminform"].form
        values = {name: form[name].value() for name in ("name", "slug", "icon", "system_text", "language_model", "fallbacks", "top_k", "is_default")}  # fmt: skip
        self.assertEqual(
            values,
            {
                "name": "Copy of Coder",
                "slug": "copy-of-coder",
                "icon": "bug",
                "system_text": "First line\nAnother <b>line</b>",
                "language_model": str(self.two.pk),
                "fallbacks": [str(self.three.pk)],
                "top_k": 4,
                "is_default": False,
            },
        )
        self.assertEqual(form["for_teams"].value(), [self.team.pk])
        self.assertEqual(Preset.objects.count(), 1)


class WhoMayTests(PresetAdminCase):
    def pages(self, preset):
        return [LIST, ADD, page_of(preset), page_of(preset, "versions"), page_of(preset, "copy")]

    def test_who_manages_presets_may(self):
        preset = making.preset("Old", self.one)
        self.client.force_login(making.person("may", may_providers=True))
        for page in self.pages(preset):
            self.assertIn(self.client.get(page, follow=True).status_code, (200,), page)

    def test_no_other_administrator_and_nobody_else(self):
        preset = making.preset("Old", self.one)
        for name, may in (("people", {"may_people": True}), ("none", {}), ("spend", {"may_spend": True})):  # fmt: skip
            self.client.force_login(making.person(name, **may))
            for page in self.pages(preset):
                self.assertIn(self.client.get(page).status_code, (302, 403, 404), page)
                self.assertNotIn(b"Old", self.client.get(page).content)
            self.assertIn(self.client.post(CHECK, self.form()).status_code, (302, 403, 404))
            answer = self.client.post(page_of(preset, "versions"), {"number": "1"})
            self.assertIn(answer.status_code, (302, 403, 404))
        self.assertEqual(preset.versions.count(), 1)

    def test_peoples_own_presets_are_not_there(self):
        own = making.preset("Private", self.one, owner=self.alice, system_text="secret")
        making.preset("Old", self.one)
        self.assertNotContains(self.client.get(LIST), "Private")
        for page in (page_of(own, "versions"), page_of(own, "copy")):
            self.assertEqual(self.client.get(page).status_code, 404)
        self.assertEqual(self.client.get(page_of(own)).status_code, 302)
        copied = self.client.get(f"{ADD}?copy={own.pk}")
        self.assertNotContains(copied, "secret")
        self.assertEqual(self.client.post(f"{CHECK}?preset={own.pk}", self.form()).status_code, 404)
