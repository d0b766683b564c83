"""What a queued reply is sent with: filled-in instructions, and only models that are still open."""

from datetime import date
from unittest import mock

from django.test import TestCase

from conversations.engine import jobs
from conversations.models import Reservation
from tests import making


class QueuedTests(TestCase):
    def setUp(self):
        self.alice = making.person()
        self.model = making.model("small", price=("1", "1"))

    def job(self, system_text="", **fields):
        self.preset = making.preset(
            "Small", self.model, system_text=system_text, parameters={"max_tokens": 5}, **fields
        )
        return jobs.claim(making.asked(self.alice).completion.pk)

    def test_placeholders_are_filled_in(self):
        team = making.team(self.alice)
        self.alice.main_team = team
        self.alice.save()
        with mock.patch("django.utils.timezone.localdate", return_value=date(2026, 11, 21)):
            job = self.job("Today is {date}. {name} of {team} asks. Keep {this}.")
        self.assertEqual(job.system_text, "Today is 2026-11-21. Alice of Team asks. Keep {this}.")

    def test_what_is_held_covers_them_filled_in(self):
        self.job("{name}" * 10)
        filled = Reservation.objects.get().amount_nanos
        self.assertGreater(filled, 10 * 80 * 1000)

    def test_a_model_that_was_withdrawn_meanwhile_is_not_called(self):
        self.preset = making.preset("Small", self.model, making.model("second"))
        turn = making.asked(self.alice)
        self.model.withdrawn = True
        self.model.save()
        job = jobs.claim(turn.completion.pk)
        self.assertEqual([target.model_name for target in job.targets], ["second"])

    def test_a_preset_that_is_no_longer_for_them_is_not_called(self):
        self.preset = making.preset("Small", self.model)
        turn = making.asked(self.alice)
        self.preset.for_everyone = False
        self.preset.save()
        self.assertEqual(jobs.claim(turn.completion.pk).targets, [])
        self.preset.for_people.add(self.alice)
        again = making.asked(self.alice)
        self.assertEqual(len(jobs.claim(again.completion.pk).targets), 1)

    def test_a_fallback_of_a_provider_that_is_switched_off_is_not_called(self):
        elsewhere = making.provider("Elsewhere", enabled=False)
        self.preset = making.preset("Small", self.model, making.model("far", at=elsewhere))
        job = jobs.claim(making.asked(self.alice).completion.pk)
        self.assertEqual([target.model_name for target in job.targets], ["small"])

    def test_what_is_held_is_for_the_first_model_alone(self):
        self.preset = making.preset("Small", self.model, making.model("second"))
        turn = making.asked(self.alice)
        self.assertTrue(jobs.claim(turn.completion.pk).targets[0].is_first)
        again = making.asked(self.alice)
        self.model.withdrawn = True
        self.model.save()
        self.assertFalse(jobs.claim(again.completion.pk).targets[0].is_first)
