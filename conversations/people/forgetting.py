"""What tells of a person outside their own rows: names in alerts and presets, and old sign-ins."""

from __future__ import annotations

from django.apps import apps
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from conversations.models import Alert, Budget, BudgetRequest, PresetVersion, User

# Of single sign-on, in the order in which they can go.
TOKENS = """
DELETE FROM socialaccount_socialtoken WHERE account_id IN
(SELECT id FROM socialaccount_socialaccount WHERE user_id = %s)
"""
ACCOUNTS = "DELETE FROM socialaccount_socialaccount WHERE user_id = %s"
LEFT = (("socialaccount_socialtoken", TOKENS), ("socialaccount_socialaccount", ACCOUNTS))


def forget_name(person: User) -> None:
    """Neither alerts nor versions of presets say it any more; the ledger and the audit log do."""
    asked = BudgetRequest.objects.filter(person=person).values_list("pk", flat=True)
    requests = Alert.objects.filter(
        kind=Alert.Kind.BUDGET_REQUEST, subject__in=[pk.hex for pk in asked]
    )
    requests.update(detail="", closed_at=Coalesce("closed_at", Now()))
    about = Q(subject=str(person.pk)) | Q(subject__endswith=f" {person.pk.hex}")
    for pk in Budget.objects.filter(user=person).values_list("pk", flat=True):
        about |= Q(subject__startswith=pk.hex)
    alerts = Alert.objects.filter(about | Q(pk__in=requests.values("pk")))
    alerts.update(subject_name=_("Former member"))
    Alert.objects.filter(closed_by=person.display_name).update(closed_by="")
    PresetVersion.objects.filter(made_by_name=person.display_name).update(made_by_name="")


def forget_single_sign_on(person: User) -> None:
    """Where it was switched off its tables stay, and nothing else knows of their rows."""
    if apps.is_installed("allauth.socialaccount"):
        return
    tables = set(connection.introspection.table_names())
    pk = User._meta.pk.get_db_prep_value(person.pk, connection)
    with connection.cursor() as cursor:
        for table, statement in LEFT:
            if table in tables:
                cursor.execute(statement, [pk])
