"""Budgets: the most that may be spent in a period, by whom or on what, and requests for more."""

from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.people import Team, User
from conversations.models.presets import Preset
from conversations.models.providers import Provider

ROLLING_DAYS = 30
BEGINNING = date(2000, 1, 1)


class Scope(models.TextChoices):
    """Whose spend a budget counts."""

    SITE = "site", _("The whole site")
    EACH_PERSON = "each_person", _("Each person")
    PERSON = "person", _("One person")
    TEAM = "team", _("A team")
    PRESET = "preset", _("A preset")
    PROVIDER = "provider", _("A provider")


class Period(models.TextChoices):
    """Days, weeks (from Monday) and months are the site's own, by its time zone."""

    DAY = "day", _("a day")
    WEEK = "week", _("a week")
    MONTH = "month", _("a month")
    ROLLING = "rolling", _("in 30 days")
    EVER = "ever", _("in all")

    def begins(self, today: date) -> date:
        """The first day that counts."""
        match self:
            case Period.DAY:
                return today
            case Period.WEEK:
                return today - timedelta(days=today.weekday())
            case Period.MONTH:
                return today.replace(day=1)
            case Period.ROLLING:
                return today - timedelta(days=ROLLING_DAYS - 1)
            case _:
                return BEGINNING

    def renews(self, today: date) -> date | None:
        """The day that begins with a full budget; None: there is none, or a little comes back daily."""
        match self:
            case Period.DAY:
                return today + timedelta(days=1)
            case Period.WEEK:
                return self.begins(today) + timedelta(days=7)
            case Period.MONTH:
                return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
            case _:
                return None


class Budget(models.Model):
    """The most to spend in a period. A hard one refuses what could pass it, a soft one warns.

    `each_person` counts every person by themselves; a budget of one person for the same period
    takes its place for them. `own`: a lower cap that a person has set for themselves.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(_("counts"), max_length=12, choices=Scope)
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, verbose_name=_("person"))
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, verbose_name=_("team"))
    preset = models.ForeignKey(
        Preset, models.CASCADE, null=True, blank=True, verbose_name=_("preset")
    )
    provider = models.ForeignKey(
        Provider, models.CASCADE, null=True, blank=True, verbose_name=_("provider")
    )
    period = models.CharField(_("period"), max_length=8, choices=Period, default=Period.MONTH)
    amount_nanos = models.BigIntegerField(
        _("amount, nanodollars"), validators=[MinValueValidator(0)]
    )
    hard = models.BooleanField(
        _("hard"), default=True, help_text=_("Refuses what could pass it; a soft one only warns.")
    )
    warn_percent = models.PositiveSmallIntegerField(
        _("warn at, %"), default=80, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    own = models.BooleanField(default=False, editable=False)
    enabled = models.BooleanField(_("in force"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["scope", "period", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    scope__in=["site", "each_person"],
                    user=None,
                    team=None,
                    preset=None,
                    provider=None,
                )
                | Q(scope="person", user__isnull=False, team=None, preset=None, provider=None)
                | Q(scope="team", user=None, team__isnull=False, preset=None, provider=None)
                | Q(scope="preset", user=None, team=None, preset__isnull=False, provider=None)
                | Q(scope="provider", user=None, team=None, preset=None, provider__isnull=False),
                name="budget_counts_one_thing",
                violation_error_message=_("Choose exactly the one that this budget is for."),
            ),
            models.CheckConstraint(condition=Q(amount_nanos__gte=0), name="budget_not_negative"),
            models.CheckConstraint(
                condition=Q(own=False) | Q(scope="person"), name="budget_own_is_a_person_s"
            ),
            models.UniqueConstraint(
                fields=["user", "period"], condition=Q(own=True), name="budget_one_own"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_name}, {self.get_period_display()}"

    @property
    def subject_name(self) -> str:
        """What it counts, in words."""
        chosen = self.user or self.team or self.preset or self.provider
        if isinstance(chosen, User):
            return chosen.display_name
        return str(chosen) if chosen else str(self.get_scope_display())


class RequestQuerySet(models.QuerySet["BudgetRequest"]):
    def visible_to(self, user: User) -> RequestQuerySet:
        """One's own."""
        return self.filter(person=user)

    def granted(self) -> RequestQuerySet:
        """Approved ones that still count."""
        return self.filter(state=BudgetRequest.State.APPROVED, ends_at__gt=timezone.now())


class BudgetRequest(models.Model):
    """A person asks for more; an approved amount counts until its end.

    Of a budget that each person has, it is for that person; of any other, for all whom it counts.
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    budget = models.ForeignKey(Budget, models.CASCADE, related_name="requests")
    person = models.ForeignKey(User, models.CASCADE, related_name="+")
    asked_nanos = models.BigIntegerField(_("asked for"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    granted_nanos = models.BigIntegerField(_("approved"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(_("answer"), max_length=500, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["budget", "person"], condition=Q(state="open"), name="request_one_open"
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | Q(granted_nanos__gt=0, ends_at__isnull=False, decided_at__isnull=False),
                name="request_approved_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} asks for more"
