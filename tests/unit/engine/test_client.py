"""The client against a stand-in for llama-server: what it sends, what it makes of answers, and how it fails."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from stet.core.errors import EngineError
from stet.engine import CompletionRequest, LlamaServer
from stet.engine.client import grammar, newest
from tests.support.llama_stand_in import Rule, StandIn

KEY = "a-key"


@asynccontextmanager
async def client_of(
    rules: list[Rule], *, has_adapter: bool = False, timeout_seconds: float = 10.0, key: str = KEY, context: int = 0
) -> AsyncIterator[tuple[LlamaServer, StandIn]]:
    with StandIn(lambda: rules, KEY, context_tokens=context) as server:
        client = LlamaServer(server.url, key, timeout_seconds=timeout_seconds, has_adapter=has_adapter)
        try:
            yield client, server
        finally:
            await client.aclose()


async def test_an_answer_with_its_tokens_and_why_it_ended() -> None:
    async with client_of([{"ends_with": "Dear", "text": " Tom, hello"}, {"default": " a b c\nd"}]) as (client, _):
        whole = await client.complete(CompletionRequest("Dear"))
        assert (whole.text, whole.stopped, whole.prompt_tokens) == (" Tom, hello", "end", 4)
        assert [(token.text, token.logprob) for token in whole.tokens] == [(" Tom,", -0.5), (" hello", -0.5)]
        cut = await client.complete(CompletionRequest("x"))
        assert (cut.text, cut.stopped) == (" a b c", "stop")
        short = await client.complete(CompletionRequest("x", max_tokens=2))
        assert (short.text, short.stopped) == (" a b", "length")


async def test_what_is_sent() -> None:
    async with client_of([{"default": " x"}]) as (client, server):
        await client.complete(CompletionRequest("Dear", max_tokens=7, stop=("\n", "."), slot=1))
        sent = server.bodies[0]
        assert (sent["prompt"], sent["n_predict"], sent["stop"], sent["id_slot"]) == ("Dear", 7, ["\n", "."], 1)
        assert (sent["temperature"], sent["cache_prompt"], sent["n_probs"], sent["stream"]) == (0, True, 1, True)
        assert "lora" not in sent
        assert "grammar" not in sent


async def test_with_an_adapter_each_request_chooses() -> None:
    async with client_of([{"default": " x"}], has_adapter=True) as (client, server):
        await client.complete(CompletionRequest("a", adapter=True))
        await client.complete(CompletionRequest("a", adapter=False))
        assert [body["lora"] for body in server.bodies] == [[{"id": 0, "scale": 1.0}], [{"id": 0, "scale": 0.0}]]


async def test_without_an_adapter_base_does_not_answer_for_it() -> None:
    async with client_of([{"default": " x"}]) as (client, server):
        with pytest.raises(EngineError, match="no adapter"):
            await client.complete(CompletionRequest("a", adapter=True))
        assert server.bodies == []


@pytest.mark.parametrize("text", ["a <|im_end|> b", "<repo_name>", "x</s>", "[INST] y"])
async def test_text_that_looks_special_is_sent_as_tokens(text: str) -> None:
    async with client_of([{"ends_with": text, "text": " x"}]) as (client, server):
        assert (await client.complete(CompletionRequest(text))).text == " x"
        assert server.bodies[0]["prompt"] == [ord(character) for character in text]
        assert server.tokenized == [{"content": text, "add_special": True, "parse_special": False}]


@pytest.mark.parametrize("text", ["3 < 4 and 5 > 4", "a <- b", "x[0]", "[Note]", "I <3 you"])
async def test_ordinary_text_is_sent_as_it_is(text: str) -> None:
    async with client_of([{"default": " x"}]) as (client, server):
        await client.complete(CompletionRequest(text))
        assert server.bodies[0]["prompt"] == text
        assert server.tokenized == []


@pytest.mark.parametrize("forced", [" th", ' "so"', "\\", "a\nb", "\x01\x7f", "é", "😀", "日本", "]*{}|", "u0041"])
async def test_forced_text_reaches_the_server_as_it_is(forced: str) -> None:
    async with client_of([{"ends_with": forced, "text": "!"}]) as (client, server):
        completion = await client.complete(CompletionRequest("", forced=forced, stop=()))
        assert completion.text == forced + "!"
        assert server.bodies[0]["grammar"].isascii()


def test_the_grammar_in_full() -> None:
    assert grammar(' "é\n😀') == r'root ::= " \u0022\u00E9\u000A\U0001F600" [^\x00]*'


async def test_forced_text_leaves_the_tokens_asked_for() -> None:
    async with client_of([{"default": " x"}]) as (client, server):
        await client.complete(CompletionRequest("", forced=" th", max_tokens=10))
        await client.complete(CompletionRequest("", forced="日本", max_tokens=10))
        assert [body["n_predict"] for body in server.bodies] == [14, 20]


async def test_half_characters_become_the_replacement_character() -> None:
    async with client_of([{"default": " x"}]) as (client, server):
        await client.complete(CompletionRequest("a\ud83d", forced="\ude00"))
        assert server.bodies[0]["prompt"] == "a\ufffd"
        assert r"\uFFFD" in server.bodies[0]["grammar"]


async def test_a_character_cut_in_two_at_the_end_is_left_out() -> None:
    async with client_of([{"default": " caf\ufffd"}]) as (client, _):
        assert (await client.complete(CompletionRequest("a"))).text == " caf"


async def test_of_a_prompt_too_long_the_newest_part_is_used() -> None:
    async with client_of([{"ends_with": "the end", "text": " x"}], context=100) as (client, server):
        prompt = "y" * 300 + " the end"
        assert (await client.complete(CompletionRequest(prompt, max_tokens=20))).text == " x"
        sent = "".join(map(chr, server.bodies[-1]["prompt"]))
        assert prompt.endswith(sent)
        assert 40 <= len(sent) <= 79


@pytest.mark.parametrize("room", [1, 5, 79, 1000])
def test_the_newest_tokens_fit_and_their_first_moves_in_steps(room: int) -> None:
    kept = [newest(list(range(length)), room) for length in range(1, 1500)]
    assert all(1 <= len(tokens) <= room for tokens in kept)
    assert all(tokens[-1] == length for length, tokens in enumerate(kept))
    starts = [tokens[0] for tokens in kept]
    assert starts == sorted(starts)
    assert len(set(starts)) <= 1500 // max(1, room // 4) + 1


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("status", "status 500"),
        ("page", "half-way"),
        ("garbage", "not llama-server"),
        ("error", "error of its own"),
        ("drop", "half-way"),
    ],
)
async def test_a_bad_answer_is_an_engine_error(fault: str, sentence: str) -> None:
    async with client_of([{"ends_with": "", "text": " a secret", "fault": fault}]) as (client, _):
        with pytest.raises(EngineError, match=sentence) as caught:
            await client.complete(CompletionRequest("the writer's text"))
        assert "secret" not in str(caught.value)
        assert "writer" not in str(caught.value)


async def test_a_wrong_key_names_the_setting() -> None:
    async with client_of([{"default": " x"}], key="another") as (client, _):
        with pytest.raises(EngineError, match=r"stet\.engine\.apiKey"):
            await client.complete(CompletionRequest("a"))


async def test_a_slow_answer_names_the_setting() -> None:
    rules: list[Rule] = [{"ends_with": "", "text": " x", "fault": "hang"}]
    async with client_of(rules, timeout_seconds=0.05) as (client, server):
        with pytest.raises(EngineError, match=r"stet\.engine\.timeoutSeconds"):
            await client.complete(CompletionRequest("a"))
        assert await asyncio.to_thread(server.left.wait, 10)


async def test_cancelling_closes_the_connection() -> None:
    async with client_of([{"ends_with": "", "text": " x", "fault": "hang"}]) as (client, server):
        task = asyncio.ensure_future(client.complete(CompletionRequest("a")))
        assert await asyncio.to_thread(server.hanging.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.left.wait, 10)


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = LlamaServer(f"http://127.0.0.1:{unused.getsockname()[1]}", "", timeout_seconds=5, has_adapter=False)
        calls: list[Callable[[], object]] = [
            lambda: client.complete(CompletionRequest("a")),
            client.health,
            lambda: client.tokenize("a"),
        ]
        for call in calls:
            with pytest.raises(EngineError, match="cannot be reached"):
                await call()  # type: ignore[misc]
        await client.aclose()


def test_a_key_that_cannot_be_sent() -> None:
    with pytest.raises(EngineError, match=r"stet\.engine\.apiKey"):
        LlamaServer("http://127.0.0.1:1", "ключ", timeout_seconds=5, has_adapter=False)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://127.0.0.1", "nonsense", "http://127.0.0.1:99999"])
def test_an_address_that_is_no_web_address(url: str) -> None:
    with pytest.raises(EngineError, match="http://host:port") as caught:
        LlamaServer(url, "k", timeout_seconds=5, has_adapter=False)
    assert url in str(caught.value)


async def test_tokens_and_health() -> None:
    async with client_of([]) as (client, server):
        await client.health()
        assert await client.tokenize("ab") == [97, 98]
        assert server.tokenized[0]["add_special"] is False
