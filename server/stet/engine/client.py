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
_CONNECT_SECONDS = 5.0
FORCED_TOKENS = 4
"""Tokens allowed on top for the forced text, which is a word at most."""


class LlamaServer:
    """Implements `stet.engine.api.Engine`."""

    def __init__(self, url: str, api_key: str, *, timeout_seconds: float, has_adapter: bool) -> None:
        """`has_adapter` says that the server has exactly one LoRA loaded, so that requests must choose."""
        self.url = url
        self._has_adapter = has_adapter
        self._timeout_seconds = timeout_seconds
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
            trust_env=False,
        )

    async def complete(self, request: CompletionRequest) -> Completion:
        """Complete a prompt. Raises EngineError when the server is gone, refuses, is too slow or talks nonsense."""
        prompt: str | list[int] = _clean(request.prompt)
        if _SPECIAL.search(request.prompt):
            prompt = await self.tokenize(request.prompt)
        body: dict[str, Any] = {
            "prompt": prompt,
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
            body["grammar"] = grammar(request.forced, request.stop)
            body["n_predict"] = request.max_tokens + FORCED_TOKENS
        if self._has_adapter:
            body["lora"] = [{"id": 0, "scale": 1.0 if request.adapter else 0.0}]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._stream(body)
        except TimeoutError as error:
            raise EngineError(
                f"The engine at {self.url} took longer than {self._timeout_seconds:g} s "
                "(setting stet.engine.timeoutSeconds)."
            ) from error

    async def tokenize(self, text: str) -> list[int]:
        """Tokens of `text` as plain text. Raises EngineError."""
        async with self._translated():
            answer = await self._http.post("/tokenize", json={"content": _clean(text), "parse_special": False})
            _refuse_bad(answer, self.url)
            tokens: list[int] = answer.json()["tokens"]
            return tokens

    async def health(self) -> None:
        """Returns when the server answers that it is well. Raises EngineError."""
        async with self._translated():
            _refuse_bad(await self._http.get("/health"), self.url)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _stream(self, body: dict[str, Any]) -> Completion:
        text: list[str] = []
        tokens: list[Token] = []
        async with self._translated(), self._http.stream("POST", "/completion", json=body) as answer:
            if answer.is_error:
                await answer.aread()
            _refuse_bad(answer, self.url)
            async for line in answer.aiter_lines():
                if not line.startswith("data: "):
                    continue
                part = json.loads(line[6:])
                text.append(part.get("content", ""))
                tokens += [Token(_text(row), float(row["logprob"])) for row in part.get("completion_probabilities", ())]
                if part.get("stop"):
                    return _completion("".join(text), tokens, part)
        raise EngineError(f"The engine at {self.url} ended its answer half-way; it is being restarted.")

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise EngineError(f"The engine at {self.url} did not answer in time ({type(error).__name__}).") from error
        except httpx.HTTPError as error:
            raise EngineError(f"The engine at {self.url} cannot be reached ({type(error).__name__}).") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineError(
                f"The engine at {self.url} gave an answer that is not llama-server's; check stet.engine.url."
            ) from error


def grammar(forced: str, stop: tuple[str, ...]) -> str:
    """GBNF for "`forced`, then anything": no line end where a line end stops the completion anyway."""
    rest = r"[^\n]*" if "\n" in stop else r"[^\x00]*"
    return f'root ::= "{_escaped(forced)}" {rest}'


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
    if answer.is_error:
        raise EngineError(f"The engine at {url} refused the request with status {answer.status_code}.")
