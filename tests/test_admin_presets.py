"""The preset's form: one neutral set of parameters, checked by what the chosen model takes."""

import json

from django.test import TestCase
from django.urls import reverse

from conversations.models import LanguageModel, Preset, User
from conversations.presets.offering import add_known_models
from conversations.presets.rules import columns
from conversations.providers.matrix import FIELDS, MATRIX
from tests import making

ADD = "admin:conversations_preset_add"
BIG_SEED = 2**63 - 1


class PresetFormTests(TestCase):
    def setUp(self):
        self.client.force_login(User.objects.create_superuser("ada", "ada@example.com", "word"))
        self.model = self.model_of("deepinfra", output_tokens=None)

    def model_of(self, kind, name="m", **fields):
        provider = making.provider(kind.title(), kind=kind, base_url="https://example.com/v1")
        return LanguageModel.objects.create(provider=provider, name=name, **fields)

    def save(self, **values):
        form = {
            "name": "Coder",
            "slug": "coder",
            "order": "0",
            "enabled": "on",
            "for_everyone": "on",
        }
        given = {"language_model": self.model.pk} | values
        return self.client.post(reverse(ADD), form | given)

    def saved(self, **values):
        response = self.save(**values)
        self.assertEqual(
            response.status_code, 302, getattr(response, "context", None) and self.errors(response)
        )
        return Preset.objects.get().version.parameters

    def errors(self, response):
        return {
            name: list(said) for name, said in response.context["adminform"].form.errors.items()
        }

    def test_what_is_set_is_stored_and_nothing_else(self):
        stored = self.saved(
            temperature="0.70", max_tokens="512", stop="END\n\\n\\nUser:", response_format="json_object",
            extra_body='{"reasoning": {"effort": "low"}}', n="2",
        )  # fmt: skip
        self.assertEqual(
            stored,
            {
                "max_tokens": 512,
                "temperature": 0.7,
                "stop": ["END", "\n\nUser:"],
                "n": 2,
                "response_format": "json_object",
                "extra_body": {"reasoning": {"effort": "low"}},
            },
        )

    def test_a_seed_beyond_what_a_browser_counts_stays_exact(self):
        self.assertEqual(self.saved(seed=str(BIG_SEED))["seed"], BIG_SEED)
        page = self.client.get(
            reverse("admin:conversations_preset_change", args=[Preset.objects.get().pk])
        )
        self.assertContains(page, f'value="{BIG_SEED}"')

    def test_what_is_out_of_range_is_refused_at_its_field_with_the_bounds(self):
        errors = self.errors(
            self.save(
                temperature="2.1", top_p="0", seed=str(2**63), stop="\n".join("abcdefghijklmnopq")
            )
        )
        self.assertEqual(set(errors), {"temperature", "top_p", "seed", "stop"})
        self.assertIn("0 to 2", errors["temperature"][0])
        self.assertIn("above 0, at most 1", errors["top_p"][0])
        self.assertIn("9,223,372,036,854,775,807", errors["seed"][0])
        self.assertIn("16", errors["stop"][0])
        self.assertFalse(Preset.objects.exists())

    def test_what_the_model_does_not_take_is_refused(self):
        errors = self.errors(self.save(lora="my-adapter", raw="true"))
        self.assertEqual(set(errors), {"lora", "raw"})
        self.assertIn("doesn't take", errors["lora"][0])

    def test_the_same_values_may_fit_another_provider(self):
        self.model = self.model_of("cloudflare", "@cf/m")
        stored = self.saved(temperature="4.5", lora="my-adapter", raw="false")
        self.assertEqual(stored, {"temperature": 4.5, "lora": "my-adapter", "raw": False})

    def test_a_models_own_limits_count(self):
        self.model.output_tokens = 100
        self.model.limits = {"top_k": None}
        self.model.save()
        errors = self.errors(self.save(max_tokens="101", top_k="4"))
        self.assertIn("0 to 100", errors["max_tokens"][0])
        self.assertIn("doesn't take", errors["top_k"][0])

    def test_nonsense_is_named_at_its_field(self):
        errors = self.errors(self.save(temperature="warm", seed="1.5", extra_body="{"))
        self.assertEqual(set(errors), {"temperature", "seed", "extra_body"})
        self.assertEqual(set(self.errors(self.save(extra_body="[1]"))), {"extra_body"})

    def test_the_extra_body_is_no_way_around_the_fields(self):
        given = '{"top_p": 9, "n": 50, "max_tokens": 999999, "stop": ["x"], "mirostat": 1}'
        errors = self.errors(self.save(extra_body=given))
        self.assertEqual(set(errors), {"extra_body"})
        self.assertIn("top_p, n, max_tokens, stop", errors["extra_body"][0])
        self.assertFalse(Preset.objects.exists())

    def test_an_answer_that_leaves_no_room_for_a_question_is_refused_with_the_numbers(self):
        LanguageModel.objects.filter(pk=self.model.pk).update(context_tokens=8192)
        for most in ("8192", "8191", "8177", "20000"):
            errors = self.errors(self.save(max_tokens=most))
            self.assertEqual(set(errors), {"max_tokens"})
            self.assertIn("8,192", errors["max_tokens"][0])
            self.assertIn("8,176", errors["max_tokens"][0])
        self.assertEqual(self.saved(max_tokens="8176"), {"max_tokens": 8176})

    def test_what_is_refused_by_its_bounds_is_not_refused_twice(self):
        LanguageModel.objects.filter(pk=self.model.pk).update(context_tokens=64, output_tokens=64)
        self.assertEqual(len(self.errors(self.save(max_tokens="65"))["max_tokens"]), 1)
        self.assertIn("room", self.errors(self.save(max_tokens="64"))["max_tokens"][0])

    def test_without_a_known_window_any_length_within_the_bounds_is_taken(self):
        self.assertEqual(self.saved(max_tokens="999999"), {"max_tokens": 999_999})

    def test_a_length_of_zero_leaves_it_to_the_provider(self):
        LanguageModel.objects.filter(pk=self.model.pk).update(context_tokens=8)
        self.assertEqual(self.saved(max_tokens="0"), {"max_tokens": 0})

    def test_what_is_taken_out_is_unset(self):
        self.saved(temperature="0.5")
        preset = Preset.objects.get()
        form = {
            "name": "Coder",
            "slug": "coder",
            "order": "0",
            "for_everyone": "on",
            "language_model": self.model.pk,
        }
        self.client.post(reverse("admin:conversations_preset_change", args=[preset.pk]), form)
        preset.refresh_from_db()
        self.assertEqual(preset.version.parameters, {})
        self.assertEqual(preset.version.number, 2)

    def test_the_page_tells_the_script_what_each_model_takes(self):
        other = LanguageModel.objects.create(provider=self.model.provider, name="other")
        told = json.loads(columns([self.model, other]))
        self.assertEqual(told["models"], {str(self.model.pk): 0, str(other.pk): 0})
        (column,) = told["columns"]
        self.assertEqual(set(column), set(MATRIX["deepinfra"]))
        self.assertEqual(column["temperature"]["hint"], "0 to 2; default 1")
        self.assertEqual(column["response_format"]["choices"], ["json_object"])

    def test_every_parameter_has_a_field(self):
        page = self.client.get(reverse(ADD))
        for name in (*FIELDS, "extra_body"):
            self.assertContains(page, f'id="id_{name}"')
        for parameters in MATRIX.values():
            self.assertLessEqual(set(parameters), set(FIELDS))

    def test_the_page_asks_the_same_few_queries_however_many_models_there_are(self):
        add_known_models(self.model.provider)
        with self.assertNumQueries(4):
            self.client.get(reverse(ADD))
