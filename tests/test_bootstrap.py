"""`manage.py` before Django: what it makes, what it leaves alone, and what it says when it can't."""

import ast
import contextlib
import errno
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chatsite import bootstrap

PROJECT = Path(__file__).resolve().parent.parent
LOCKS = {
    "base": "django==5.2.19 \\\n    --hash=sha256:aa\n",
    "grown": "django==5.2.19 \\\n    --hash=sha256:aa\nredis==8.1.0 \\\n    --hash=sha256:bb\n",
    "dev": "django==5.2.19 ; python_version > '3' \\\n    --hash=sha256:aa\n"
    "pytest==9.2.0 \\\n    --hash=sha256:cc\nredis==8.1.0 \\\n    --hash=sha256:bb\n",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with three small locks, and a process that is in no environment."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    for name, text in LOCKS.items():
        (requirements / f"{name}.txt").write_text(text)
    (requirements / "base.in").write_text("# why\ndjango>=5.2\nargon2_cffi[extra]\n")
    (requirements / "grown.in").write_text("-r base.in\nredis\n")
    (requirements / "dev.in").write_text("-r grown.in\npytest\n")
    monkeypatch.setattr(bootstrap, "ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def starts(monkeypatch):
    """The environments that `manage.py` would be started again with."""
    seen = []
    monkeypatch.setattr(bootstrap, "_start_again", lambda venv, argv, environ: seen.append(venv))
    return seen


@pytest.fixture
def pip(monkeypatch):
    """Plays Python's venv, ensurepip and pip; notes what it was asked for."""
    return Pip(monkeypatch)


class Pip:
    def __init__(self, monkeypatch):
        self.commands = []
        self.output = "Collecting django==5.2.19\nInstalling collected packages: django\n"
        self.status = 0
        monkeypatch.setattr(bootstrap, "_run", self.run)

    @property
    def installed(self):
        return [Path(command[-1]).name for command in self.commands if "install" in command]

    def run(self, command, held, on_line=None):
        self.commands.append(command)
        if "venv" in command:
            shutil.rmtree(command[-1])
            lay_out(Path(command[-1]))
            return 0, ""
        if "ensurepip" in command:
            site_packages(Path(command[0]).parent.parent).joinpath("pip").mkdir()
            return 0, ""
        for line in self.output.splitlines(keepends=True):
            on_line(line)
        return self.status, self.output


def lay_out(venv):
    """Write what `python -m venv --without-pip` would."""
    site_packages(venv).mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (venv / "pyvenv.cfg").write_text(f"home = somewhere\nversion = {sys.version.split()[0]}\n")


def site_packages(venv):
    return venv / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"


def main(*command, **environ):
    bootstrap.main(["manage.py", *command], environ)


def sentence_of(*command, **environ):
    """What `main` says when it gives up: one line, on standard error, status 1."""
    with pytest.raises(SystemExit) as ended:
        main(*command, **environ)
    sentence = str(ended.value.code)
    assert sentence.startswith("Parley: ")
    assert "\n" not in sentence
    return sentence


def manage_module():
    spec = importlib.util.spec_from_file_location("manage", PROJECT / "manage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# An old Python


def test_an_old_python_is_told_which_one_to_use(monkeypatch, tmp_path):
    newer = tmp_path / "python3.12"
    newer.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["manage.py", "up"])
    with pytest.raises(SystemExit) as ended:
        manage_module().refuse_old_python((3, 8, 18))
    assert ended.value.code == (
        "Parley: it needs Python 3.11 or newer and this is 3.8; "
        "start it with `python3.12 manage.py up`."
    )


def test_an_old_python_alone_is_told_to_install_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="install one"):
        manage_module().refuse_old_python((2, 7, 18))


def test_a_new_python_passes():
    manage_module().refuse_old_python((3, 11, 0))


def test_manage_py_is_written_so_that_an_old_python_can_read_it():
    source = (PROJECT / "manage.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 4))
    too_new = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Starred, ast.Match)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, too_new)]
    assert source.isascii()  # Python 2 refuses anything else without a declaration


