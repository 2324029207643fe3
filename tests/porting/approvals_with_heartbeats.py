"""A deployer asks a person before it deploys, and its heartbeats say that it waits. Written for the original."""

import threading
import time

from attune.telemetry import ApprovalGate, HeartbeatCoordinator


def answer_the_next(memory, approved: bool) -> None:
    person = ApprovalGate(memory=memory)
    while not (pending := person.get_pending_approvals()):
        time.sleep(0.05)
    person.respond_to_approval(
        pending[0].request_id, approved=approved, responder="ann@example.com", reason="seen"
    )


def main(memory) -> None:
    heartbeats = HeartbeatCoordinator(memory=memory)
    heartbeats.start_heartbeat("deployer", metadata={"run": 7})
    gate = ApprovalGate(memory=memory, agent_id="deployer")
    for environment, approved in (("staging", True), ("production", False)):
        heartbeats.beat(status="running", progress=0.5, current_task=f"waiting for {environment}")
        person = threading.Thread(target=answer_the_next, args=(memory, approved))
        person.start()
        answer = gate.request_approval("deploy", context={"environment": environment}, timeout=20.0)
        person.join()
        print(environment, answer.approved, answer.responder, answer.reason)
    print([agent.agent_id for agent in heartbeats.get_active_agents()], heartbeats.is_agent_alive("deployer"))
    heartbeats.stop_heartbeat("completed")
    print(gate.get_pending_approvals(), gate.clear_expired_requests())
    print(gate.memory is memory, gate.DEFAULT_TIMEOUT, heartbeats.HEARTBEAT_TTL)
