"""A client of llama.cpp's server: our own child's, or any other that `engine.url` names. Holds only the connection.

Text never becomes a special token: where the prompt holds something that looks like one, it is turned into tokens
first, as plain text. Cancelling a call closes its stream, which stops generation within a token.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest, Token

_SPECIAL = re.compile(r"<[^\s<>]{1,40}>|\[/?[A-Z_]{2,20}\]")
_STOPPED = {"word": "stop", "eos": "end", "limit": "length"}
CONNECT_SECONDS = 5.0
HEALTH_SECONDS = 5.0
_LIMITS = httpx.Limits(max_keepalive_connections=0)
"""llama-server ends the connection after each streamed answer without saying so; reusing one fails now and then."""
FORCED_TOKENS = 4
"""Tokens allowed on top for the forced text, which is a word at most; characters outside ASCII get one per byte."""


class LlamaServer:
    """Implements `stet.engine.api.Engine`."""

    def __init__(self, url: str, api_key: str, *, timeout_seconds: float, has_adapter: bool) -> None:
        """`has_adapter` says that the server has exactly one LoRA loaded, so that requests must choose.

        Raises EngineError when `url` or `api_key` cannot be used at all.
        """
        self.url = url
        self._has_adapter = has_adapter
        self._timeout_seconds = timeout_seconds
        try:
            address = httpx.URL(url)
            if address.scheme not in ("http", "https") or not address.host or (address.port or 0) > 65535:
                raise httpx.InvalidURL(url)
            self._http = httpx.AsyncClient(
                base_url=address,
                headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
                timeout=httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
                limits=_LIMITS,
                trust_env=False,
            )
        except httpx.InvalidURL as error:
            raise EngineError(f"{url} is no address of an engine; give stet.engine.url as http://host:port.") from error
        except UnicodeError as error:
            raise EngineError(
                "The engine's API key holds characters that no key has; check stet.engine.apiKey."
            ) from error

    async def complete(self, request: CompletionRequest) -> Completion:
        """Complete a prompt. Raises EngineError when the server is gone, refuses, is too slow or talks nonsense.

        Of a prompt longer than the server's context the newest part is used.
        """
        if request.adapter and not self._has_adapter:
            raise EngineError(f"The engine at {self.url} has no adapter loaded; the base model answers without one.")
        body = _body(request)
        if self._has_adapter:
            body["lora"] = [{"id": 0, "scale": 1.0 if request.adapter else 0.0}]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if _SPECIAL.search(request.prompt):
                    body["prompt"] = await self._tokens(request.prompt, add_special=True)
                try:
                    return await self._stream(body)
                except _TooLong as error:
                    body["prompt"] = await self._newest(request.prompt, error.room - body["n_predict"] - 1)
                    return await self._stream(body)
        except _TooLong as error:
            raise EngineError(f"The prompt is longer than the context of the engine at {self.url}.") from error
        except TimeoutError as error:
            raise EngineError(
                f"The engine at {self.url} took longer than {self._timeout_seconds:g} s "
                "(setting stet.engine.timeoutSeconds)."
            ) from error

    async def tokenize(self, text: str) -> list[int]:
        """Tokens of `text` as plain text, with nothing put before it. Raises EngineError."""
        return await self._tokens(text, add_special=False)

    async def health(self) -> None:
        """Returns when the server answers that it is well. Raises EngineError."""
        async with self._translated():
            _refuse_bad(await self._http.get("/health", timeout=HEALTH_SECONDS), self.url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        question = {"content": _clean(text), "add_special": add_special, "parse_special": False}
        async with self._translated():
            answer = await self._http.post("/tokenize", json=question)
            _refuse_bad(answer, self.url)
            return [int(token) for token in answer.json()["tokens"]]

    async def _newest(self, text: str, room: int) -> list[int]:
        head = await self._tokens("", add_special=True)
        tokens = await self._tokens(text, add_special=False)
        return head + newest(tokens, max(1, room - len(head)))

    async def _stream(self, body: dict[str, Any]) -> Completion:
        text: list[str] = []
        tokens: list[Token] = []
        async with self._translated(), self._http.stream("POST", "/completion", json=body) as answer:
            if answer.is_error:
                await answer.aread()
            _refuse_bad(answer, self.url)
            async for line in answer.aiter_lines():
                if not line.startswith(("data: ", "error: ")):
                    continue
                part = json.loads(line.partition(": ")[2])
                if "content" not in part:
                    raise EngineError(f"The engine at {self.url} broke its answer off with an error of its own.")
                text.append(part["content"])
                tokens += [Token(_text(row), float(row["logprob"])) for row in part.get("completion_probabilities", ())]
                if part.get("stop"):
                    return _completion("".join(text), tokens, part)
        raise EngineError(f"The engine at {self.url} ended its answer half-way.")

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise EngineError(f"The engine at {self.url} did not answer in time ({type(error).__name__}).") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EngineError(f"The engine at {self.url} cannot be reached ({type(error).__name__}).") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineError(
                f"The engine at {self.url} gave an answer that is not llama-server's; check stet.engine.url."
            ) from error


def grammar(forced: str) -> str:
    """GBNF for "`forced`, then anything": what ends the completion otherwise, ends it here too."""
    return f'root ::= "{_escaped(forced)}" [^\\x00]*'


def newest(tokens: list[int], room: int) -> list[int]:
    """At most `room` of the last tokens, cut in steps of a quarter of `room`.

    While text is added at the end the first token stays the same most of the time, and with it the prefix cache.
    """
    step = max(1, room // 4)
    steps = -(-max(0, len(tokens) - room) // step)
    return tokens[steps * step :]


class _TooLong(Exception):
    """The prompt does not fit; `room` is the context of one slot in tokens."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.room = room