def test_manage_py_looks_at_the_version_before_it_reads_anything_of_ours():
    tree = ast.parse((PROJECT / "manage.py").read_text(encoding="utf-8"))
    main = next(node for node in tree.body if getattr(node, "name", "") == "main")
    assert ast.unparse(main.body[0]) == "refuse_old_python(sys.version_info)"
    imported = {
        name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"os", "sys"}


# Which lock


@pytest.mark.parametrize(
    ("command", "environ", "lock"),
    [
        ("up", {}, "base"),
        ("up", {"DATABASE_URL": "sqlite:///data/parley.sqlite3"}, "base"),
        ("up", {"DATABASE_URL": "postgres://db/parley"}, "grown"),
        ("up", {"DATABASE_URL": "postgresql://db/parley"}, "grown"),
        ("up", {"REDIS_URL": "redis://cache"}, "grown"),
        ("worker", {"PARLEY_ENGINE": "worker"}, "grown"),
        ("up", {"PARLEY_ENGINE": "inline"}, "base"),
        ("test", {}, "dev"),
        ("", {}, "base"),
    ],
)
def test_the_command_and_its_surroundings_choose_the_lock(project, command, environ, lock):
    assert bootstrap.lock_for(["manage.py", command], environ) == lock


def test_the_env_file_chooses_the_lock_and_the_environment_outranks_it(project):
    (project / ".env").write_text("# ours\nexport DATABASE_URL='postgres://db/parley'\n")
    assert bootstrap.lock_for(["manage.py", "up"], {}) == "grown"
    assert bootstrap.lock_for(["manage.py", "up"], {"DATABASE_URL": "sqlite:///x"}) == "base"


# The first start and the next


def test_the_first_start_makes_installs_and_starts_again(project, pip, starts, capsys):
    main("up")
    assert pip.installed == ["base.txt"]
    assert {"--require-hashes", "--only-binary"} <= set(pip.commands[-1])
    assert starts == [str(project / ".venv")]
    said = capsys.readouterr()
    assert "Making .venv" in said.err
    assert said.out == ""  # a command's own output stays clean for scripts


def test_a_warm_start_runs_nothing_but_itself(project, pip, starts, capsys):
    main("up")
    before = len(pip.commands)
    capsys.readouterr()
    main("up")
    assert len(pip.commands) == before
    assert capsys.readouterr().err == ""
    assert len(starts) == 2


def test_a_changed_lock_is_installed_again(project, pip, starts):
    main("up")
    with (project / "requirements" / "base.txt").open("a") as lock:
        lock.write("h11==0.16.0 \\\n    --hash=sha256:dd\n")
    main("up")
    assert pip.installed == ["base.txt", "base.txt"]


def test_the_larger_lock_covers_the_smaller_ones(project, pip, starts):
    main("test")
    main("up")
    main("up", REDIS_URL="redis://cache")
    assert pip.installed == ["dev.txt"]


def test_an_older_smaller_lock_takes_the_larger_ones_stamp_away(project, pip, starts):
    main("test")
    (project / "requirements" / "base.txt").write_text("django==5.2.18 \\\n    --hash=sha256:ee\n")
    main("up")
    main("test")
    assert pip.installed == ["dev.txt", "base.txt", "dev.txt"]


def test_the_started_python_goes_on_by_itself(project, pip, starts, monkeypatch):
    main("up")
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    main("up")
    assert len(starts) == 1


def test_another_folder_can_hold_the_environment(project, pip, starts, tmp_path):
    main("up", PARLEY_VENV=str(tmp_path / "elsewhere"))
    assert starts == [str(tmp_path / "elsewhere")]


# Repair


def breakages():
    yield "python is gone", lambda venv: (venv / "bin" / "python").unlink()
    yield "its python was replaced by another version", _point_at_another_python
    yield "packages are gone", lambda venv: shutil.rmtree(venv / "lib")
    yield "an install was killed", lambda venv: (venv / bootstrap.UNFINISHED).touch()
    yield "the configuration is gone", lambda venv: (venv / "pyvenv.cfg").unlink()


