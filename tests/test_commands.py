"""The commands, as an operator calls them."""

from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase
from django.utils import timezone

from conversations.engine import jobs
from conversations.models import (
    Completion,
    Conversation,
    LanguageModel,
    Message,
    OneTimeLink,
    Part,
    Preset,
    Price,
    Provider,
    State,
    User,
)
from conversations.models.secret_field import cipher
from tests import making
from tests.committing import CommittingTestCase
from tests.serving import Serving

KEY = "a-key-of-somewhere-4711"


def call(*arguments, **options):
    """What the command prints."""
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


class ProviderTests(TestCase):
    def add(self, *more):
        return call(
            "provider", "add", "Here", "--kind", "openai_compatible",
            "--base-url", "http://127.0.0.1:9/v1/", *more,
        ).split()  # fmt: skip

    def test_it_adds_models_with_prices_and_prints_each_preset_s_slug(self):
        slugs = self.add("--model", "meta/Llama-3.3=0.05/0.2", "--model", "plain")
        self.assertEqual(slugs, ["llama-3-3", "plain"])
        self.assertEqual(Provider.objects.get().base_url, "http://127.0.0.1:9/v1")
        price = Price.objects.get()
        self.assertEqual(price.model.name, "meta/Llama-3.3")
        self.assertEqual(
            (price.input_nanos_per_million, price.output_nanos_per_million),
            (50_000_000, 200_000_000),
        )
        self.assertEqual(Preset.objects.filter(is_default=True).count(), 1)

    def test_doing_it_again_changes_nothing(self):
        first = self.add("--model", "one=1/2")
        counts = [model.objects.count() for model in (Provider, LanguageModel, Price, Preset)]
        self.assertEqual(self.add("--model", "one=1/2"), first)
        self.assertEqual(
            counts, [m.objects.count() for m in (Provider, LanguageModel, Price, Preset)]
        )

    def test_a_changed_price_is_a_new_one_from_now_on(self):
        self.add("--model", "one=1/2")
        self.add("--model", "one=1/3")
        self.assertEqual(Price.objects.count(), 2)
        self.assertEqual(LanguageModel.objects.get().price_at().output_nanos_per_million, 3 * 10**9)

    def test_an_id_may_hold_equals_and_slashes(self):
        self.add("--model", "a=b/c", "--model", "x/y=z=0.1/0.2")
        names = set(LanguageModel.objects.values_list("name", flat=True))
        self.assertEqual(names, {"a=b/c", "x/y=z"})

    def test_the_key_comes_from_the_environment_and_is_not_printed(self):
        with mock.patch.dict("os.environ", THE_KEY=KEY):
            self.assertNotIn(KEY, " ".join(self.add("--key-env", "THE_KEY", "--model", "one")))
        self.assertEqual(Provider.objects.get().key.reveal(), KEY)
        self.add("--model", "one")
        self.assertEqual(Provider.objects.get().key.reveal(), KEY)

    def test_what_does_not_fit_is_one_sentence(self):
        for more in (["--key-env", "NOT_SET"], ["--option", "x"], ["--model", "one=-1/2"]):
            with self.assertRaises(CommandError):
                self.add(*more)
        with self.assertRaises(CommandError):
            call("provider", "add", "Nowhere", "--kind", "openai_compatible")
        self.assertEqual(LanguageModel.objects.count(), 0)

    def test_the_demo_needs_nothing(self):
        self.assertEqual(call("provider", "add", "Demo", "--kind", "demo").split(), ["demo"])

    def test_a_check_tells_each_step_with_its_time(self):
        with Serving() as url:
            call("provider", "add", "Here", "--kind", "openai_compatible", "--base-url", url)
            lines = call("provider", "check", "Here").splitlines()
        self.assertEqual(
            [line.split()[1] for line in lines], ["Name", "Connection", "Listing", "Answer"]
        )
        for line in lines:
            self.assertRegex(line, r"^ok +\w+ +\d+ ms  \S")

    def test_a_check_of_nothing_says_what_to_do(self):
        self.add()
        said = StringIO()
        with self.assertRaisesMessage(CommandError, "Here doesn't answer yet."):
            call_command("provider", "check", "Here", stdout=said, stderr=said)
        self.assertIn("failed  Connection", said.getvalue())
        self.assertIn("Check that the server runs", said.getvalue())

    def test_a_kind_with_an_address_of_its_own_brings_its_models(self):
        slugs = call(
            "provider", "add", "Cloud", "--kind", "cloudflare", "--option", "account_id=a1"
        ).split()
        self.assertEqual(slugs, ["qwen2-5-coder-32b-instruct"])
        self.assertEqual(
            call("provider", "add", "Deep", "--kind", "deepinfra").split(),
            [
                "qwen2-5-coder-32b-instruct-2",
                "qwen2-5-7b-instruct",
                "qwen2-7b-instruct",
            ],
        )
        model = LanguageModel.objects.get(provider__name="Deep", name="Qwen/Qwen2.5-7B-Instruct")
        self.assertEqual(str(model.price_at()), "$0.025 in / $0.05 out per million")
        self.assertEqual((model.context_tokens, model.dtype), (32_768, "bfloat16"))
        old = LanguageModel.objects.get(name="Qwen/Qwen2-7B-Instruct")
        self.assertEqual((old.price_at(), old.context_tokens, old.dtype), (None, None, ""))

    def test_cloudflare_asks_for_the_account(self):
        with self.assertRaisesMessage(CommandError, "account_id"):
            call("provider", "add", "Cloud", "--kind", "cloudflare")
        with self.assertRaisesMessage(CommandError, "no provider called There"):
            call("provider", "check", "There")


