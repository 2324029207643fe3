"""A real agent in a process of its own: beats, asks, prints what it was told as one JSON line."""

import json
import sys

from core import ApprovalGate, HeartbeatCoordinator

agent_id, kind, timeout = sys.argv[1], sys.argv[2], float(sys.argv[3])
heartbeat = HeartbeatCoordinator()
heartbeat.start_heartbeat(agent_id, {"model": "large"}, agent_id.title())
heartbeat.beat("running", 0.4, "Preparing")
with heartbeat.keep_alive():
    answer = ApprovalGate(agent_id=agent_id).request_approval(kind, {"target": "production"}, timeout)
heartbeat.stop_heartbeat()
print(json.dumps(answer.to_dict()))
