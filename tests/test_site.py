"""What operators ask a site: whether it lives, whether it is ready, its figures."""

from unittest import mock

from django.test import SimpleTestCase, TestCase, override_settings

from chatsite.logs import redact


class HealthTests(TestCase):
    def test_a_living_process_says_ok(self):
        response = self.client.get("/healthz")
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))

    def test_it_lives_even_without_a_database(self):
        with mock.patch("django.db.backends.utils.CursorWrapper.execute", side_effect=Exception):
            self.assertEqual(self.client.get("/healthz").status_code, 200)

    def test_a_ready_one_names_what_it_looked_at(self):
        response = self.client.get("/readyz")
        self.assertEqual(response.status_code, 200)
        self.assertTrue(all(response.json().values()))
        self.assertLessEqual({"database", "cache"}, set(response.json()))

    def test_one_that_is_not_ready_says_why(self):
        with mock.patch("conversations.views.site.cache.get", side_effect=ConnectionError):
            response = self.client.get("/readyz")
        self.assertEqual((response.status_code, response.json()["cache"]), (503, False))
        plan = "conversations.views.site.MigrationExecutor.migration_plan"
        with mock.patch(plan, return_value=["a migration"]):
            response = self.client.get("/readyz")
        self.assertEqual((response.status_code, response.json()["database"]), (503, False))


class MetricsTests(TestCase):
    def status(self, **request):
        return self.client.get("/metrics", **request).status_code

    def test_this_machine_may_read_them(self):
        self.assertContains(self.client.get("/metrics"), "parley_running_completions")

    def test_others_find_nothing(self):
        self.assertEqual(self.status(REMOTE_ADDR="203.0.113.7"), 404)
        self.assertEqual(self.status(REMOTE_ADDR="nonsense"), 404)

    def test_behind_a_proxy_everybody_looks_local_and_nobody_may(self):
        with self.settings(TRUSTED_PROXIES=1):
            self.assertEqual(self.status(), 404)

    @override_settings(METRICS_TOKEN="a-long-token")
    def test_with_a_token_only_who_knows_it(self):
        self.assertEqual(self.status(), 404)
        self.assertEqual(self.status(headers={"authorization": "Bearer wrong"}), 404)
        self.assertEqual(self.status(headers={"authorization": "Bearer ü"}), 404)
        known = {"authorization": "Bearer a-long-token"}
        self.assertEqual(self.status(headers=known, REMOTE_ADDR="203.0.113.7"), 200)


class LogTests(SimpleTestCase):
    def test_what_looks_like_a_key_or_a_cookie_is_left_out(self):
        for text in (
            "Authorization: Bearer abcdefgh12345678",
            "key sk-abcdefgh12345678 refused",
            "api_key=abcdefgh12345678",
            "Cookie: a=1; parley_session=abcdefgh12345678",
            "{'authorization': 'abcdefgh12345678'}",
        ):
            self.assertNotIn("abcdefgh12345678", redact(text))

    def test_addresses_that_let_in_are_hidden_and_others_not(self):
        token = "x7_-" * 11
        for before in ("/login/", "/setup/", "/invitation/", "/accounts/password/reset/key/"):
            self.assertEqual(redact(f"GET {before}{token}/ 200"), f"GET {before}…/ 200")
        for text in ("/accounts/login/?next=/x/", "/accounts/oidc/sso/login/callback/"):
            self.assertEqual(redact(text), text)

    def test_the_rest_stays(self):
        self.assertEqual(redact("completion 42 failed"), "completion 42 failed")
