"""Style is a test: what a reader counts on holds in every file, not only where one looked."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from cli import app
from models.record_type import RecordType, catalog
from models.words import DataType
from tests.fixtures.records import PAYLOADS

#: One worker parses the files.
pytestmark = pytest.mark.xdist_group("tidy")

REPOSITORY = Path(__file__).parents[2]
PRODUCT = ("models", "connectors", "tasks", "flows", "deployments", "dashboard")
SOURCE = (*PRODUCT, "emulator", "benchmarks")
#: The command line's modules.
COMMAND_LINE = sorted(REPOSITORY.glob("cli*.py"))
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 450
#: Longer files, each with its reason. A file that gets short again must leave the list.
LONG_FILES: dict[str, str] = {}
#: What a pure module may not use: it would decide otherwise tomorrow, or elsewhere.
IMPURE_MODULES = {
    "time", "random", "uuid", "secrets", "os", "sys", "socket", "subprocess", "logging", "pathlib",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input"}
#: Words that mark unfinished work, split so that this file does not hold them.
LEFT_OVERS = re.compile("|".join(f"{a}{b}" for a, b in (("TO", "DO"), ("FIX", "ME"), ("X", "XX"))))
#: A model name's own prefix is no place to install from.
HOST = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host|git\+|@ file:")


def files_in(*folders: str) -> list[Path]:
    """Source files of these folders, and the command line."""
    found = [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]
    return [*found, *(COMMAND_LINE if "models" in folders else [])]


def name_of(path: Path) -> str:
    """A file's name from the top of the repository."""
    return path.relative_to(REPOSITORY).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """A parsed file; the collector rests, for it would only look at a tree that still grows."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """All parts of a parsed file."""
    return list(ast.walk(tree_of(path)))


def files_that_say(word: str, *folders: str) -> list[Path]:
    """Source files of these folders that hold a word: only they need to be parsed to find it."""
    return [path for path in files_in(*folders) if word in path.read_text(encoding="utf-8")]


def imports_of(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports."""
    names: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_every_source_file_says_what_it_is_for() -> None:
    """A module begins with a docstring; an empty file needs none."""
    missing = [
        name_of(path)
        for path in files_in(*SOURCE)
        if path.stat().st_size and not ast.get_docstring(tree_of(path))
    ]
    assert missing == []


def test_functions_fit_on_a_screen() -> None:
    """Control flow stays in short parents, work in leaves."""
    too_long = [
        f"{name_of(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in files_in(*SOURCE)
        if "migrations" not in path.parts
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_files_stay_readable() -> None:
    """No file grows beyond what can be read in one go, but for those with a reason."""
    lines = {name_of(path): len(path.read_text().splitlines()) for path in files_in(*SOURCE)}
    assert {name for name, count in lines.items() if count > FILE_LINES_MAX} == set(LONG_FILES)


@pytest.mark.parametrize("folder", ["models", "connectors", "tasks"])
def test_no_floats_on_the_way_of_money(folder: str) -> None:
    """`float(` has no place where amounts pass."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files_that_say("float", folder)
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
    ]
    assert found == []


def test_nothing_is_left_unfinished() -> None:
    """Notes to oneself become issues before they land."""
    found = [
        f"{name_of(path)}:{number}"
        for path in files_in(*SOURCE, "tests")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if LEFT_OVERS.search(line)
    ]
    assert found == []


def test_no_error_is_swallowed() -> None:
    """An except clause does something, and says which errors it means."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files_that_say("except", *SOURCE, "tests")
        for node in nodes_of(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(is_nothing(each) for each in node.body))
    ]
    assert found == []


def is_nothing(node: ast.stmt) -> bool:
    """Whether a statement is `pass` or `...`."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or constant


def test_models_are_pure() -> None:
    """No clock, no chance, no input or output in models; only tables/ knows the database."""
    found = []
    for path in files_in("models"):
        if path in COMMAND_LINE or "tables" in path.parts:
            continue
        impure = imports_of(path) & (IMPURE_MODULES | {"sqlalchemy", "requests", "httpx"})
        calls = {
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            for node in nodes_of(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
        }
        if impure or calls & IMPURE_CALLS:
            found.append((name_of(path), sorted(impure | (calls & IMPURE_CALLS))))
    assert found == []


def test_nothing_of_the_product_imports_the_emulator() -> None:
    """The stand-in is started as a process of its own, never imported."""
    users = [name_of(path) for path in files_in(*PRODUCT) if "emulator" in imports_of(path)]
    assert users == []


def test_imports_point_one_way() -> None:
    """The contracts in pyproject.toml hold; import-linter knows the indirect ones too."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [command, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_each_file_of_record_types_declares_one() -> None:
    """A record type is a file, and each such file is in the catalog under its own name."""
    files = {
        path.stem
        for path in (REPOSITORY / "models" / "record_types").glob("*.py")
        if path.stem != "__init__"
    }
    assert files == set(catalog())
    for name, each in catalog().items():
        assert isinstance(each, RecordType)
        assert each.meaning, f"{name} says what it is"
        assert each.label in each.by_name
        assert len(each.by_name) == len(each.fields), f"{name} has two fields of one name"
        for check in each.checks:
            assert check.field in each.by_name, f"{name} checks {check.field}, which it has not"
        for key in each.match_keys:
            assert set(key) <= set(each.by_name)


def commands() -> list[str]:
    """All commands of the command line, as they are typed."""
    names = [str(each.name or each.callback.__name__) for each in app.registered_commands]  # type: ignore[union-attr]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = group.typer_instance.registered_commands
        names += [f"{group.name} {each.name or each.callback.__name__}" for each in inner]  # type: ignore[union-attr]
    return names


def test_the_readme_names_every_data_type_and_command() -> None:
    """What a user can switch on or type stands in the README; it links to the record types."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for data_type in DataType:
        assert f"`{data_type}`" in text, data_type
    assert "](docs/record-types.md)" in text
    for command in commands():
        assert f"quickbooks-sync {command}" in text, command


def test_what_the_readme_points_at_is_there() -> None:
    """Tests that keep promises, pages and pictures exist."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tests|docs|models|flows|tasks)/[\w./-]+)`", text):
        assert (REPOSITORY / name).exists(), f"README.md names {name}"
    for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (REPOSITORY / name).exists(), f"README.md links to {name}"


@pytest.mark.parametrize("name", ["runtime.lock", "dev.lock", "server.lock", "scale.lock"])
@pytest.mark.asvs("15.1.2", "15.2.4")
def test_locks_name_no_host(name: str) -> None:
    """A lock is good on every machine: names, versions and hashes only."""
    lines = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if HOST.search(line)] == []
    pinned = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]
    assert pinned
    assert all("==" in line for line in pinned), "every package has one version"
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)


@pytest.mark.asvs("15.1.2")
def test_what_is_installed_fits_together() -> None:
    """`pip check` finds no conflict between the packages of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_the_command_line_is_installed_and_checked() -> None:
    """One that is in no list works in this folder only, and nobody looks at its types."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    modules = [path.stem for path in COMMAND_LINE]
    assert project["tool"]["setuptools"]["py-modules"] == modules
    assert [each for each in project["tool"]["mypy"]["files"] if each.startswith("cli")] == [
        path.name for path in COMMAND_LINE
    ]


def test_recorded_payloads_stay_outside() -> None:
    """The recordings of others are test input, never part of the repository or the product."""
    assert REPOSITORY not in PAYLOADS.parents
    inside = [path for path in files_in(*PRODUCT) if "payloads/" in path.read_text()]
    assert inside == []
