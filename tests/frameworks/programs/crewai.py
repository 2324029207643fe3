"""A model of ours wants to pay; a hook holds `pay`. One crew for each run, and a thread of the process for each."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

redis = os.environ.pop("REDIS_URL")  # CrewAI would keep locks of its own there
os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "OTEL_SDK_DISABLED": "true",
    "CREWAI_TRACING_ENABLED": "false",
}

from agent_telemetry import Gate  # noqa: E402
from agent_telemetry.frameworks.crewai import hold  # noqa: E402
from crewai import Agent, BaseLLM, Crew, Task  # noqa: E402
from crewai.tools import tool  # noqa: E402
from programs.outcome import note, ran  # noqa: E402


class Fake(BaseLLM):
    """Wants to pay once, and then says what came of it."""

    def call(self, messages, *rest, **options):
        said = messages if isinstance(messages, str) else "\n".join(str(one["content"]) for one in messages)
        name = said.split("Pay <")[1].split(">")[0]
        if "Action: pay" in said.split("Pay <", 1)[1]:
            return f"Thought: I now know the final answer\nFinal Answer: done: {said[-600:]}"
        return f'Thought: pay\nAction: pay\nAction Input: {{"to": "{name}", "amount": 10}}'

    def supports_function_calling(self):
        return False


@tool("pay")
def pay(to: str, amount: int) -> str:
    """Pay somebody."""
    return ran(to, amount)


def act(name: str) -> None:
    payer = Agent(role="payer", goal="pay", backstory="pays", llm=Fake(model="fake"), tools=[pay])
    task = Task(description=f"Pay <{name}>", expected_output="what came of it", agent=payer)
    note(name, Crew(agents=[payer], tasks=[task], cache=False).kickoff().raw)


if __name__ == "__main__":
    hold("pay", thread="payday", gate=Gate(redis), timeout=3600.0 if "late" not in sys.argv else 20.0)
    with ThreadPoolExecutor() as pool:
        list(pool.map(act, sys.argv[1:]))
