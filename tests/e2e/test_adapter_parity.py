"""The engine with an adapter says what torch and PEFT say with the same weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stet.engine import CompletionRequest, EngineConfig, Supervisor
from stet.engine.convert import adapter_to_gguf
from stet.models import installed
from stet.settings import default_paths

PROMPTS = [
    "Dear Tom,\n\nThank you for",
    "The reading room opens at",
    "I shall gladly",
    "Once upon a time there was",
    "The capital of France is",
    "Please let me know",
    "In the beginning",
    "She opened the door and",
    "The weather today",
    "We are pleased to announce",
    "def add(a, b):\n    return",
    "My favourite book is",
    "The train was late because",
    "It is a truth universally acknowledged,",
    "First, heat the oven to",
    "As soon as possible,",
    "The committee decided that",
    "With warm regards",
    "Nobody expected",
    "On the long table by the window",
]
TOKENS = 16

pytestmark = pytest.mark.model


async def test_greedy_text_and_first_token_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On an F32 copy of the served weights, number for number; on the served Q8_0 file the figures are printed.

    llama.cpp rounds activations to eight bits when weights are Q8_0, with or without an adapter, so near-ties fall
    either way there; the F32 copy holds the same weights and shows the adapter's own part.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from stet.learning.tokenizer import load_tokenizer

    model = installed(default_paths(os.environ).models, "smollm2-135m-instruct")
    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(model.path.parent, gguf_file=model.path.name, dtype=torch.float32)
    linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    tuned = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, target_modules=linear, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, weights in tuned.named_parameters():
            if "lora_B" in name:
                weights.normal_(0.0, 0.02)
    tuned.eval()
    tuned.save_pretrained(tmp_path / "adapter")
    adapter_to_gguf(tmp_path / "adapter", model.path, tmp_path / "adapter.gguf")
    tokenizer = load_tokenizer(model.path, tmp_path / "tokenizer")
    expected: list[tuple[str, float]] = []
    changed = 0
    for prompt in PROMPTS:
        ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False).ids])
        tokens, first = _greedy(tuned, ids)
        with tuned.disable_adapter():
            changed += _greedy(tuned, ids)[0] != tokens
        expected.append((tokenizer.decode(tokens, skip_special_tokens=False).split("<|im_end|>")[0], first))
    assert changed >= 15

    _f32_copy(model.path, tmp_path / "f32.gguf")
    for path in (model.path, tmp_path / "f32.gguf"):
        same, differences = await _compare(path, tmp_path / "adapter.gguf", expected)
        with capsys.disabled():
            print(
                f"\nadapter parity on {path.name}: {same} of {len(PROMPTS)} continuations equal; first-token "
                f"log-probabilities differ by {sum(differences) / len(differences):.4f} in the mean, "
                f"{max(differences):.4f} at most"
            )
    assert same == len(PROMPTS)
    assert max(differences) < 0.05


async def _compare(path: Path, adapter: Path, expected: list[tuple[str, float]]) -> tuple[int, list[float]]:
    """How many continuations are equal, and the differences of the first tokens' log-probabilities."""
    engine = Supervisor(EngineConfig(path, adapter, threads=1), timeout_seconds=60)
    await engine.start()
    same, differences = 0, []
    try:
        for prompt, (text, first) in zip(PROMPTS, expected, strict=True):
            request = CompletionRequest(prompt, max_tokens=TOKENS, stop=(), adapter=True)
            completion = await engine.complete(request)
            same += completion.text == text
            differences.append(abs(completion.tokens[0].logprob - first))
    finally:
        await engine.stop()
    return same, differences


def _f32_copy(source: Path, target: Path) -> None:
    """The same weights, every one as a 32-bit float."""
    import gguf
    from gguf import quants

    reader, writer = gguf.GGUFReader(source), gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            kind = field.types[0]
            of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=of)
    for tensor in reader.tensors:
        is_f32 = tensor.tensor_type == gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, tensor.data if is_f32 else quants.dequantize(tensor.data, tensor.tensor_type))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _greedy(model: Any, ids: Any) -> tuple[list[int], float]:
    """Greedy tokens, and the first one's log-probability."""
    import torch

    found: list[int] = []
    first, past = 0.0, None
    with torch.inference_mode():
        for number in range(TOKENS):
            answer = model(ids, past_key_values=past, use_cache=True)
            past = answer.past_key_values
            best = torch.log_softmax(answer.logits[0, -1].float(), -1).max(-1)
            found.append(int(best.indices))
            first = float(best.values) if number == 0 else first
            ids = best.indices.reshape(1, 1)
    return found, first
