"""What an administrator sets for the whole site without a shell."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

FOREVER = _("Empty: for ever.")


def _days(label: Any, help_text: Any = "") -> Any:
    return models.PositiveIntegerField(
        label,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=help_text or FOREVER,
    )


class SiteSettings(models.Model):
    """One row. Periods are days; None is for ever."""

    keep_conversations = _days(_("Conversations, days after their last message"))
    keep_shared = _days(_("Shared conversations, days after their last message"))
    keep_deleted = _days(
        _("Deleted conversations, days"),
        _("Empty: as long as a deletion can be taken back, which is a minute."),
    )
    keep_files = _days(_("Files, days after they were sent"))
    keep_audit = _days(_("Audit log, days"))
    # Amounts are kept in dollars; statements may show another currency beside them.
    currency = models.CharField(
        _("currency for statements"),
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, such as EUR."))],
    )
    currency_per_dollar = models.DecimalField(
        _("of it for a dollar"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    currency_date = models.DateField(_("rate of"), null=True, blank=True)
    mfa_required = models.CharField(
        _("second factor"),
        max_length=14,
        choices=[
            ("", _("As each person likes")),
            ("administrators", _("Required of administrators")),
            ("everyone", _("Required of everyone")),
        ],
        blank=True,
        default="",
    )
    retained_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("site settings")
        verbose_name_plural = _("site settings")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(pk=1), name="site_settings_one_row")
        ]

    def __str__(self) -> str:
        return "Site settings"

    @classmethod
    def current(cls) -> SiteSettings:
        """The one row; as it would be at first where nobody has saved it."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