class DemoDataTests(TestCase):
    def make(self, **options):
        call("create_demo_data", users=2, conversations=6, messages=5, **options)
        rows = Part.objects.order_by("message__conversation__title", "message__sequence")
        texts = list(rows.values_list("message__conversation__title", "text"))
        Conversation.objects.all().delete()
        return texts

    def test_the_same_seed_makes_the_same_talk(self):
        first, second, other = self.make(seed=7), self.make(seed=7), self.make(seed=8)
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)
        self.assertEqual(len(first), 30)

    def test_its_rows_are_like_real_ones(self):
        call("create_demo_data", users=2, conversations=4, messages=6, password="word")
        self.assertEqual(User.objects.filter(username__startswith="user").count(), 2)
        self.assertTrue(User.objects.get(username="user1").check_password("word"))
        for conversation in Conversation.objects.all():
            leaf = Message.objects.newest_leaf(conversation.pk)
            self.assertEqual(len(Message.objects.path_to(leaf)), 6)
            self.assertEqual(conversation.last_sequence, 6)
        connection.check_constraints()
        self.client.force_login(User.objects.get(username="user1"))
        newest = Conversation.objects.filter(owner__username="user1")[0]
        self.assertEqual(self.client.get(f"/conversations/{newest.pk}/").status_code, 200)


class LinkTests(TestCase):
    def test_a_login_link_is_one_line_that_works_once(self):
        making.person("alice")
        for user in ("alice", "ALICE@example.com"):
            line = call("login_link", user, base="http://here:8000/").strip()
            token = line.removeprefix("http://here:8000/login/").rstrip("/")
            self.assertIsNotNone(OneTimeLink.objects.use(OneTimeLink.LOGIN, token))

    def test_for_nobody_there_is_none(self):
        making.person("alice", is_active=False)
        for user in ("alice", "bob", ""):
            with self.assertRaises(CommandError):
                call("login_link", user)


class SettlingTests(CommittingTestCase):
    def test_what_a_dead_process_left_is_ended(self):
        turn = making.asked(making.person(), preset=making.preset().slug)
        jobs.claim(turn.completion.pk)
        Completion.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        self.assertEqual(call("settle_interrupted").strip(), "Done.")
        self.assertEqual(Completion.objects.get().state, State.INTERRUPTED)


class RotatingTests(TestCase):
    def setUp(self):
        self.old, self.new = settings.ENCRYPTION_KEYS, Fernet.generate_key().decode()
        making.provider("Here", key=KEY)
        making.provider("Keyless")

    def key(self):
        return Provider.objects.get(name="Here").key.reveal()

    def test_all_keys_are_encrypted_with_the_first_and_the_old_one_can_go(self):
        with self.settings(ENCRYPTION_KEYS=f"{self.new},{self.old}"):
            self.assertEqual(call("rotate_keys").strip(), "Encrypted 1 keys anew.")
        with self.settings(ENCRYPTION_KEYS=self.new):
            self.assertEqual(self.key(), KEY)
        self.assertEqual(self.key(), "")

    def test_one_that_no_key_opens_is_named_and_left(self):
        with self.settings(ENCRYPTION_KEYS=self.new):
            making.provider("There", key="another-key-0815")
            with self.assertRaisesMessage(CommandError, "opens the key of: Here."):
                call("rotate_keys")
            self.assertEqual(Provider.objects.get(name="There").key.reveal(), "another-key-0815")
        self.assertEqual(self.key(), KEY)

    def test_nothing_readable_is_printed(self):
        self.assertNotIn("4711", call("rotate_keys"))


@pytest.mark.parametrize("text", ["x", "ü" * 100, KEY])
def test_several_keys_decrypt_and_the_first_encrypts(text):
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    token = cipher(second).encrypt(text.encode())
    assert cipher(f"{first}, {second}").decrypt(token).decode() == text
    assert (
        cipher(first).decrypt(cipher(f"{first},{second}").encrypt(text.encode())).decode() == text
    )
