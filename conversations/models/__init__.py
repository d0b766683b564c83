"""The domain language: rows, and questions about them as queryset methods."""

from conversations.models.audit import Alert, AuditEntry, AuditPruning
from conversations.models.budgets import Budget, BudgetRequest, Period, Scope
from conversations.models.completions import OPEN, Call, Completion, State
from conversations.models.conversations import UNDO, Access, Conversation
from conversations.models.messages import Attachment, Message, Part
from conversations.models.people import Capability, Membership, OneTimeLink, Role, Team, User
from conversations.models.presets import Preset, PresetModel, PresetVersion
from conversations.models.providers import NANOS, Kind, LanguageModel, Price, Provider
from conversations.models.site import SiteSettings
from conversations.models.spending import (
    DailySum,
    LedgerEntry,
    Reservation,
    cost_nanos,
    cost_of,
    most_tokens_read,
    nanos_of,
    parameter_bytes,
    worst_case_nanos,
)

__all__ = [
    "NANOS",
    "OPEN",
    "UNDO",
    "Access",
    "Alert",
    "Attachment",
    "AuditEntry",
    "AuditPruning",
    "Budget",
    "BudgetRequest",
    "Call",
    "Capability",
    "Completion",
    "Conversation",
    "DailySum",
    "Kind",
    "LanguageModel",
    "LedgerEntry",
    "Membership",
    "Message",
    "OneTimeLink",
    "Part",
    "Period",
    "Preset",
    "PresetModel",
    "PresetVersion",
    "Price",
    "Provider",
    "Reservation",
    "Role",
    "Scope",
    "SiteSettings",
    "State",
    "Team",
    "User",
    "cost_nanos",
    "cost_of",
    "most_tokens_read",
    "nanos_of",
    "parameter_bytes",
    "worst_case_nanos",
]
