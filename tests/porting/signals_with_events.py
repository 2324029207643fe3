"""Agents hand work on by signals, and tell what they do by events. Written for the original."""

from attune.telemetry import CoordinationSignals, EventStreamer


def main(memory) -> None:
    planner = CoordinationSignals(memory=memory, agent_id="planner")
    writer = CoordinationSignals(memory=memory, agent_id="writer")
    events = EventStreamer(memory=memory)
    planner.signal("task_ready", target_agent="writer", payload={"page": 1})
    planner.broadcast("checkpoint", payload={"step": 2})
    planner.signal("pause", target_agent=CoordinationSignals.BROADCAST_TARGET, payload={"seconds": 1})
    task = writer.wait_for_signal("task_ready", source_agent="planner", timeout=5.0, poll_interval=0.1)
    print(task.signal_type, task.source_agent, task.target_agent, task.payload)
    for kind in ("checkpoint", "pause"):
        print(kind, writer.check_signal(kind).payload)
    print(writer.check_signal("task_ready"), len(writer.get_pending_signals()))
    for number in range(5):
        events.publish_event("page_written", {"page": number}, source="writer")
    print([event.data["page"] for event in events.get_recent_events("page_written", count=3)])
    print(
        sorted(events.get_stream_info("page_written").keys() & {"length", "first-entry", "last-generated-id"})
    )
    print(events.get_stream_info("nothing"))
    followed = events.consume_events(["page_written"], block_ms=100, start_id="0")
    print(
        [next(followed).data["page"] for _ in range(5)],
        next(iter(events.get_recent_events("page_written"))).source,
    )
    print(events.delete_stream("page_written"), events.DEFAULT_BLOCK_MS > 0, events.MAX_STREAM_LENGTH)
