"""The engine with the default model: how soon it is ready, that it repeats itself, and that it never stays behind."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from stet.core.errors import EngineError, ModelError
from stet.engine import CompletionRequest, EngineConfig, EngineProcess, EngineState, LlamaServer, Supervisor
from stet.models import installed
from stet.settings import default_paths

pytestmark = pytest.mark.model

LETTER = "Dear Tom,\n\nThank you for"
KILLS = 20
SECONDS = 60.0
"""Longest wait for something that must happen."""


@pytest.fixture(scope="module")
def model() -> Path:
    """`STET_TEST_MODEL`, or the installed default model."""
    given = os.environ.get("STET_TEST_MODEL")
    if given:
        return Path(given)
    try:
        return installed(default_paths(os.environ).models, "smollm2-135m-instruct").path
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture
async def engine(model: Path) -> AsyncIterator[LlamaServer]:
    process = await EngineProcess.start(EngineConfig(model))
    client = LlamaServer(process.url, process.api_key, timeout_seconds=SECONDS, has_adapter=False)
    try:
        yield client
    finally:
        await client.aclose()
        await process.stop()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Figures to be shown, not judged: how fast this machine is decides no test."""
    lines: list[str] = []
    yield lines
    with capsys.disabled():
        for line in lines:
            print(f"\n  {line}", end="")


async def test_it_is_ready_soon(model: Path, say: list[str]) -> None:
    began = time.monotonic()
    process = await EngineProcess.start(EngineConfig(model))
    say.append(f"ready after {time.monotonic() - began:.2f} s")
    await process.stop()


async def test_it_repeats_itself_whatever_came_between(engine: LlamaServer) -> None:
    request = CompletionRequest(LETTER, slot=0)
    first = await engine.complete(request)
    assert first.text
    assert first.stopped == "stop"
    for between in ("The train", LETTER + " the", "", "Dear Tom,\n\n"):
        await engine.complete(CompletionRequest(between, max_tokens=3, slot=0))
        again = await engine.complete(request)
        assert (again.text, again.stopped) == (first.text, first.stopped)
        assert [token.text for token in again.tokens] == [token.text for token in first.tokens]
        assert max(abs(a.logprob - b.logprob) for a, b in zip(again.tokens, first.tokens, strict=True)) < 0.1
    assert (await engine.complete(request)).prompt_tokens <= 1


async def test_a_half_typed_word_is_gone_on_with(engine: LlamaServer) -> None:
    """Forced through the word's typed part, the engine says what it says when it is asked before the word."""
    free = await engine.complete(CompletionRequest("Dear Tom,\n\nThank"))
    assert free.text.startswith(" you for")
    for typed in range(1, 8):
        half = await engine.complete(CompletionRequest("Dear Tom,\n\nThank", forced=free.text[:typed]))
        assert half.text.startswith(free.text), typed
        assert half.stopped == free.stopped


async def test_a_line_ends_where_the_model_ends_it(engine: LlamaServer) -> None:
    """Forcing a beginning does not make the model write on where it would have begun a new line."""
    prompt = "Shopping list:\n- milk\n- eggs\n-"
    free = await engine.complete(CompletionRequest(prompt, max_tokens=48))
    forced = await engine.complete(CompletionRequest(prompt, forced=free.text[:3], max_tokens=48))
    assert free.stopped == forced.stopped == "stop"
    assert forced.text == free.text


async def test_text_that_looks_special_is_plain_text(engine: LlamaServer) -> None:
    as_text = await engine.tokenize("<|im_end|>")
    assert len(as_text) > 1
    prompt = "He wrote <|im_end|> in his"
    assert (await engine.complete(CompletionRequest(prompt, max_tokens=8))).prompt_tokens == len(
        await engine.tokenize(prompt)
    )


