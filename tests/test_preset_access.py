"""Who may use a preset: everyone, teams, people, its owner. Asked wherever one is named."""

from django.test import TestCase, override_settings
from django.urls import reverse

from conversations import turns
from conversations.models import LanguageModel, Membership, Preset, PresetModel, Provider, User
from conversations.models import presets as preset_rows
from conversations.models.base import new_id
from conversations.presets.offering import new_version
from conversations.problems import Invalid
from tests import making


def names(user):
    """What the person is offered, in the order of the list."""
    offered = PresetModel.objects.offered_to(user)
    return [row.version.preset.name for row in offered.select_related("version__preset")]


class WhoMayUseItTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, cls.charlie = making.people()
        cls.team = making.team(cls.alice, readers=(cls.bob,))
        cls.everyone = making.preset("Everyone")
        cls.teams = making.preset("Teams", for_everyone=False)
        cls.teams.for_teams.add(cls.team)
        cls.person = making.preset("Person", for_everyone=False)
        cls.person.for_people.add(cls.charlie)
        cls.nobody = making.preset("Nobody", for_everyone=False)

    def test_a_person_is_offered_what_is_for_everyone_for_their_team_and_for_them(self):
        self.assertEqual(names(self.alice), ["Everyone", "Teams"])
        self.assertEqual(names(self.bob), ["Everyone", "Teams"])
        self.assertEqual(names(self.charlie), ["Everyone", "Person"])
        seen = {preset.name for preset in Preset.objects.visible_to(self.charlie)}
        self.assertEqual(seen, {"Everyone", "Person"})

    def test_being_named_twice_offers_it_once(self):
        other = making.team(self.alice)
        self.teams.for_teams.add(other)
        self.teams.for_people.add(self.alice)
        self.assertEqual(names(self.alice), ["Everyone", "Teams"])

    def test_who_leaves_the_team_is_not_offered_it_any_more(self):
        Membership.objects.filter(user=self.alice).delete()
        self.assertEqual(names(self.alice), ["Everyone"])
        self.assertEqual(names(self.bob), ["Everyone", "Teams"])

    def test_it_can_not_be_named_either_by_slug_or_by_id(self):
        for name in ("teams", str(self.teams.pk), "nobody", "person"):
            with self.subTest(name), self.assertRaises(Invalid) as caught:
                making.asked(self.charlie if name[0] in "tn0" else self.bob, preset=name)
            self.assertEqual(caught.exception.code, "preset")
        for user, name in ((self.bob, "teams"), (self.charlie, str(self.person.pk))):
            self.assertTrue(making.asked(user, preset=name).created)

    def test_trying_again_with_a_preset_that_one_has_lost_is_refused(self):
        turn = making.asked(self.alice, preset="teams")
        turns.stop(user=self.alice, message_id=turn.replies[0].pk)
        Membership.objects.all().delete()
        for verb in (turns.retry, turns.continue_):
            with self.assertRaises(Invalid):
                verb(author=self.alice, client_id=new_id().hex, message_id=turn.replies[0].pk)

    def test_the_default_is_one_that_the_person_may_use(self):
        Preset.objects.update(is_default=False)
        Preset.objects.filter(name="Teams").update(is_default=True)
        self.assertEqual(making.asked(self.alice).completion.preset_version, self.teams.version)
        fallback = making.asked(self.charlie).completion.preset_version
        self.assertEqual(fallback, self.everyone.version)

    def test_without_any_there_is_nothing_to_talk_to(self):
        Preset.objects.filter(name="Everyone").update(for_everyone=False)
        Membership.objects.all().delete()
        self.assertEqual(names(self.bob), [])
        with self.assertRaises(Invalid):
            making.asked(self.bob)

    def test_the_page_lists_what_is_offered_and_says_what_is_lost(self):
        talk = making.conversation(self.alice)
        making.reply(making.say(talk, self.alice), by=self.teams)
        self.client.force_login(self.alice)
        page = self.client.get(reverse("conversation", args=[talk.pk]))
        self.assertContains(page, 'data-value="teams"')
        self.assertNotContains(page, "data-withdrawn")
        Membership.objects.all().delete()
        page = self.client.get(reverse("conversation", args=[talk.pk]))
        self.assertNotContains(page, 'data-value="teams"')
        self.assertContains(page, "This preset isn’t offered to you any more.")
        self.assertContains(page, "Choose a preset")

    def test_what_was_built_once_asks_for_each_person_anew(self):
        for user, count in ((self.alice, 1), (self.charlie, 0), (self.bob, 1)):
            self.assertEqual(len(preset_rows.BY_SLUG(user=user.pk, slug="teams")), count)
            with self.assertNumQueries(1):
                by_id = preset_rows.BY_ID(user=user.pk, preset=self.teams.pk)
            self.assertEqual(len(by_id), count)


class OwnerTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        cls.model = making.model("open")
        cls.given = making.preset("Given", cls.model)
        cls.own = making.preset("Mine", cls.model, owner=cls.alice)

    def test_it_is_offered_to_its_owner_alone_and_comes_last(self):
        Preset.objects.filter(pk=self.own.pk).update(order=-5)
        self.assertEqual(names(self.alice), ["Given", "Mine"])
        self.assertEqual(names(self.bob), ["Given"])
        with self.assertRaises(Invalid):
            making.asked(self.bob, preset="mine")

    def test_an_administrator_is_not_offered_it(self):
        ada = User.objects.create_superuser("ada", "ada@example.com", "word")
        self.assertEqual(names(ada), ["Given"])

    def test_it_goes_with_the_last_preset_that_opened_its_model(self):
        Preset.objects.filter(pk=self.given.pk).update(for_everyone=False)
        self.assertEqual(names(self.alice), [])
        self.given.for_people.add(self.alice)
        self.assertEqual(names(self.alice), ["Given", "Mine"])

    def test_anothers_own_preset_opens_nothing(self):
        making.preset("Theirs", making.model("secret"), owner=self.bob)
        secret = LanguageModel.objects.get(name="secret")
        making.preset("Sly", secret, owner=self.alice)
        self.assertEqual(names(self.alice), ["Given", "Mine"])

    def test_a_model_of_an_old_version_is_not_open(self):
        new_version(self.given, [making.model("new")])
        self.assertEqual(names(self.alice), ["Given"])

    def test_a_fallback_of_an_offered_preset_is_open(self):
        new_version(self.given, [making.model("new"), self.model])
        self.assertEqual(names(self.alice), ["Given", "Mine"])

    @override_settings(OWN_PRESETS=False)
    def test_where_people_may_not_have_their_own_nobody_is_offered_one(self):
        self.assertEqual(names(self.alice), ["Given"])


class CallableTests(TestCase):
    """What a completion that was queued may still call when it is taken up."""

    @classmethod
    def setUpTestData(cls):
        cls.alice, cls.bob, _charlie = making.people()
        cls.first, cls.second = making.model("first"), making.model("second")
        cls.preset = making.preset("Both", cls.first, cls.second)

    def called(self, user=None, version=None):
        found = preset_rows.CALLABLE(
            version=(version or self.preset.version).pk, user=(user or self.alice).pk
        )
        with self.assertNumQueries(0):
            return [row.model.name for row in found if row.model.provider.enabled]

    def test_the_models_in_their_order_also_of_an_old_version(self):
        self.assertEqual(self.called(), ["first", "second"])
        old = self.preset.version
        new_version(self.preset, [self.second])
        self.assertEqual(self.called(version=old), ["first", "second"])

    def test_nothing_of_a_preset_that_the_person_has_lost(self):
        Preset.objects.update(for_everyone=False)
        self.assertEqual(self.called(), [])
        self.preset.for_people.add(self.bob)
        self.assertEqual((self.called(), self.called(self.bob)), ([], ["first", "second"]))

    def test_nothing_of_a_preset_or_provider_that_is_switched_off(self):
        Preset.objects.update(enabled=False)
        self.assertEqual(self.called(), [])
        Preset.objects.update(enabled=True)
        Provider.objects.update(enabled=False)
        self.assertEqual(self.called(), [])

    def test_a_withdrawn_model_is_left_out(self):
        LanguageModel.objects.filter(name="first").update(withdrawn=True)
        self.assertEqual(self.called(), ["second"])

    def test_of_ones_own_preset_only_the_models_that_are_open(self):
        own = making.preset("Own", self.second, making.model("closed"), self.first, owner=self.bob)
        self.assertEqual(self.called(self.bob, own.version), ["second", "first"])
        self.assertEqual(self.called(self.alice, own.version), [])
