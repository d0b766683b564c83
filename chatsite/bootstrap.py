"""Gives Parley the packages its lock files name, with nothing but Python's own library.

`manage.py` calls `main` before anything else. It makes `.venv`, installs a lock with its hashes
when that lock changed, and starts `manage.py` again with `.venv`'s Python. When everything is in
place it reads two small files and starts no process. It leaves alone an active virtual environment,
the container image and whoever sets `PARLEY_BOOTSTRAP=0`: there it only looks for the packages.
"""

import contextlib
import errno
import hashlib
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCKS = ("base", "grown", "dev")  # each holds the one before it
GROWN_NAMES = ("DATABASE_URL", "REDIS_URL", "PARLEY_ENGINE")
UNFINISHED = "parley-unfinished"
INSTALL_LOG = "parley-install.log"

OFFLINE = (
    "NewConnectionError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Network is unreachable",
    "ProxyError",
    "RemoteDisconnected",
    "ConnectionResetError",
)


class Trouble(Exception):
    """Expected trouble, as one sentence that says what helps."""


def main(argv, environ):
    """Return when this Python has what `argv` needs; otherwise start again with one that has.

    Ends the process with status 1 and one sentence when that can't be done, with 130 on Ctrl-C.
    """
    try:
        _prepare(argv, environ)
    except Trouble as trouble:
        sys.exit(f"Parley: {trouble}")
    except KeyboardInterrupt:
        _say("Stopped. The next start goes on from here.")
        sys.exit(130)


def _prepare(argv, environ):
    lock = lock_for(argv, environ)
    venv = environ.get("PARLEY_VENV") or os.path.join(ROOT, ".venv")
    inside = os.path.realpath(sys.prefix) == os.path.realpath(venv)
    someone_elses = sys.prefix != sys.base_prefix and not (inside and is_managed(venv))
    if environ.get("PARLEY_BOOTSTRAP") == "0" or someone_elses:
        check_packages(lock)
        return
    if os.name != "posix":
        raise Trouble(
            "it installs itself on Linux and macOS only; on Windows use WSL, the container image "
            "or a virtual environment of your own."
        )
    if not is_current(venv, lock):
        install(venv, lock)
    elif inside:
        return
    _start_again(venv, argv, environ)


def lock_for(argv, environ):
    """Name the smallest lock that the command in `argv` can run with."""
    if argv[1:2] == ["test"]:
        return "dev"
    settings = {**_env_file(), **environ}
    engine, database, redis = (
        settings.get(name, "") for name in ("PARLEY_ENGINE", "DATABASE_URL", "REDIS_URL")
    )
    grown = engine == "worker" or redis or database.startswith(("postgres", "psql", "pgsql"))
    return "grown" if grown else "base"


def _env_file():
    """The values of `.env` that choose a lock; Django's settings read the rest."""
    with contextlib.suppress(OSError), open(os.path.join(ROOT, ".env"), encoding="utf-8") as lines:
        pairs = (line.removeprefix("export ").partition("=") for line in lines)
        return {
            name.strip(): value.strip().strip("'\"")
            for name, _, value in pairs
            if name.strip() in GROWN_NAMES
        }
    return {}


# What is there


def is_managed(venv):
    """True when `install` made or completed this environment, so that it may change it."""
    return any(os.path.exists(_stamp_path(venv, lock)) for lock in LOCKS)


def is_current(venv, lock):
    """True when `venv` works and holds what `lock` says; reads files only."""
    if not works(venv):
        return False
    with contextlib.suppress(OSError), open(_stamp_path(venv, lock), encoding="ascii") as stamp:
        return stamp.read() == _stamp(lock)
    return False


def works(venv):
    """True when `venv` is a whole environment whose Python is still the one it was made with."""
    if os.path.exists(os.path.join(venv, UNFINISHED)):
        return False
    version = _version_of(venv)
    python = _python_of(venv)
    if not version or version < (3, 11) or not os.access(python, os.X_OK):
        return False
    target = re.fullmatch(r"python(\d+)\.(\d+)", os.path.basename(os.path.realpath(python)))
    if target and (int(target[1]), int(target[2])) != version:
        return False
    return os.path.isdir(_site_packages(venv, version))


def check_packages(lock):
    """Raise `Trouble` naming the one command that helps if this Python lacks a wanted package."""
    missing = sorted(_wanted(lock) - _installed())
    if not missing:
        return
    names = (
        missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more packages"
    )
    if len(missing) == 2:
        names = " and ".join(missing)
    pip = "python -m pip" if "pip" in _installed() else "uv pip"
    path = os.path.relpath(_lock_path(lock))
    raise Trouble(
        f"this Python ({sys.prefix}) lacks {names}: run `{pip} install --require-hashes -r {path}`."
    )


