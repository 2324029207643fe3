"""The demo agents. Each uses the public primitives exactly as a user's agent would."""

import atexit
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from core import ApprovalGate, EventStreamer, HeartbeatCoordinator
from core.management.demo_mind import LARGE, MIDDLE, QUICK, SMALL, DemoMind, DemoModel
from core.management.demo_work import DemoRouter, DemoTests

SPEED = float(os.environ.get("DEMO_SPEED", "1"))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class DemoAgent:
    """One agent with a heartbeat, a gate, and a mind whose calls cost."""

    def __init__(self, agent_id: str, display_name: str, workflow: str, model: DemoModel) -> None:
        self.agent_id, self.model = agent_id, model
        self.mind = DemoMind(agent_id, workflow)
        self.heartbeat = HeartbeatCoordinator()
        self.gate = ApprovalGate(agent_id=agent_id)
        self.events = EventStreamer()
        self.heartbeat.start_heartbeat(agent_id, {"model": model.name, "host": "demo"}, display_name)
        atexit.register(self.heartbeat.stop_heartbeat, "cancelled")

    def work(
        self,
        task: str,
        seconds: float,
        start: float = 0.0,
        end: float = 1.0,
        *,
        stage: str = "",
        model: DemoModel | None = None,
    ) -> None:
        """Do something for a while, with progress from `start` to `end`; in a `stage` it takes thinking."""
        steps = max(1, int(seconds))
        for step in range(steps):
            self.heartbeat.beat("running", start + (end - start) * step / steps, task)
            if stage and step % 2 == 0:
                self.mind.think(stage, model or self.model)
            time.sleep(seconds / steps / SPEED)

    def ask(self, kind: str, context: dict[str, Any], minutes: float) -> bool:
        """Ask a human, beating while blocked."""
        with self.heartbeat.keep_alive("waiting", f"for an answer: {kind}"):
            answer = self.gate.request_approval(kind, context, timeout=minutes * 60)
        outcome = answer.status
        said = answer.reason if answer.responder == "system" else f"{outcome} by {answer.responder}"
        print(f"{self.agent_id}: {kind}: {said}")
        return answer.approved

    def tell(self, event_type: str, **data: Any) -> None:
        """Publish what happened, for whoever listens."""
        self.events.publish_event(event_type, data, source=self.agent_id)


def deploy_bot() -> None:
    """Builds, tests, and deploys when somebody says yes."""
    agent, tests = DemoAgent("deploy-bot", "Deploy bot", "release", LARGE), DemoTests()
    for build in count(4118):
        agent.work(f"Building checkout-service, build {build}", 4, 0.0, 0.3, stage="plan")
        if build % 2 == 0:
            tests.run(failing=random.randint(1, 2))
            agent.work("Mending what the tests found", 4, 0.3, 0.4, stage="mend", model=MIDDLE)
            if random.random() < 0.5:  # beyond the middle model
                agent.work("Mending the rest", 2, 0.4, 0.45, stage="mend")
        counts = tests.run(failing=0)
        agent.tell("build_finished", build=build, **counts)
        agent.work("Running 1,284 tests", 5, 0.45, 0.6, stage="read failures", model=SMALL)
        context = {
            "service": "checkout-service",
            "environment": "production",
            "version": {"from": f"2.14.{build - 4118}", "to": f"2.14.{build - 4117}", "build": build},
            "commits": ["Retry card payments once after a gateway timeout", "Drop the unused basket cache"],
            "tests": counts,
            "rollback": "automatic, within 2 min, when the error rate passes 1.5 %",
        }
        if agent.ask("deploy", context, 8):
            agent.work(f"Deploying build {build} to production", 12, 0.6, 1.0)
            agent.tell("deployed", build=build, environment="production")
        else:
            agent.work("Keeping the running version", 6, 0.6, 0.6)
        agent.work("Watching error rates", random.uniform(25, 45), 1.0, 1.0, stage="watch", model=SMALL)


def data_janitor() -> None:
    """Finds old data, and deletes it when somebody says yes."""
    agent = DemoAgent("data-janitor", "Data janitor", "retention", SMALL)
    while True:
        agent.work("Scanning tables for rows past retention", 7, 0.0, 0.4, stage="classify")
        rows = random.randint(40_000, 900_000)
        context = {
            "database": "warehouse-eu",
            "table": "page_views_2024",
            "rows": rows,
            "condition": "created_at < '2024-11-01' AND NOT legal_hold",
            "reversible": False,
            "backup": {"taken": "2 h ago", "verified": True},
        }
        if agent.ask("delete", context, 6):
            agent.work(f"Deleting {rows:,} rows in batches", 15, 0.4, 1.0)
            agent.tell("rows_deleted", table=context["table"], rows=rows)
        agent.work("Waiting for the next table", random.uniform(30, 60), 1.0, 1.0)


def payments_agent() -> None:
    """Matches invoices, and pays when somebody says yes."""
    agent = DemoAgent("payments-agent", "Payments agent", "invoices", MIDDLE)
    while True:
        agent.work("Matching invoices with orders", 9, 0.0, 0.7, stage="match")
        context = {
            "amount": {"value": round(random.uniform(400, 9000), 2), "currency": "EUR"},
            "to": {"name": "Nordlicht Papier GmbH", "account": "DE89 3704 0044 0532 0130 00"},
            "invoice": f"R-2026-{random.randint(1000, 9999)}",
            "matches_order": True,
            "note": "Second invoice of this supplier this month.\nThe account is the same as last time.",
        }
        if agent.ask("send money", context, 10):
            agent.work("Sending the payment", 4, 0.7, 1.0)
            agent.tell("payment_sent", invoice=context["invoice"], amount=context["amount"])
        agent.work("Filing the invoice", random.uniform(30, 60), 1.0, 1.0, stage="file", model=SMALL)


