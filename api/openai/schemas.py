"""What a program may send, as far as it is used; all else is accepted and ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, Field, model_validator

from api.fields import Text, storable

MAX_MESSAGES = 2_000
# What is passed on to the model server as it came. Tools are not: a twin answers in words.
PASSED_ON = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed"),
    *("presence_penalty", "frequency_penalty", "logit_bias", "response_format"),
    *("reasoning_effort", "verbosity"),
)
# The fields of a message that the model server understands.
MESSAGE_FIELDS = ("name", "tool_calls", "tool_call_id", "function_call")
INSTRUCTIONS = {"system", "developer"}


class Message(Schema):
    """A message of the conversation, its content one text."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str = ""
    name: Text | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: Text | None = None
    function_call: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def join_parts(cls, data: Any) -> Any:
        """Join the parts of a content.

        Raises:
            ValueError: A part is no text, or there is no content where there has to be some.
        """
        data = getattr(data, "_obj", data)  # ninja wraps what it validates
        if not isinstance(data, dict):
            raise ValueError("a message is an object")
        content = data.get("content")
        if isinstance(content, list):
            content = "".join(text_of(part) for part in content)
        calls = data.get("tool_calls") or data.get("function_call")
        if content is None and not (data.get("role") == "assistant" and calls):
            raise ValueError("a message has a content")
        if content is not None and not isinstance(content, str):
            raise ValueError("a content is a string or an array of parts")
        return data | {"content": storable(content or "")}

    def forwarded(self) -> dict[str, Any]:
        """Return the message for the model server."""
        role = "system" if self.role in INSTRUCTIONS else self.role
        fields = {name: getattr(self, name) for name in MESSAGE_FIELDS}
        present = {name: value for name, value in fields.items() if value is not None}
        return {"role": role, "content": self.content} | present


def text_of(part: Any) -> str:
    """Return the text of a part of a content.

    Raises:
        ValueError: It is an image, a sound, a file or something unknown.
    """
    kind = part.get("type") if isinstance(part, dict) else None
    text = part.get("text") if isinstance(part, dict) else None
    if kind != "text" or not isinstance(text, str):
        raise ValueError("only parts of the type text are supported")
    return text


def positive(value: int) -> int:
    """Return a number of tokens."""
    if value < 1:
        raise ValueError("must be at least 1")
    return value


Tokens = Annotated[int, AfterValidator(positive)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class ChatRequest(Schema):
    """A conversation to be answered."""

    model: Text
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    store: bool | None = None
    n: Literal[1] | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Text | list[Text] | None = None
    seed: int | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    logit_bias: dict[str, Number] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Text | None = None
    verbosity: Text | None = None

    def parameters(self) -> dict[str, Any]:
        """Return what is passed on to the model server."""
        values = {name: getattr(self, name) for name in PASSED_ON}
        return {name: value for name, value in values.items() if value is not None}

    def includes_usage(self) -> bool:
        """Return whether the token counts end the stream."""
        return (self.stream_options or {}).get("include_usage") is True
