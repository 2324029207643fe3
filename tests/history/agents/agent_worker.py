"""A real agent in a process of its own, for runs: `agent_worker URL AGENT BEATS`; beats and then waits to be killed."""

import sys
import time

from core import HeartbeatCoordinator

url, agent_id, beats = sys.argv[1], sys.argv[2], int(sys.argv[3])
heartbeat = HeartbeatCoordinator(url)
heartbeat.start_heartbeat(agent_id, {"beats": beats}, agent_id.title())
for number in range(beats):
    heartbeat.beat("running", (number + 1) / 10, f"step {number + 1}")
print("ready", flush=True)
while True:
    time.sleep(0.05)
    heartbeat.beat("running", beats / 10, f"step {beats}")
