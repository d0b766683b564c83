"""The house: which module may build on which. A line that strays is named."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "conversations"
CLIMB = "../" * 2

# What each part may import of ours. The longest name that fits a module decides.
MAY = {
    "models": {"models"},
    "providers": {"providers"},
    "rendering": {"rendering"},
    "problems": set(),
    "engine.frames": set(),
    "engine.estimate": set(),
    "engine.context": {"engine.estimate"},
    "answers_json": {"answers_words", "answers_work", "providers", "rendering"},
    "answers_words": set(),
    "answers_work": set(),
    "engine.judging": {"answers_json", "engine.rounds", "engine.store", "models"},
    "engine.gate": set(),
    "engine.rounds": {"engine.writer", "providers", "tools"},
    "engine.breaker": {"providers"},
    "engine.writer": {"engine.frames"},
    "engine.relay": {"engine.frames"},
    "engine.jobs": {
        "models", "engine.context", "answers_json", "spending.budgets", "problems", "providers",
        "presets.placeholders", "spending.reserving",
    },
    "engine.asking": {
        "engine.jobs", "engine.context", "engine.estimate", "engine.rounds", "providers",
    },
    "engine.store": {"models", "engine.jobs", "spending.ledger", "oversight.alerting", "spending.budget_alerts"},
    # The second part of the store: what a title needs to read and keep.
    "engine.titles": {
        "models", "engine.jobs", "engine.store", "engine.estimate", "engine.rounds", "engine.surroundings",
        "providers",
    },
    # The names of states and kinds, no rows: see `ONLY`.
    "engine.surroundings": {
        "engine.jobs", "engine.breaker", "engine.frames", "engine.gate", "engine.writer", "providers",
        "tools",
    },
    "engine.calling": {
        "engine.asking", "engine.jobs", "engine.store", "engine.context", "engine.estimate",
        "engine.frames", "engine.rounds", "engine.surroundings", "engine.writer", "models", "providers",
        "tools",
    },
    "engine.parts": {"engine.jobs", "engine.store", "engine.surroundings", "engine.writer", "models"},
    "engine.run": {
        "engine.calling", "engine.parts", "engine.surroundings", "engine.jobs", "engine.store",
        "engine.frames", "engine.writer", "engine.judging", "models", "providers",
    },
    "engine.tasks": {
        "engine.jobs", "engine.store", "engine.run", "engine.surroundings", "engine.frames", "models",
    },
    "engine": set(),
    "live": {"engine.frames", "rendering"},
    "oversight.auditing": {"models"},
    "oversight.alerting": {"models"},
    "spending.ledger": {"models", "problems", "spending.budget_alerts"},
    "spending.budgets": {"models", "problems"},
    "spending.budget_alerts": {"models", "spending.budgets", "oversight.alerting"},
    "spending.reserving": {"models", "spending.budgets", "presets.placeholders"},
    "oversight.past_budgets": {"models", "oversight.alerting"},
    "oversight.housekeeping": {"models", "oversight.past_budgets", "oversight.retention", "rotation", "spending.ledger"},
    "spending.previewing": {"models", "spending.budgets", "presets.placeholders", "problems", "spending.reserving"},
    "spending.allowances": {"models", "spending.budgets", "problems", "oversight.alerting", "oversight.auditing"},
    "spending.money": {"models"},
    "reports.paging": set(),
    "reports.periods": set(),
    "reports.pacing": {"models", "reports.paging", "reports.periods"},
    "reports.board": {"models", "reports.pacing", "reports.periods"},
    "oversight.attention": {"models", "reports.periods", "spending.budgets"},
    "reports.spreadsheets": set(),
    "reports.plot": {"spending.money"},
    "reports.entries": {"models", "spending.money"},
    "reports.usage": {"models", "spending.money", "reports.entries"},
    "spending.own_limits": {"models", "oversight.auditing", "spending.allowances"},
    "reports.statements": {"models", "spending.money", "reports.entries", "reports.periods"},
    "reports.statement_files": {"models", "spending.money", "reports.entries", "reports.statements"},
    "oversight.retention_rules": {"models"},
    "oversight.retention": {"models", "oversight.auditing", "oversight.retention_rules"},
    "views.usage": {
        "models", "spending.money", "problems", "views", "reports.usage", "spending.budgets", "spending.own_limits", "reports.plot",
        "reports.spreadsheets", "spending.allowances",
    },
    "views.usage_forms": {"models", "spending.money", "spending.own_limits"},
    "presets.offering": {"models", "providers"},
    "presets.placeholders": set(),
    "presets.rules": {"models", "providers", "answers_json"},
    "presets.json_field": set(),
    "presets.fields": {"models", "providers", "presets.json_field", "presets.rules", "tools"},
    "presets.versions": {"models", "presets.offering", "problems", "providers"},
    "presets.forms": {"models", "presets.rules", "presets.versions"},
    "presets.own": {"models", "presets.offering", "presets.versions", "problems"},
    "spending.charging": {"models", "spending.ledger", "spending.budget_alerts", "providers"},
    "presets.trying": {
        "models", "providers", "spending.budgets", "spending.charging", "presets.versions", "problems", "tools",
        "presets.trying_call", "engine.asking", "engine.jobs", "engine.context", "engine.estimate",
        "engine.rounds",
    },
    "presets.trying_call": {
        "models", "process", "providers", "spending.budgets", "spending.charging", "presets.placeholders", "presets.rules",
        "presets.versions", "engine.jobs", "engine.rounds",
    },
    "syncing": {"models", "presets.offering", "providers"},
    "connections": {
        "spending.budgets", "problems",
        "models", "process", "providers", "engine.estimate", "spending.charging", "oversight.noticing",
    },
    "oversight.noticing": {"models", "oversight.alerting", "engine.jobs", "providers"},
    "oversight.delivering": {"models", "providers"},
    "rotation": {"models", "oversight.auditing", "oversight.noticing"},
    "spending.pricing": {"models", "problems"},
    "people.accounts": {"models", "people.inviting"},
    "people.ending_sessions": {"models"},
    "people.inviting": {"models", "problems", "oversight.auditing", "oversight.alerting"},
    "people.standing": {"models", "problems", "oversight.auditing", "oversight.alerting", "people.addresses", "people.ending_sessions", "turns"},
    "people.leaving": {
        "presets.own", "models", "problems", "oversight.auditing", "oversight.alerting", "people.ending_sessions", "people.standing",
        "people.forgetting",
    },
    "people.opening": {"models", "problems", "oversight.auditing"},
    "people.person_copy": {"models"},
    "people.letters": {"models"},
    # How long a turn may be is one rule, before it is stored and before it is sent.
    "fitting": {"models", "problems", "engine.context"},
    "turns": {"models", "problems", "spending.reserving", "fitting"},
    "tools": {"models"},
    "consumers": {"live", "process", "views.reading", "models"},
    "routing": {"consumers"},
    "views.presenting": {"models", "rendering"},
    "views.fragments": {"views.presenting"},
    "views.reading": {"live", "models", "views.fragments", "views.presenting", "engine.tasks", "people.second_factor"},
    "views.opened": {"models", "people.opening"},
    "views.own_data": {"people.person_copy", "oversight.auditing", "problems", "views.answering"},
    "views": {"models", "problems", "turns", "people.accounts", "people.addresses", "process", "engine.frames", "views"},
    "views.presets": {
        "models", "problems", "presets.own", "presets.fields", "presets.forms", "presets.rules",
        "views.answering", "views.posts",
    },
    "views.costs": {"models", "problems", "spending.budgets", "spending.previewing", "views.answering"},
    "admin": {
        "models", "presets.offering", "preparing", "process", "providers", "syncing", "connections",
        "answers_json", "tools", "oversight.auditing", "oversight.alerting", "spending.ledger", "spending.budgets", "spending.allowances", "rotation",
        "spending.pricing", "oversight.noticing",
        "spending.money", "reports.spreadsheets", "reports.statements", "oversight.retention",
        "reports.statement_files", "oversight.retention_rules",
        "presets.fields", "presets.forms", "presets.json_field", "presets.rules", "presets.versions", "presets.trying", "problems",
        "people.addresses", "people.inviting", "people.leaving", "people.letters", "people.main_team", "people.opening", "people.standing", "people.person_copy", "people.signing_in",
        "reports.board", "oversight.attention", "reports.pacing", "reports.paging", "reports.periods", "people.second_factor", "spending.budget_alerts",
    },
    "preparing": {"models", "presets.offering", "providers"},
    "management": {
        "models", "presets.offering", "preparing", "process", "providers", "rendering", "bench", "engine",
        "connections", "spending.ledger", "oversight.auditing", "oversight.retention", "people.inviting", "problems", "people.signing_in",
    },
    # The composition root.
    "process": {
        "oversight.housekeeping",
        "models", "engine", "live", "providers", "rendering", "tools", "views.reading",
        "views.fragments", "turns", "oversight.noticing", "oversight.delivering", "people.sessions",
    },
    "bench": {"bench"},
    "apps": {"process", "people.signing_in"},
    "people.second_factor": {"models"},
    "people.sessions": {"models"},
    "people.sign_in_form": set(),
    "people.signing_in": {
        "people.ending_sessions", "people.accounts", "oversight.auditing", "models", "people.second_factor", "people.sessions", "people.single_sign_on",
    },
    "people.addresses": {"models"},
    "people.forgetting": {"models"},
    "people.main_team": {"models"},
    "people.single_sign_on": {
        "oversight.auditing", "models", "people.addresses", "people.main_team", "people.ending_sessions",
    },
    "views.guarding": {"models", "problems", "people.second_factor", "people.sessions", "views.answering"},
    "views.security": {"problems", "people.second_factor", "people.sessions", "views.answering", "views.posts"},
    "migrations": {"models"},
}  # fmt: skip
# Packages that belong to some parts alone.
OURS_ALONE = {
    "httpx": {"providers.http", "bench"},
    "httpx_aiohttp": {"providers.http", "bench"},
    "aiohttp": {"providers.http", "providers.guard", "bench"},
    "comrak": {"rendering"},
    "nh3": {"rendering"},
    "latex2mathml": {"rendering"},
    "pygments": {"rendering"},
    "cryptography": {"models"},
    "pint": {"tools.units"},
    "jsonschema_rs": {"tools", "answers_json", "answers_words"},
}
NO_DJANGO = (
    "providers", "rendering", "engine.frames", "engine.writer", "engine.estimate", "engine.context",
    "live",
)  # fmt: skip
ONLY = {
    "engine.run": {"Completion", "Part", "State"},
    "engine.calling": {"Call", "Part", "new_id"},
    "engine.parts": {"new_id"},
    "engine.tasks": {"State"},
    "consumers": set(),
}


def fits(module, part):
    return module == part or module.startswith(f"{part}.")


def longest(module, parts):
    return max((part for part in parts if fits(module, part)), key=len, default=None)


def imports_of(path, package):
    """(line, module, names) of every import in the file, relative ones made whole."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, set()
        elif isinstance(node, ast.ImportFrom):
            base = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            module = ".".join([*base, *filter(None, [node.module])])
            names = {alias.name for alias in node.names}
            if (ROOT / module.replace(".", "/")).is_dir():
                # `from package import module`: each name may be a module of its own.
                for name in names:
                    yield node.lineno, f"{module}.{name}", {name}
            else:
                yield node.lineno, module, names