def _point_at_another_python(venv):
    other = venv.parent / "python3.99"
    other.touch(mode=0o755)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(other)


@pytest.mark.parametrize(
    "damage",
    [pytest.param(damage, id=name) for name, damage in breakages() if "config" not in name],
)
def test_a_broken_environment_is_made_again(project, pip, starts, damage, capsys):
    main("up")
    damage(project / ".venv")
    main("up")
    assert pip.installed == ["base.txt", "base.txt"]
    assert "Repairing .venv" in capsys.readouterr().err
    assert bootstrap.is_current(str(project / ".venv"), "base")


def test_a_missing_pip_is_put_in_place_without_starting_over(project, pip, starts):
    lay_out(project / ".venv")
    main("up")
    assert not any("venv" in command for command in pip.commands)
    assert any("ensurepip" in command for command in pip.commands)
    assert pip.installed == ["base.txt"]


def test_a_failed_download_leaves_a_working_environment_alone(project, pip, starts):
    main("up")
    (project / "requirements" / "base.txt").write_text("django==5.2.20 \\\n    --hash=sha256:ff\n")
    pip.output, pip.status = "Collecting django==5.2.20\nNewConnectionError: refused\n", 1
    assert "out of reach" in sentence_of("up")
    assert bootstrap.works(str(project / ".venv"))


def test_an_install_that_fails_half_way_is_not_trusted(project, pip, starts):
    pip.status = 1
    sentence_of("up")
    assert not bootstrap.works(str(project / ".venv"))


def test_ctrl_c_ends_in_a_plain_line(project, pip, starts, monkeypatch, capsys):
    def interrupted(command, held, on_line=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main("up")
    assert ended.value.code == 130
    assert capsys.readouterr().err.endswith("Parley: Stopped. The next start goes on from here.\n")


# One sentence each


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        ("ERROR: [Errno 28] No space left on device", "is full: free about"),
        ("OSError: [Errno 30] Read-only file system: 'x'", "may not write to"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the one that the lock names"),
        ("Temporary failure in name resolution\nNo matching distribution found", "out of reach"),
        (
            "ERROR: No matching distribution found for django==5.2.19",
            "no ready-made django==5.2.19",
        ),
        ("ERROR: something new", "pip's own words are in .venv"),
    ],
)
def test_what_pip_meets_is_told_in_a_sentence(project, pip, starts, output, meaning):
    pip.output, pip.status = output, 1
    assert meaning in sentence_of("up")
    assert starts == []


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (errno.EROFS, "may not write to"),
        (errno.EACCES, "may not write to"),
        (errno.ENOSPC, "is full"),
        (errno.EIO, "can't prepare"),
    ],
)
def test_a_folder_that_refuses_is_told_in_a_sentence(project, starts, monkeypatch, number, meaning):
    def refuse(path, exist_ok=False):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "makedirs", refuse)
    sentence = sentence_of("up")
    assert meaning in sentence
    assert str(project / ".venv") in sentence


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told_in_a_sentence(project, starts):
    project.chmod(0o555)
    try:
        assert "may not write to" in sentence_of("up")
    finally:
        project.chmod(0o755)


@pytest.mark.parametrize(
    ("module", "meaning"),
    [
        ("venv", "comes without its venv module here: install it (Debian, Ubuntu: `apt install"),
        ("ensurepip", "comes without its ensurepip module"),
        ("_ssl", "built without encryption"),
        ("_sqlite3", "built without SQLite"),
    ],
)
def test_a_python_without_a_needed_module_is_told_in_a_sentence(
    project, pip, starts, monkeypatch, module, meaning
):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == module else find_spec(name)
    )
    assert meaning in sentence_of("up")
    assert pip.commands == []


