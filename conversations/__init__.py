"""Parley's one app: conversations between people and language models."""
