"""The domain language: rows, and questions about them as queryset methods."""

from conversations.models.completions import OPEN, Call, Completion, State
from conversations.models.conversations import UNDO, Access, Conversation
from conversations.models.messages import Attachment, Message, Part
from conversations.models.people import Membership, OneTimeLink, Role, Team, User
from conversations.models.presets import Preset, PresetModel, PresetVersion
from conversations.models.providers import NANOS, Kind, LanguageModel, Price, Provider
from conversations.models.spending import (
    LedgerEntry,
    Reservation,
    cost_nanos,
    nanos_of,
    parameter_bytes,
    worst_case_nanos,
)

__all__ = [
    "NANOS",
    "OPEN",
    "UNDO",
    "Access",
    "Attachment",
    "Call",
    "Completion",
    "Conversation",
    "Kind",
    "LanguageModel",
    "LedgerEntry",
    "Membership",
    "Message",
    "OneTimeLink",
    "Part",
    "Preset",
    "PresetModel",
    "PresetVersion",
    "Price",
    "Provider",
    "Reservation",
    "Role",
    "State",
    "Team",
    "User",
    "cost_nanos",
    "nanos_of",
    "parameter_bytes",
    "worst_case_nanos",
]
