"""What its own FunctionModel says: it wants to pay once, and then says what came of it."""

from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart


def answer(messages, info):
    last = messages[-1].parts[-1]
    if last.part_kind == "tool-return":
        return ModelResponse([TextPart(f"done: {last.content}")])
    name = messages[0].parts[-1].content
    return ModelResponse([ToolCallPart("pay", {"to": name, "amount": 10}, tool_call_id=f"call-{name}")])
