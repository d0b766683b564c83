"""The administrator's lists. No text of a conversation is shown here."""

from conversations.admin import ledger, people, presets, providers

__all__ = ["ledger", "people", "presets", "providers"]