def everything():
    """Every import of the house: (file:line, importing part, imported module, names)."""
    for path in sorted(HOUSE.rglob("*.py")):
        relative = path.relative_to(ROOT)
        dotted = ".".join(relative.with_suffix("").parts)
        package = dotted if path.name == "__init__.py" else dotted.rpartition(".")[0]
        package = package.removesuffix(".__init__")
        name = dotted.removesuffix(".__init__").removeprefix("conversations").lstrip(".")
        for line, module, names in imports_of(path, package):
            yield f"{relative}:{line}", name, module, names


IMPORTS = list(everything())


def modules_of_ours(imported):
    """The imported module below `conversations`, or None."""
    if imported == "conversations" or not fits(imported, "conversations"):
        return None
    return imported.removeprefix("conversations.")


def test_every_part_has_its_rule():
    names = {name for _where, name, _module, _names in IMPORTS if name}
    assert {name for name in names if longest(name, MAY) is None} == set()


def test_imports_follow_the_table():
    strays = []
    for where, name, imported, _names in IMPORTS:
        ours = modules_of_ours(imported)
        part = longest(name, MAY) if name else None
        if ours is None or part is None or fits(ours, part):
            continue
        if not any(fits(ours, allowed) for allowed in MAY[part]):
            strays.append(f"{where}: {name} imports {ours}")
    assert strays == []


