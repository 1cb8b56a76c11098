"""Read the chunks of a streamed reply, whatever a server leaves out or adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chat.failures import Failure
from chat.generation.errors import from_event

MAX_COUNT = 2**31 - 1  # what the database column holds
# Why servers end a reply, in lower case. The sources are the API references of OpenAI, Azure,
# Anthropic, Gemini, Mistral, Cohere, DeepSeek, Bedrock, vLLM, llama.cpp, TGI and OpenRouter.
# Any other reason counts as cut off: what it means for the text is unknown.
COMPLETE = {
    *("stop", "stop_sequence", "end_turn", "end", "eos", "eos_token", "complete", "completed"),
    *("done", "success", "finish", "finished", "tool_calls", "tool_call", "tool_use"),
    *("function_call", "pause_turn"),
}
FAILURES = {
    Failure.LENGTH: {
        *("length", "max_tokens", "max_length", "max_output_tokens", "model_length"),
        *("model_context_window_exceeded", "context_length_exceeded", "token_limit"),
        *("error_limit", "limit"),
    },
    Failure.FILTERED: {
        *("content_filter", "content_filtered", "safety", "recitation", "blocklist", "sensitive"),
        *("prohibited_content", "spii", "image_safety", "language", "refusal", "error_toxic"),
        *("guardrail_intervened", "moderation"),
    },
    Failure.BROKEN: {
        *("error", "network_error", "insufficient_system_resource", "malformed_function_call"),
        *("malformed_model_output", "unexpected_tool_call"),
    },
}
# DeepSeek, vLLM, llama.cpp and others; OpenRouter and Ollama.
REASONING = ("reasoning_content", "reasoning")
REASONS: dict[str, Failure | None] = dict.fromkeys(COMPLETE) | {
    reason: failure for failure, reasons in FAILURES.items() for reason in reasons
}


@dataclass(frozen=True)
class Chunk:
    """A part of a reply's text or reasoning, the reason for its end, or its token counts."""

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning: str = ""


def read_chunk(data: object, event: str = "") -> Chunk:
    """Return what an event holds.

    Args:
        data: The JSON object. The one with the token counts has no choices.
        event: The event's name, if it has one.

    Raises:
        ProviderError: It holds an error.
    """
    fields = _mapping(data)
    if error := fields.get("error"):
        raise from_event(error)
    if event == "error" or fields.get("object") == "error" or fields.get("type") == "error":
        raise from_event(fields)
    choices = fields.get("choices")
    choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
    content = _mapping(choice.get("delta") or choice.get("message"))
    usage = _mapping(fields.get("usage"))
    return Chunk(
        _text(content.get("content")) or _text(content.get("refusal")),
        str(choice.get("finish_reason") or ""),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _reasoning(content),
    )


def outcome(finish_reason: str, *, has_text: bool, is_done: bool) -> Failure | None:
    """Return why a reply is not complete; None if it is.

    Args:
        finish_reason: The last reason that the server gave, if any.
        has_text: Whether the reply has any text.
        is_done: Whether the server said `[DONE]`. Without a reason it has to do.
    """
    if not finish_reason and not is_done:
        return Failure.CUT_OFF
    failure = REASONS.get(finish_reason.lower(), Failure.CUT_OFF) if finish_reason else None
    return failure or (None if has_text else Failure.EMPTY)


def _text(content: object) -> str:
    """Return the text of a content: a string, or a list of which some parts are text."""
    if isinstance(content, list):
        parts = (_mapping(part) for part in content)
        return "".join(_text(part.get("text")) for part in parts if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _reasoning(content: dict[str, Any]) -> str:
    """Return the reasoning: a field of its own or, as of Mistral, parts of the content."""
    for name in REASONING:
        if isinstance(found := content.get(name), str) and found:
            return found
    parts = content.get("content")
    thoughts = [_mapping(part) for part in parts] if isinstance(parts, list) else []
    return "".join(
        found if isinstance(found := part.get("thinking"), str) else _text(found)
        for part in thoughts
        if part.get("type") == "thinking"
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    """Return a token count; None for what is no count or what no column holds."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if is_count else None  # type: ignore[return-value]  # mypy loses the narrowing
