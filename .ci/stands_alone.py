"""Nothing in the project may point outside it: no path that climbs out, none of one machine's own."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CLIMB = re.compile(r"(?<![\w./])((?:\.\./)+[\w.][\w./-]*)")
HOMES = re.compile(r"(?<![\w.:/-])/(?:home|root|Users)/[A-Za-z]")


def main():
    """Print each stray line as `file:line: text`; the exit status says whether there was one."""
    strays = [stray for path in files() for stray in strays_in(path)]
    print("\n".join(strays))
    return 1 if strays else 0


def files():
    """Every file that a clone would hold, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    return [PROJECT / name for name in listed.stdout.split("\0") if name]


def strays_in(path):
    """The lines of one text file that name a place outside the project."""
    name = path.relative_to(PROJECT)
    if path.is_symlink() and not inside(path.resolve()):
        return [f"{name}: leads outside"]
    if not path.is_file() or "wire" in name.parts:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
    return [
        f"{name}:{number}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        if HOMES.search(line) or names_our_surroundings(line) or climbs_out(path, line)
    ]


def names_our_surroundings(line):
    """True when `line` names the folder on this machine that the project lies in."""
    parent = PROJECT.parent
    return len(parent.parts) > 1 and bool(re.search(re.escape(str(parent)) + r"(?![\w.-])", line))


def climbs_out(path, line):
    """True when a relative path in `line` leads from this file to a place outside."""
    return any(not inside((path.parent / found).resolve()) for found in CLIMB.findall(line))


def inside(path):
    """True when `path` lies in the project."""
    return path == PROJECT or PROJECT in path.parents


if __name__ == "__main__":
    sys.exit(main())
