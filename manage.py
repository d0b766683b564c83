#!/usr/bin/env python3
"""Every command of Parley starts here; `python3 manage.py up` needs nothing but Python 3.11 or newer."""

# Written so that any Python, however old, can read it and say what is missing.
import os
import sys

OLDEST_PYTHON = (3, 11)


def refuse_old_python(version):
    """Leave with one sentence when `version` (as in `sys.version_info`) is too old."""
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return
    sys.exit(
        "Parley: it needs Python 3.11 or newer and this is %d.%d; %s."
        % (version[0], version[1], _newer_python())
    )


def _newer_python():
    for minor in range(20, OLDEST_PYTHON[1] - 1, -1):
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            if os.access(os.path.join(folder, "python3.%d" % minor), os.X_OK):
                return "start it with `python3.%d %s`" % (minor, " ".join(sys.argv))
    return "install one (python.org, or your system's package python3.12) and start Parley with it"


def main():
    refuse_old_python(sys.version_info)
    from chatsite import bootstrap

    bootstrap.main(sys.argv, os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    if sys.argv[1:2] == ["test"]:
        sys.exit(run_tests(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def run_tests(arguments):
    """Run pytest with `arguments`, in the project whichever folder the command came from."""
    import pytest

    root = os.path.dirname(os.path.abspath(__file__))
    if os.path.commonpath([root, os.getcwd()]) != root:
        os.chdir(root)
    return pytest.main(arguments)


if __name__ == "__main__":
    main()
