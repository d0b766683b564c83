"""The administrator's lists. No text of a conversation is shown here."""

from conversations.admin import (
    alerts,
    audit,
    board,
    budgets,
    calls,
    conversations,
    invitations,
    ledger,
    models,
    people,
    presets,
    providers,
    site_settings,
    statements,
    teams,
)

__all__ = [
    "alerts",
    "audit",
    "board",
    "budgets",
    "calls",
    "conversations",
    "invitations",
    "ledger",
    "models",
    "people",
    "presets",
    "providers",
    "site_settings",
    "statements",
    "teams",
]
