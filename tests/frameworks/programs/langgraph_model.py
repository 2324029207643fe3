"""LangChain's own fake model, which wants to pay, and the tool."""

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from programs.outcome import ran


class Model(GenericFakeChatModel):
    """Wants to pay once, and then says what came of it."""

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, *rest, **options):
        last = messages[-1]
        call = {"name": "pay", "args": {"to": messages[0].content, "amount": 10}, "id": "call-1"}
        said = AIMessage(f"done: {last.text}") if last.type == "tool" else AIMessage("", tool_calls=[call])
        self.messages = iter([said])
        return super()._generate(messages, *rest, **options)


def pay(to: str, amount: int) -> str:
    """Pay somebody."""
    return ran(to, amount)
