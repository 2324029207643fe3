"""static/clients/agent-telemetry.ts: checked by the real compiler, and run by the Node that is here."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.frameworks.test_frameworks import approve_edited
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "static" / "clients" / "agent-telemetry.ts"
COMPILER = "typescript@5.9.3"
OPTIONS = "--strict --noUncheckedIndexedAccess --erasableSyntaxOnly --target es2022 --module esnext"
OPTIONS += " --moduleResolution bundler --lib es2022,dom,dom.iterable --types --skipLibCheck"
PROGRAM = """
import { Gate, Refused, AlreadyCollected, secondsOf } from "./agent-telemetry.ts";
const gate = new Gate();
const say = (value) => console.log(JSON.stringify(value));
BODY
"""
DOCUMENT = (ROOT / "docs" / "agents" / "gate.md").read_text()
[LINES] = re.findall(r"```\n(import \{ Gate \}.*?)```", DOCUMENT, re.DOTALL)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as JavaScript, for a Node that does not strip types; the compiler found nothing to say."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"NO TYPESCRIPT: {program} is missing, so the client for Node was not tried")
    folder = tmp_path_factory.mktemp("typescript")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), COMPILER]
    installed = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if installed.returncode:
        pytest.skip(f"NO TYPESCRIPT: npm did not bring {COMPILER}: {installed.stderr[-300:]}")
    tsc = [str(folder / "node_modules" / ".bin" / "tsc"), *OPTIONS.split()]
    done = subprocess.run([*tsc, "--outDir", str(folder), str(CLIENT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    client = folder / "agent-telemetry.js"
    return client.rename(client.with_suffix(".mjs"))


def strips_types() -> bool:
    """Whether the Node that is here runs TypeScript as it is."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    return tuple(map(int, version.strip().lstrip("v").split(".")[:2])) >= (22, 18)


@pytest.fixture
def node(
    compiled: Path, site: str, token: str, start_process: Callable[..., subprocess.Popen]
) -> Callable[..., subprocess.Popen[str]]:
    """Runs a body with the client: `node('say(await gate.ask("deploy"))')`."""
    client = CLIENT if strips_types() else compiled
    environment = {**os.environ, "TELEMETRY_URL": site, "TELEMETRY_TOKEN": token}

    def run(body: str, program: str = PROGRAM) -> subprocess.Popen[str]:
        program = program.replace("./agent-telemetry.ts", str(client)).replace("BODY", body)
        command = ["node", "--input-type=module", "-e", program]
        pipe = subprocess.PIPE
        return start_process(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    return run


def said(process: subprocess.Popen[str]) -> list[object]:
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_it_asks_waits_and_hears_what_people_say(node, people, asked):
    program = node(
        'const context = {at: new Date(0), big: 10n, tags: new Set(["a"])};'
        'say(await gate.ask("deploy", context, {timeout: "2h"})); say(await gate.find())'
    )
    request = asked()
    assert request.context == {"at": "1970-01-01T00:00:00.000Z", "big": "10", "tags": ["a"]}
    assert (request.agent_id, request.timeout_seconds) == ("deployer", 7200)
    people.decide(request.request_id, True, "maria", "go")
    answer, found = said(program)
    assert (answer["approved"], answer["status"], answer["responder"]) == (True, "approved", "maria")
    assert [one["key"] for one in found] == [None]


def test_the_lines_of_the_document_deploy_what_people_made_of_it(node, asked, clean_redis):
    program = node("", "globalThis.deploy = (what) => console.log(JSON.stringify(what));" + LINES)
    approve_edited(clean_redis, asked().request_id, {"version": "4.3"})
    assert said(program) == [{"version": "4.3"}]


def test_a_key_a_claim_and_a_withdrawal(node, people, asked):
    program = node(
        'const open = (a) => gate.open("deploy", {a}, {key: "k"});'
        "const one = await open(1), again = await open(1);"
        "say(one.id === again.id); say(await gate.wait(one, {seconds: 0}));"
        "say(await open(2).catch((error) => [error.status, error.field]));"
        'const answer = await gate.wait(one, {claim: "me"}); say(answer.approved);'
        'say(await gate.wait(one, {claim: "you"}).catch((error) => error instanceof AlreadyCollected));'
        'const other = await gate.open("deploy"); say(await gate.cancel(other)); say((await gate.wait(other)).status);'
    )
    assert [json.loads(program.stdout.readline()) for _ in range(3)] == [True, None, [409, "key"]]
    people.decide(asked().request_id, True, "maria")
    assert said(program) == [True, True, True, "cancelled"]


def test_who_aborts_withdraws_and_who_cannot_ask_is_told(node, people):
    program = node(
        "const stop = new AbortController(); setTimeout(() => stop.abort(), 500);"
        'say(await gate.ask("deploy", {}, {signal: stop.signal}).catch((error) => error.name));'
        'say((await gate.ask("deploy", {}, {timeout: 0.3})).status);'
        'const away = new Gate({address: "http://127.0.0.1:9"});'
        "for (const go of [false, true])"
        '  say((await away.ask("deploy", {}, {timeout: 0.3, default: go})).approved);'
        'const wrong = new Gate({token: "agt_x"});'
        'say(await wrong.ask("deploy").catch((error) => error instanceof Refused && error.status));'
        "const fake = Gate.fake((type, context) => context.rows < 10);"
        'say((await fake.ask("delete", {rows: 3})).approved);'
        'say(fake.asked); say(secondsOf("1h 30m"));'
    )
    assert said(program) == ["AbortError", "timeout", False, True, 401, True, [["delete", {"rows": 3}]], 5400]
    assert people.get_pending_approvals() == []


def test_the_site_serves_it(site):
    import httpx

    assert httpx.get(f"{site}/static/clients/agent-telemetry.ts").text == CLIENT.read_text()
