"""What a test needs of its machine: without it, it is skipped with a reason; in CI it fails."""

import os

import pytest


def needs(name):
    """The value of this environment variable."""
    value = os.environ.get(name, "")
    if not value:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not set")
    return value
