"""The engine's real process with a tiny random model: its key, its answers, its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from stet.core.errors import EngineError
from stet.engine import CompletionRequest, EngineConfig, EngineProcess, LlamaServer, default_threads
from tests.support.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (16, 15)])
def test_one_core_is_left_free(cores: int, threads: int) -> None:
    assert default_threads(cores) == threads


async def test_without_the_key_nothing_but_health_is_answered(model: Path) -> None:
    process = await EngineProcess.start(EngineConfig(model, context_tokens=256))
    body = {"prompt": "x", "content": "x", "n_predict": 1, "messages": [{"role": "user", "content": "x"}]}
    paths = [
        *("/completion", "/completions", "/v1/completions", "/v1/chat/completions", "/infill", "/tokenize"),
        *("/detokenize", "/apply-template", "/embedding", "/lora-adapters", "/slots/0", "/props"),
    ]
    try:
        for headers in ({}, {"Authorization": "Bearer guess"}):
            async with httpx.AsyncClient(base_url=process.url, headers=headers) as http:
                assert (await http.get("/health")).json() == {"status": "ok"}
                for path in paths:
                    assert (await http.post(path, json=body)).status_code == 401, path
                for path in ("/props", "/slots", "/lora-adapters", "/metrics", "/models", "/v1/models"):
                    assert (await http.get(path)).status_code == 401, path
                assert (await http.get("/")).status_code == 404
    finally:
        await process.stop()


async def test_the_key_stands_in_no_argument_and_no_environment(model: Path) -> None:
    process = await EngineProcess.start(EngineConfig(model, context_tokens=256))
    child = psutil.Process(process.pid)
    seen = json.dumps([child.cmdline(), child.environ()])
    assert process.api_key not in seen
    assert str(model) not in seen
    await process.stop()
    assert not psutil.pid_exists(process.pid)


async def test_forced_text_and_stops_and_long_prompts(model: Path) -> None:
    process = await EngineProcess.start(EngineConfig(model, context_tokens=256))
    client = LlamaServer(process.url, process.api_key, timeout_seconds=30, has_adapter=False)
    try:
        for forced in (" th", 'a "b"', "\\", "é", "日本", "😀", "\x01", "]*{}|", "\n\t"):
            request = CompletionRequest("x", forced=forced, max_tokens=4, stop=())
            completion = await client.complete(request)
            assert completion.text.startswith(forced)
            again = await client.complete(request)
            assert (again.text, again.stopped) == (completion.text, completion.stopped)
            assert all(token.logprob <= 0 for token in completion.tokens)
        assert (await client.complete(CompletionRequest("", max_tokens=2))).stopped in ("length", "end", "stop")
        assert (await client.complete(CompletionRequest("ab " * 2000, max_tokens=4, stop=()))).stopped == "length"
        special = await client.tokenize("<|im_start|>")
        assert len(special) > 1
        await client.complete(CompletionRequest("a <|im_start|> b", max_tokens=2))
    finally:
        await client.aclose()
        await process.stop()


def damaged_copy(model: Path, path: Path, damage: str) -> None:
    whole = model.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"Dear Tom, this is no model.\n" * 100,
        "truncated": whole[: len(whole) // 2],
        "header": whole[:2000],
        "architecture": whole.replace(b"llama", b"lxama"),
    }
    if damage in damaged:
        path.write_bytes(damaged[damage])


@pytest.mark.parametrize(
    ("damage", "clause"),
    [
        ("missing", "No such file"),
        ("empty", "magic"),
        ("text", "magic"),
        ("truncated", "corrupted or incomplete"),
        ("header", "key-value"),
        ("architecture", "unknown model architecture"),
    ],
)
async def test_a_bad_model_is_a_sentence(model: Path, tmp_path: Path, damage: str, clause: str) -> None:
    path = tmp_path / "bad.gguf"
    damaged_copy(model, path, damage)
    with pytest.raises(EngineError, match=clause) as caught:
        await EngineProcess.start(EngineConfig(path))
    assert str(path) in str(caught.value)
    assert psutil.Process().children() == []


async def test_a_bad_adapter_is_a_sentence(model: Path, tmp_path: Path) -> None:
    for adapter, clause in ((tmp_path / "missing.gguf", "No such file"), (model, "expect general.type")):
        with pytest.raises(EngineError, match=clause):
            await EngineProcess.start(EngineConfig(model, adapter))
    assert psutil.Process().children() == []


async def test_an_engine_that_aborts_is_a_sentence(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(EngineError, match="ended with code 1"):
        await EngineProcess.start(EngineConfig(model))


async def test_what_lies_in_the_working_folder_is_not_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "xllamacpp.py", "stet.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    process = await EngineProcess.start(EngineConfig(model, context_tokens=256))
    await process.stop()


def spawn(model: Path, folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stet.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / "stderr").open("wb"),
    )
    line = {"model": str(model), "adapter": None, "threads": 1, "context_tokens": 256, "slots": 2, "api_key": "k"}
    assert process.stdin is not None
    process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()
    return process


@pytest.mark.parametrize("loaded", [False, True])
def test_it_ends_when_its_input_closes(model: Path, tmp_path: Path, loaded: bool) -> None:
    process = spawn(model, tmp_path)
    assert process.stdin is not None and process.stdout is not None
    if loaded:
        assert json.loads(process.stdout.readline())["ready"]
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def test_it_prints_nothing_that_is_written(model: Path, tmp_path: Path) -> None:
    process = spawn(model, tmp_path)
    assert process.stdin is not None and process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    secret = "the writer's own words"
    for body in ({"prompt": secret, "n_predict": 2}, {"prompt": secret * 100}, {"prompt": secret, "grammar": "root"}):
        httpx.post(f"http://127.0.0.1:{port}/completion", json=body, headers={"Authorization": "Bearer k"}, timeout=60)
    process.stdin.close()
    process.wait(timeout=30)
    assert process.stdout.read() == b""
    assert (tmp_path / "stderr").read_bytes() == b""


def test_it_ends_when_its_parent_is_killed(model: Path, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, sys\nfrom pathlib import Path\nfrom stet.engine import *\n"
        "async def main():\n"
        "    process = await EngineProcess.start(EngineConfig(Path(sys.argv[1]), context_tokens=256))\n"
        "    print(process.pid, flush=True)\n    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script), str(model)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    engine = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, 9)
    parent.wait()
    engine.wait(timeout=30)
    parent.stdout.close()
