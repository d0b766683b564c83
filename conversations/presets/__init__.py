"""Presets: offered, one's own, their versions and forms, and trying them out."""