def test_a_folder_with_other_things_in_it_is_never_cleared(project, pip, starts, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear Bob")
    assert "holds other things" in sentence_of("up", PARLEY_VENV=str(tmp_path / "home"))
    assert (tmp_path / "home" / "letter.txt").exists()
    assert "is a file" in sentence_of("up", PARLEY_VENV=str(tmp_path / "home" / "letter.txt"))


# Environments that belong to someone else


def test_an_active_environment_is_only_looked_at(project, pip, starts, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "mine"))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    assert sentence_of("test") == (
        f"Parley: this Python ({tmp_path / 'mine'}) lacks argon2-cffi and 3 more packages: "
        "run `uv pip install --require-hashes -r requirements/dev.txt`."
    )
    for name in ("Django-5.2.19", "argon2_cffi-25.1.0", "redis-8", "pytest-9", "pip-26"):
        (tmp_path / "packages" / f"{name}.dist-info").mkdir(parents=True)
    main("test")
    assert (pip.commands, starts) == ([], [])


def test_the_command_that_helps_uses_pip_where_there_is_one(project, starts, monkeypatch, tmp_path):
    (tmp_path / "packages" / "pip-26.dist-info").mkdir(parents=True)
    (tmp_path / "packages" / "django-5.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    assert "lacks argon2-cffi: run `python -m pip install" in sentence_of(
        "up", PARLEY_BOOTSTRAP="0"
    )


def test_a_hand_made_environment_in_our_place_is_left_alone_while_active(
    project, pip, starts, monkeypatch
):
    lay_out(project / ".venv")
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    monkeypatch.setattr(bootstrap, "_installed", lambda: {"django", "argon2-cffi"})
    main("up")
    assert (pip.commands, starts) == ([], [])


def test_the_image_turns_it_off(project, pip, starts, monkeypatch):
    monkeypatch.setattr(bootstrap, "_installed", lambda: {"django", "argon2-cffi"})
    main("up", PARLEY_BOOTSTRAP="0")
    assert (pip.commands, starts) == ([], [])
    assert not (project / ".venv").exists()


# Two starts at once


def test_the_second_start_waits_and_then_finds_the_work_done(project, pip, starts, capsys):
    (project / ".venv").mkdir()
    held = os.open(project / ".venv", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    second = threading.Thread(target=_install_in_a_thread, args=(project,))
    with _signals_left_alone():
        second.start()
        said = ""
        deadline = time.monotonic() + 10
        while "waiting for it" not in said and time.monotonic() < deadline:
            time.sleep(0.01)
            said += capsys.readouterr().err
        assert "waiting for it" in said
        assert pip.commands == []
        lay_out(project / ".venv")
        (project / ".venv" / "parley-base.stamp").write_text(bootstrap._stamp("base"))
        os.close(held)
        second.join(10)
    assert not second.is_alive()
    assert pip.commands == []


def _install_in_a_thread(project):
    bootstrap.install(str(project / ".venv"), "base")


@contextlib.contextmanager
def _signals_left_alone():
    """Only a main thread may set signal handlers; the start under test runs in another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)
        yield


# For real


def test_a_real_environment_is_made_filled_and_entered(project):
    """The whole way, with a lock that names nothing, so that pip has nothing to fetch."""
    for lock in bootstrap.LOCKS:
        (project / "requirements" / f"{lock}.txt").write_text("# nothing\n")
        (project / "requirements" / f"{lock}.in").write_text("# nothing\n")
    (project / "chatsite").mkdir()
    shutil.copy(PROJECT / "chatsite" / "bootstrap.py", project / "chatsite")
    (project / "manage.py").write_text(
        "import os, sys\nfrom chatsite import bootstrap\nbootstrap.main(sys.argv, os.environ)\n"
        "print(sys.prefix, *sys.argv[1:])\n"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    command = [sys._base_executable, "manage.py", "up", "--port", "1"]

    def start():
        return subprocess.run(
            command, cwd=project, env=environ, check=True, capture_output=True, text=True
        )

    first, second = start(), start()
    assert "Making .venv" in first.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout == f"{project / '.venv'} up --port 1\n"


def test_the_projects_own_locks_hold_one_another():
    for smaller, larger in (("base", "grown"), ("grown", "dev")):
        missing = bootstrap._pins(smaller) - bootstrap._pins(larger)
        assert not missing, f"{larger}.txt differs from {smaller}.txt: {sorted(missing)}"