def test_the_names_of_states_are_all_that_the_runs_know_of_the_models():
    strays = [
        f"{where}: {name} imports {sorted(names - ONLY[name])}"
        for where, name, imported, names in IMPORTS
        if name in ONLY and fits(modules_of_ours(imported) or "", "models") and names - ONLY[name]
    ]
    assert strays == []


@pytest.mark.parametrize("package", OURS_ALONE)
def test_a_package_belongs_to_its_part(package):
    strays = [
        where
        for where, name, imported, _names in IMPORTS
        if fits(imported, package) and not any(fits(name, part) for part in OURS_ALONE[package])
    ]
    assert strays == []


def test_some_parts_know_no_django():
    strays = [
        where
        for where, name, imported, _names in IMPORTS
        if fits(imported, "django") and any(fits(name, part) for part in NO_DJANGO)
    ]
    assert strays == []


def test_the_bootstrap_needs_the_standard_library_only():
    import sys

    allowed = set(sys.stdlib_module_names) | {"chatsite"}
    for path in (ROOT / "manage.py", ROOT / "chatsite" / "bootstrap.py"):
        tree = ast.parse(path.read_text())
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
        assert {name for name in names if name.partition(".")[0] not in allowed} == set(), path.name


def test_nothing_names_a_place_outside_the_project():
    """Files are opened below the project or the data folder; `/proc` and `/dev` are the system's."""
    homes = ("/home/", "/root/", "/Users/", f"{ROOT.parent}/")
    strays = []
    for folder in ("chatsite", "conversations", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path == Path(__file__).resolve():
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and (text.startswith(homes) or CLIMB in text):
                    strays.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text[:60]}")
    assert strays == []
