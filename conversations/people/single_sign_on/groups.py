"""Groups of single sign-on: the teams and the capabilities that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from conversations.models import Capability, Membership, Team, User
from conversations.oversight.auditing import record
from conversations.people import main_team

# Of the administrators' group. Who may read others' conversations is never decided elsewhere.
CAPABILITIES = (Capability.PEOPLE, Capability.PROVIDERS, Capability.SPEND)
# Where an account that is linked keeps which of them the group gave.
GRANTED = "granted"


@transaction.atomic
def follow(person: User, groups: Iterable[str], request: HttpRequest | None = None) -> None:
    """Join the teams of these groups and leave those of others; teams without a group stay."""
    wanted = {team.pk: team for team in Team.objects.filter(external_group__in=set(groups) - {""})}
    rows = Membership.objects.filter(user=person).exclude(team__external_group="")
    held = {row.team_id: row for row in rows.select_related("team")}
    joined = [team for pk, team in wanted.items() if pk not in held]
    left = [row for pk, row in held.items() if pk not in wanted]
    if not joined and not left:
        return
    Membership.objects.bulk_create(
        [Membership(team=team, user=person) for team in joined], ignore_conflicts=True
    )
    Membership.objects.filter(pk__in=[row.pk for row in left]).delete()
    main_team.choose(person)
    names = {
        "joined": sorted(team.name for team in joined),
        "left": sorted(row.team.name for row in left),
    }
    record("person.groups", subject=person, request=request, actor=person, detail=names)


@transaction.atomic
def follow_administrators(
    person: User, groups: Iterable[str], granted: list[str], request: HttpRequest | None = None
) -> list[str]:
    """Give the capabilities of the administrators' group, or take back those that it `granted`.

    What somebody was given by hand stays. Returns what the group has granted by now.
    """
    group = settings.OIDC_ADMIN_GROUP
    belongs = bool(group) and group in groups
    if person.is_superuser or belongs == bool(granted):
        return granted
    if not belongs:
        take_back(person, granted, request)
        return []
    names = [name for name in CAPABILITIES if not getattr(person, f"may_{name}")]
    _set(person, names, True, request)
    return [str(name) for name in names]


def take_back(person: User, granted: Iterable[str], request: HttpRequest | None = None) -> None:
    """What the administrators' group gave goes with it."""
    held = [name for name in CAPABILITIES if name in granted and getattr(person, f"may_{name}")]
    _set(person, held, False, request)


def _set(person: User, names: list[Capability], given: bool, request: HttpRequest | None) -> None:
    if not names:
        return
    for name in names:
        setattr(person, f"may_{name}", given)
    person.save(update_fields=[f"may_{name}" for name in names])
    detail = {f"may_{name}": [not given, given] for name in names}
    record("person.capabilities", subject=person, request=request, actor=person, detail=detail)


def leave_groups(person: User, account: Any, request: HttpRequest | None = None) -> None:
    """The account there is linked no more: what its groups stood for ends."""
    follow(person, [], request)
    take_back(person, account.extra_data.get(GRANTED, []), request)