def ops_shell() -> None:
    """Wants to run commands on servers."""
    agent = DemoAgent("ops-shell", "Ops shell", "alerts", MIDDLE)
    while True:
        agent.work("Reading disk alerts of web-07", 12, 0.0, 0.5, stage="diagnose")
        context = {
            "host": "web-07.internal",
            "user": "root",
            "argv": ["find", "/var/log", "-name", "*.gz", "-mtime", "+30", "-delete"],
            "why": "The disk is 96 % full; old compressed logs take 41 GB.",
        }
        if agent.ask("run command", context, 5):
            agent.work("Cleaning up web-07", 8, 0.5, 1.0)
        agent.work("Watching alerts", random.uniform(40, 70), 1.0, 1.0)


def research_crawler() -> None:
    """Works for hours and asks nobody."""
    agent = DemoAgent("research-crawler", "Research crawler", "research", QUICK)
    for page in count(1):
        agent.work(
            f"Reading source {page} of 240", 6, (page % 240) / 240, (page % 240 + 1) / 240, stage="summarise"
        )
        agent.tell("source_read", page=page, kept=random.random() < 0.3)


def dispatcher() -> None:
    """Gives tasks to the others, and asks nobody."""
    agent, router = DemoAgent("dispatcher", "Dispatcher", "routing", SMALL), DemoRouter("dispatcher")
    while True:
        said = router.route()
        agent.work(said, random.uniform(6, 12), stage="classify")


def report_writer() -> None:
    """Asks for an answer within a minute, and ends: with its work done, or without an answer."""
    agent = DemoAgent("report-writer", "Report writer", "reports", MIDDLE)
    agent.work("Writing the weekly report", 6, 0.0, 0.9, stage="write")
    lines = [f"{day}: {random.randint(310, 420)} orders, {random.randint(2, 9)} returned" for day in WEEKDAYS]
    context = {"to": "everybody@shop.example", "subject": "Orders of last week", "text": "\n".join(lines)}
    sent = agent.ask("send mail", context, 1)
    agent.heartbeat.beat("running", 1.0, "Report sent" if sent else "Report kept as a draft")
    agent.heartbeat.stop_heartbeat("completed" if sent else "cancelled")
    time.sleep(300)  # at its end the process is started again, as every other one


def mail_sorter() -> None:
    """Runs twice under one name: the page says so, the terminal need not."""
    logging.getLogger("core").setLevel(logging.ERROR)
    agent = DemoAgent("mail-sorter", "Mail sorter", "mail", QUICK)
    for mail in count(random.randint(100, 900)):
        agent.work(f"Sorting mail {mail}", 20, mail % 50 / 50, mail % 50 / 50)


def night_batch() -> None:
    """Hangs: the process lives and says nothing any more."""
    agent = DemoAgent("night-batch", "Night batch", "reports", SMALL)
    agent.work("Summing up yesterday's orders", 12, 0.0, 0.35, stage="sum up")
    time.sleep(600)


def invoice_matcher() -> None:
    """Is stuck: it beats on, and its work does not move. It says itself after how long somebody should look."""
    agent = DemoAgent("invoice-matcher", "Invoice matcher", "invoices", SMALL)
    agent.heartbeat.start_heartbeat("invoice-matcher", {"stuck_after": 45}, "Invoice matcher")
    agent.work("Matching invoices, page 3 of 11", 10, 0.1, 0.24, stage="match")
    while True:
        agent.heartbeat.beat("running", 0.24, "Matching invoices, page 4 of 11")
        time.sleep(10)


def nightly_export() -> None:
    """Fails, and says so."""
    agent = DemoAgent("nightly-export", "Nightly export", "reports", QUICK)
    agent.work("Writing orders of yesterday", 9, 0.0, 0.7, stage="write")
    agent.heartbeat.beat("failed", 0.7, "Disk full while writing orders-2026.parquet")
    time.sleep(900)


def crm_importer() -> None:
    """Crashes: the process is gone in the middle of its work."""
    agent = DemoAgent("crm-importer", "CRM importer", "import", QUICK)
    agent.work("Importing contacts, chunk 17 of 60", 8, 0.2, 0.28, stage="clean")
    os.kill(os.getpid(), signal.SIGKILL)


FLEET: dict[str, Callable[[], None]] = {
    "deploy-bot": deploy_bot,
    "data-janitor": data_janitor,
    "payments-agent": payments_agent,
    "ops-shell": ops_shell,
    "research-crawler": research_crawler,
    "dispatcher": dispatcher,
    "report-writer": report_writer,
    "mail-sorter": mail_sorter,
    "mail-sorter-again": mail_sorter,
    "night-batch": night_batch,
    "invoice-matcher": invoice_matcher,
    "nightly-export": nightly_export,
    "crm-importer": crm_importer,
}


def run(name: str) -> None:
    """Run one agent until it is told to end; then it withdraws what it asked and says that it stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    FLEET[name]()


if __name__ == "__main__":
    run(sys.argv[1])
