"""What pages show: the thread in pages, the sidebar, and the headers that keep them safe."""

from datetime import timedelta

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from conversations.models import Conversation, Part, Preset
from conversations.models.base import new_id
from conversations.rendering import RENDERER_VERSION
from conversations.views.presenting import PAGE
from conversations.views.sidebar import ARCHIVED_PAGE, SIDEBAR_PAGE, sidebar_list
from tests import making


class PageTestCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = making.person("alice")
        cls.preset = making.preset("Small")

    def setUp(self):
        self.client.force_login(self.alice)

    def page(self, conversation, query="", **headers):
        return self.client.get(
            reverse("conversation", args=[conversation.pk]) + query, headers=headers
        )


class ThreadTests(PageTestCase):
    def test_the_newest_part_is_shown_with_the_way_to_the_older(self):
        talk = making.talk(self.alice, exchanges=PAGE)
        response = self.page(talk)
        self.assertContains(response, f"Answer {PAGE - 1}")
        self.assertNotContains(response, ">Question 0<")
        self.assertContains(response, "<article ", PAGE)
        self.assertContains(response, "?before=")

    def test_older_messages_come_as_a_piece(self):
        talk = making.talk(self.alice, exchanges=PAGE)
        shown = talk.messages.get(sequence=PAGE + 1)
        piece = self.page(talk, f"?before={shown.pk}", hx_request="true")
        self.assertContains(piece, ">Question 0<")
        self.assertContains(piece, "<article ", PAGE)
        self.assertNotContains(piece, "<html")
        whole = self.page(talk, f"?before={shown.pk}")
        self.assertContains(whole, "<html")

    def test_another_branch_is_shown_on_demand(self):
        talk = making.talk(self.alice)
        question, _answer = talk.messages.order_by("sequence")
        making.reply(question, "The other answer")
        self.assertNotContains(self.page(talk), "Answer 0")
        first = talk.messages.get(sequence=2)
        self.assertContains(self.page(talk, f"?at={first.pk}"), "Answer 0")

    def test_what_is_no_place_here_is_refused(self):
        talk, other = making.talk(self.alice), making.talk(self.alice)
        elsewhere = other.messages.first().pk
        for query, status in (
            (f"?at={elsewhere}", 404),
            (f"?before={new_id()}", 404),
            ("?at=x", 400),
        ):
            self.assertEqual(self.page(talk, query).status_code, status)

    def test_the_page_s_queries_do_not_grow_with_the_talk(self):
        counts = []
        for exchanges in (2, 15, 40):
            talk = making.talk(self.alice, exchanges)
            with self.assertNumQueries(self.at_most(13)) as context:
                self.page(talk)
            counts.append(len(context))
        self.assertEqual(len(set(counts)), 1, counts)

    @staticmethod
    def at_most(limit):
        """Equal to every number up to `limit`."""

        class Bound(int):
            def __eq__(self, number):
                return number <= limit

            __hash__ = int.__hash__

        return Bound(limit)

    def test_text_of_people_is_escaped(self):
        talk = making.conversation(self.alice, title="<script>alert(1)</script>")
        making.reply(
            making.say(talk, self.alice, "<img src=x onerror=alert(2)>"), "<script>3</script>"
        )
        html = self.page(talk).content.decode()
        for bad in ("<script>alert(1)", "<img src=x", "<script>3"):
            self.assertNotIn(bad, html)

    def test_a_rendering_of_an_older_renderer_is_made_anew_once(self):
        talk = making.talk(self.alice)
        Part.objects.filter(html__contains="Answer").update(html="old", renderer_version=0)
        self.assertContains(self.page(talk), "Answer 0")
        part = Part.objects.get(text="Answer 0")
        self.assertEqual(part.renderer_version, RENDERER_VERSION)

    def test_a_withdrawn_preset_has_to_be_chosen_anew(self):
        talk = making.talk(self.alice)
        Preset.objects.update(enabled=False)
        making.preset("Other", is_default=False)
        self.assertIsNone(self.page(talk).context["preset"])