def _wanted(lock):
    """Names of the packages that `lock` is compiled from, without their own needs."""
    names = set()
    with (
        contextlib.suppress(FileNotFoundError),
        open(_lock_path(lock, ".in"), encoding="utf-8") as lines,
    ):
        for line in lines:
            if line.startswith("-r "):
                names |= _wanted(line[3:].strip().removesuffix(".in"))
            elif name := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line):
                names.add(_normal(name[0]))
    return names


def _installed():
    names = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(folder or "."):
                if entry.endswith((".dist-info", ".egg-info")):
                    names.add(_normal(entry.rpartition(".")[0].partition("-")[0]))
    return names


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def _lock_path(lock, suffix=".txt"):
    return os.path.join(ROOT, "requirements", lock + suffix)


def _stamp_path(venv, lock):
    return os.path.join(venv, f"parley-{lock}.stamp")


def _stamp(lock):
    with open(_lock_path(lock), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _python_of(venv):
    return os.path.join(venv, "bin", "python")


def _site_packages(venv, version):
    return os.path.join(venv, "lib", "python{}.{}".format(*version), "site-packages")


def _version_of(venv):
    """`(major, minor)` of the Python that made `venv`, or None when it isn't an environment."""
    with (
        contextlib.suppress(OSError),
        open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file,
    ):
        if found := re.search(r"^version(?:_info)? *= *(\d+)\.(\d+)", file.read(), re.MULTILINE):
            return int(found[1]), int(found[2])
    return None


# Putting it there


def install(venv, lock):
    """Make or repair `venv` and install `lock` in it; one start at a time, safe to interrupt.

    Raises `Trouble` with a sentence for what people meet: a read-only folder, a full disk, no network.
    """
    import signal

    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        _refuse_foreign_folder(venv)
        os.makedirs(venv, exist_ok=True)
        with _only_one(venv) as held:
            if not is_current(venv, lock):
                _make(venv, held)
                _install_lock(venv, lock, held)
    except OSError as error:
        raise Trouble(_explain_os_error(error, venv)) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse_foreign_folder(venv):
    """Raise `Trouble` for a folder that isn't an environment: making one would clear it."""
    if os.path.isfile(venv):
        raise Trouble(f"{venv} is a file: move it away or name another folder in PARLEY_VENV.")
    if os.path.isdir(venv) and not os.path.exists(os.path.join(venv, "pyvenv.cfg")):
        ours = {"bin", "include", "lib", "lib64", "share"}
        if any(name not in ours and not name.startswith("parley-") for name in os.listdir(venv)):
            raise Trouble(f"{venv} holds other things: name an empty folder in PARLEY_VENV.")


@contextlib.contextmanager
def _only_one(venv):
    """Hold the folder against other starts; pip keeps holding it should this process be killed."""
    import fcntl

    held = os.open(venv, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another start is installing; waiting for it.")
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError as error:  # a network file system without locks
            if error.errno not in (errno.EBADF, errno.ENOLCK, errno.ENOTSUP):
                raise
        yield held
    finally:
        os.close(held)


def _make(venv, held):
    if not works(venv):
        _check_modules()
        version = "{}.{}".format(*sys.version_info)
        _say(
            f"{'Repairing' if os.listdir(venv) else 'Making'} {_short(venv)} with Python {version}."
        )
        base = getattr(sys, "_base_executable", None) or sys.executable
        status, output = _run([base, "-m", "venv", "--clear", "--without-pip", venv], held)
        if status:
            raise Trouble(_explain(output, venv, "make the environment"))
    version = _version_of(venv)
    if not os.path.isdir(os.path.join(_site_packages(venv, version), "pip")):
        with _unfinished(venv):
            command = [_python_of(venv), "-Im", "ensurepip", "--upgrade", "--default-pip"]
            status, output = _run(command, held)
            if status:
                raise Trouble(_explain(output, venv, "put pip in place"))


def _check_modules():
    import importlib.util

    missing = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    version = "{}.{}".format(*sys.version_info)
    if missing:
        raise Trouble(
            f"Python {version} comes without its {missing[0]} module here: install it "
            f"(Debian, Ubuntu: `apt install python{version}-venv`) and start again."
        )
    for name, meaning in (("_ssl", "encryption (ssl)"), ("_sqlite3", "SQLite (sqlite3)")):
        if not importlib.util.find_spec(name):
            raise Trouble(
                f"this Python {version} was built without {meaning}: use your system's or python.org's."
            )


@contextlib.contextmanager
def _unfinished(venv):
    """A mark that stays when what happens inside does not end well: the next start begins anew."""
    mark = os.path.join(venv, UNFINISHED)
    with open(mark, "w", encoding="ascii"):
        pass
    yield
    os.unlink(mark)


def _install_lock(venv, lock, held):
    """Install what `lock` adds, then stamp every lock whose pins are now all there."""
    import time

    began = time.monotonic()
    pins = _pins(lock)
    _say(f"Installing {len(pins)} packages of requirements/{lock}.txt, each checked by its hash.")
    for each in LOCKS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_stamp_path(venv, each))
    command = [_python_of(venv), "-Im", "pip", "install", "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    command += ["--retries", "2", "--progress-bar", "off", "-r", _lock_path(lock)]
    progress = _Progress(venv, len(pins))
    status, output = _run(command, held, progress.line)
    progress.end()
    if status:
        raise Trouble(_explain(output, venv, "install the packages"))
    for each in LOCKS:
        if _pins(each) <= pins:
            with open(_stamp_path(venv, each), "w", encoding="ascii") as file:
                file.write(_stamp(each))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(venv, UNFINISHED))
    _say(f"Done in {time.monotonic() - began:.0f} s.")


def _pins(lock):
    """The `name==version` of every line of `lock`, whatever machine each line is for."""
    with open(_lock_path(lock), encoding="utf-8") as lines:
        return {line.split()[0] for line in lines if re.match(r"\w[^ ]*==", line)}


class _Progress:
    """Counts pip's lines on a terminal; marks the moment from which an interruption does harm."""

    def __init__(self, venv, total):
        self.mark = os.path.join(venv, UNFINISHED)
        self.total = total
        self.seen = 0
        self.shown = sys.stderr.isatty()

    def line(self, line):
        if line.startswith("Installing collected packages"):
            with open(self.mark, "w", encoding="ascii"):
                pass
            self._show("unpacking them …")
        elif line.startswith(("Collecting ", "Processing ", "Requirement already")):
            self.seen += 1
            self._show(f"{min(self.seen, self.total)} of {self.total}")

    def _show(self, text):
        if self.shown:
            sys.stderr.write(f"\r\x1b[K  {text}")
            sys.stderr.flush()

    def end(self):
        if self.shown:
            sys.stderr.write("\r\x1b[K")


def _run(command, held, on_line=None):
    """Run `command`, hand each line to `on_line`, return its status and what it printed."""
    import subprocess

    environ = {
        **os.environ,
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PYTHONUNBUFFERED": "1",
    }
    environ.pop("PYTHONHOME", None)
    lines = []
    with subprocess.Popen(  # noqa: S603 - our own commands, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environ,
        pass_fds=[held],
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line)
                if on_line:
                    on_line(line)
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
    return status, "".join(lines)


# What went wrong, in a sentence


def _explain(output, venv, task):
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return _disk_full(venv)
    if "Read-only file system" in output or "Permission denied" in output:
        return _not_writable(venv)
    if "DO NOT MATCH THE HASHES" in output:
        return (
            "a downloaded package is not the one that the lock names, so it was not installed: "
            "check the package index or proxy that pip uses, then start again."
        )
    if any(word in output for word in OFFLINE):
        return (
            "the packages can't be fetched, the package index is out of reach: "
            "check the network or pip's proxy settings, then start again."
        )
    log = os.path.join(venv, INSTALL_LOG)
    with contextlib.suppress(OSError), open(log, "w", encoding="utf-8") as file:
        file.write(output)
    if found := re.search(r"No matching distribution found for (\S+)", output):
        return (
            f"there is no ready-made {found[1]} for this machine at pip's package index: "
            f"pip's own words are in {_short(log)}."
        )
    return f"it could not {task}: pip's own words are in {_short(log)}."


def _explain_os_error(error, venv):
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(venv)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _not_writable(venv)
    return f"it can't prepare {venv} ({error.strerror}): name another folder in PARLEY_VENV."


def _disk_full(venv):
    return f"the disk that holds {venv} is full: free about 400 MB or name a folder elsewhere in PARLEY_VENV."


def _not_writable(venv):
    return (
        f"it may not write to {venv}: make the folder writable or name another one in PARLEY_VENV."
    )


def _short(path):
    """`path` as a person in this folder would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _say(sentence):
    # Standard error: what a command prints for scripts stays clean.
    print(f"Parley: {sentence}", file=sys.stderr, flush=True)


def _start_again(venv, argv, environ):
    python = _python_of(venv)
    handed_on = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    sys.stdout.flush()
    os.execve(python, [python, *argv], handed_on)  # noqa: S606 - the same program, no shell