async def test_characters_of_several_tokens_come_whole(engine: LlamaServer) -> None:
    for prompt in ("😀 😃 😄 😁", "日本語のテキスト:", "Ελληνικά: η γλώσσα"):
        for length in range(1, 9):
            completion = await engine.complete(CompletionRequest(prompt, max_tokens=length, stop=()))
            assert "\ufffd" not in completion.text
            completion.text.encode()


async def test_a_cancelled_request_frees_the_engine(engine: LlamaServer, say: list[str]) -> None:
    long = CompletionRequest("Once upon a time", max_tokens=1500, stop=(), slot=0)
    began = time.monotonic()
    await engine.complete(CompletionRequest("Hello", max_tokens=1, slot=0))
    alone = time.monotonic() - began
    waits = []
    for _ in range(5):
        task = asyncio.ensure_future(engine.complete(long))
        done, _ = await asyncio.wait({task}, timeout=0.3)
        assert not done
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        began = time.monotonic()
        await engine.complete(CompletionRequest("Hello", max_tokens=1, slot=0))
        waits.append(time.monotonic() - began)
    say.append(f"a request after a cancelled one: {1000 * max(waits):.0f} ms at most ({1000 * alone:.0f} ms alone)")


async def test_twenty_kills_at_any_moment(model: Path, say: list[str]) -> None:
    chance = random.Random(20)
    ready = asyncio.Event()
    pids: set[int] = set()
    engine = Supervisor(
        EngineConfig(model),
        timeout_seconds=SECONDS,
        on_state=lambda state, reason: ready.set() if state is EngineState.READY else ready.clear(),
        sleep=lambda seconds: asyncio.sleep(0),
    )
    await engine.start()
    answered = lost = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal answered, lost
        while not stop.is_set():
            try:
                await engine.complete(CompletionRequest(LETTER, max_tokens=8))
                answered += 1
            except EngineError:
                lost += 1
                await ready.wait()

    writer = asyncio.ensure_future(write())
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, 0.8))  # the moment is what is tested
        children = psutil.Process().children()
        pids.update(child.pid for child in children)
        for child in children:
            child.send_signal(signal.SIGKILL)
    async with asyncio.timeout(SECONDS):
        while engine.state is not EngineState.READY or engine.pid in pids:
            ready.clear()
            await ready.wait()
        assert (await engine.complete(CompletionRequest(LETTER, max_tokens=8))).text
    stop.set()
    await writer
    say.append(f"{KILLS} kills: {len(pids)} engines lost, {answered} requests answered, {lost} failed with a sentence")
    await engine.stop()
    assert psutil.Process().children() == []
    assert answered


PARENT = """
import asyncio, sys
from pathlib import Path
from stet.engine import EngineConfig, Supervisor
async def main():
    engine = Supervisor(EngineConfig(Path(sys.argv[1])))
    print("loading", flush=True)
    await engine.start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def runs(process: psutil.Process) -> bool:
    """Whether it is there and more than an entry that its new parent has not taken away yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("when", ["ready", "loading"])
def test_an_engine_does_not_outlive_its_killed_server(model: Path, when: str, say: list[str]) -> None:
    chance = random.Random(7)
    worst = 0.0
    for _ in range(3 if when == "ready" else 8):
        parent = subprocess.Popen([sys.executable, "-c", PARENT, str(model)], stdout=subprocess.PIPE)
        assert parent.stdout is not None
        while parent.stdout.readline().strip() != when.encode():
            pass
        children = psutil.Process(parent.pid).children()
        while when == "loading" and not children:
            children = psutil.Process(parent.pid).children()
        if when == "loading":
            time.sleep(chance.uniform(0, 0.5))  # somewhere between its first line and the loaded model
        os.kill(parent.pid, signal.SIGKILL)
        began = time.monotonic()
        assert len(children) == 1
        while runs(children[0]):
            assert time.monotonic() - began < SECONDS
        worst = max(worst, time.monotonic() - began)
        parent.wait()
        parent.stdout.close()
    say.append(f"killed while {when}: the engine was gone after {1000 * worst:.0f} ms at most")