class SidebarTests(PageTestCase):
    def test_one_query_makes_the_list(self):
        for number in range(60):
            making.conversation(self.alice, title=f"Talk {number}")
        with self.assertNumQueries(1):
            listed = sidebar_list(self.alice)
        self.assertEqual(sum(len(group.items) for group in listed["groups"]), SIDEBAR_PAGE)

    def test_its_pages_show_every_conversation_once_even_of_one_moment(self):
        now = timezone.now()
        made = {making.conversation(self.alice, active_at=now).pk for _ in range(SIDEBAR_PAGE + 20)}
        seen, url = [], reverse("sidebar")
        while url:
            listed = self.client.get(url).context["sidebar"]
            seen += [item["pk"] for group in listed["groups"] for item in group.items]
            url = listed["next_url"]
        self.assertEqual(len(seen), len(made))
        self.assertEqual(set(seen), made)

    def test_it_is_grouped_by_days(self):
        for days in (0, 1, 5, 20, 400):
            making.conversation(self.alice, active_at=timezone.now() - timedelta(days=days))
        labels = [group.label for group in sidebar_list(self.alice)["groups"]]
        self.assertEqual(len(labels), 5)
        self.assertEqual((labels[0], labels[-1]), ("Today", "Older"))

    def test_a_place_in_no_calendar_is_the_beginning(self):
        talk = making.conversation(self.alice, archived_at=timezone.now())
        for moment in ("x", "2025-13-45T00:00", "2025-01-01", "9999-12-31T23:59:59-23:59", "\x00"):
            for name, query in (("sidebar", "after"), ("archived", "before")):
                value = f"{moment}~{talk.pk}" if name == "sidebar" else moment
                response = self.client.get(reverse(name), {query: value})
                self.assertEqual(response.status_code, 200, (name, moment))
        bad = self.client.get(reverse("sidebar"), {"after": "2025-01-01T00:00Z~x"})
        self.assertEqual(bad.status_code, 400)

    def test_what_was_put_away_comes_in_pages(self):
        now = timezone.now()
        for number in range(ARCHIVED_PAGE + 5):
            making.conversation(
                self.alice, title=f"Old {number}", archived_at=now - timedelta(minutes=number)
            )
        first = self.client.get(reverse("archived"))
        self.assertEqual(len(first.context["conversations"]), ARCHIVED_PAGE)
        second = self.client.get(first.context["next_url"])
        self.assertEqual(len(second.context["conversations"]), 5)

    def test_others_see_nothing_of_it(self):
        making.conversation(self.alice, title="Mine alone")
        self.client.force_login(making.person("bob"))
        for name in ("home", "sidebar", "archived"):
            self.assertNotContains(self.client.get(reverse(name)), "Mine alone")


class HeaderTests(PageTestCase):
    def policy(self, path):
        header = self.client.get(path).headers["Content-Security-Policy"]
        return {
            name: rest
            for name, _, rest in (part.strip().partition(" ") for part in header.split(";"))
        }

    def test_pages_run_and_load_nothing_from_elsewhere(self):
        talk = making.talk(self.alice)
        for path in (
            "/",
            f"/conversations/{talk.pk}/",
            "/archived/",
            "/accounts/login/",
            "/nowhere",
        ):
            policy = self.policy(path)
            self.assertEqual(policy["default-src"], "'self'")
            self.assertEqual(policy["form-action"], "'self'")
            for name in ("object-src", "base-uri", "frame-ancestors"):
                self.assertEqual(policy[name], "'none'")
            self.assertNotIn("unsafe", " ".join(policy.values()))

    def test_only_the_administration_is_looser(self):
        self.client.force_login(making.person("root", is_staff=True, is_superuser=True))
        policy = self.policy("/admin/")
        self.assertIn("'unsafe-inline'", policy["script-src"])
        self.assertEqual(policy["default-src"], "'self'")
        self.assertNotIn("unsafe", " ".join(self.policy("/administer").values()))

    def test_pages_are_not_framed_and_tell_no_other_site_where_one_was(self):
        headers = self.client.get("/").headers
        self.assertEqual(headers["X-Frame-Options"], "DENY")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(headers["Referrer-Policy"], "same-origin")

    def test_a_page_holds_no_inline_script_or_handler(self):
        html = self.page(making.talk(self.alice)).content.decode()
        self.assertNotRegex(html, r"<script(?![^>]*\bsrc=)[^>]*>\s*[^<\s]")
        self.assertNotRegex(html, r"<[^>]+\son\w+=")
        self.assertNotRegex(html, r"<[^>]+\sstyle=")


class FirstVisitTests(PageTestCase):
    def test_home_offers_three_things_to_try(self):
        self.assertEqual(len(self.client.get("/").context["suggestions"]), 3)

    def test_without_a_preset_an_administrator_is_shown_the_way(self):
        Preset.objects.update(enabled=False)
        self.assertNotIn("admin_url", self.client.get("/").context)
        self.client.force_login(making.person("root", is_staff=True, is_superuser=True))
        self.assertIn("/admin/", self.client.get("/").context["admin_url"])

    def test_a_preset_with_a_fallback_is_offered_once(self):
        making.new_version(self.preset, [making.model("one"), making.model("two")])
        (choice,) = self.client.get("/").context["presets"]
        self.assertEqual((choice.slug, choice.model_name), ("small", "one"))

    def test_nothing_of_deleted_conversations_is_listed(self):
        making.conversation(self.alice, title="Gone", deleted_at=timezone.now())
        self.assertNotContains(self.client.get("/"), "Gone")
        self.assertEqual(Conversation.objects.visible_to(self.alice).count(), 0)