def _body(request: CompletionRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "prompt": _clean(request.prompt),
        "n_predict": request.max_tokens,
        "temperature": 0.0,
        "top_k": 1,
        "n_probs": 1,
        "stop": list(request.stop),
        "cache_prompt": True,
        "stream": True,
        "id_slot": request.slot,
    }
    if request.forced:
        body["grammar"] = grammar(request.forced)
        outside_ascii = len(_clean(request.forced).encode()) - sum(map(str.isascii, request.forced))
        body["n_predict"] += FORCED_TOKENS + outside_ascii
    return body


def _escaped(text: str) -> str:
    """`text` inside a GBNF string: everything but plain ASCII by its code point."""
    return "".join(
        character
        if character.isascii() and character.isprintable() and character not in '"\\'
        else (f"\\U{ord(character):08X}" if ord(character) > 0xFFFF else f"\\u{ord(character):04X}")
        for character in _clean(text)
    )


def _clean(text: str) -> str:
    """Half characters cannot be sent; they become the replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not text.isascii() else text


def _completion(text: str, tokens: list[Token], last: dict[str, Any]) -> Completion:
    timings = last.get("timings", {})
    return Completion(
        text.rstrip("\ufffd"),
        tuple(tokens),
        _STOPPED.get(str(last.get("stop_type")), "length"),
        prompt_tokens=int(timings.get("prompt_n", 0)),
        prompt_ms=float(timings.get("prompt_ms", 0.0)),
        predicted_ms=float(timings.get("predicted_ms", 0.0)),
    )


def _text(row: dict[str, Any]) -> str:
    raw = row.get("bytes")
    return bytes(raw).decode("utf-8", "replace") if raw else str(row.get("token", ""))


def _refuse_bad(answer: httpx.Response, url: str) -> None:
    if answer.status_code in (401, 403):
        raise EngineError(f"The engine at {url} refused the API key (setting stet.engine.apiKey).")
    if not answer.is_success:
        error = _error_of(answer)
        if error.get("type") == "exceed_context_size_error" and isinstance(error.get("n_ctx"), int):
            raise _TooLong(error["n_ctx"])
        raise EngineError(
            f"The engine at {url} refused the request with status {answer.status_code}; check stet.engine.url."
        )


def _error_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()["error"]
    except (ValueError, KeyError, TypeError, httpx.ResponseNotRead):
        return {}
    return found if isinstance(found, dict) else {}
