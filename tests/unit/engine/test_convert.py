"""PEFT folder to GGUF: the numbers that llama.cpp reads, and what is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import save_file

from stet.core.errors import EngineError
from stet.engine import CompletionRequest, EngineConfig, EngineProcess, LlamaServer, adapter_to_gguf
from tests.support.tiny_model import HEADS, INNER, KEY_HEADS, LAYERS, WIDTH, write_tiny_model

RANK, ALPHA = 4, 8
SIZES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (WIDTH // HEADS * KEY_HEADS, WIDTH),
    "self_attn.v_proj": (WIDTH // HEADS * KEY_HEADS, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def factors(seed: int = 0) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for layer in range(LAYERS):
        for module, (rows, columns) in SIZES.items():
            name = f"base_model.model.model.layers.{layer}.{module}.lora_"
            found[f"{name}A.weight"] = (chance.standard_normal((RANK, columns)) / 8).astype(np.float32)
            found[f"{name}B.weight"] = (chance.standard_normal((rows, RANK)) / 8).astype(np.float32)
    return found


def write_adapter(folder: Path, matrices: dict[str, Any], **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(matrices, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": list(SIZES), **changed}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_every_factor_is_there_and_only_q_and_k_are_rearranged(model: Path, tmp_path: Path) -> None:
    given = factors()
    adapter_to_gguf(write_adapter(tmp_path / "peft", given), model, tmp_path / "out.gguf")
    reader = gguf.GGUFReader(tmp_path / "out.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert fields == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": float(ALPHA),
    }
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    assert len(found) == len(given) == 2 * 7 * LAYERS
    ours = "base_model.model.model.layers.1."
    assert np.array_equal(found["blk.1.attn_q.weight.lora_a"], given[f"{ours}self_attn.q_proj.lora_A.weight"])
    assert np.array_equal(found["blk.1.ffn_down.weight.lora_b"], given[f"{ours}mlp.down_proj.lora_B.weight"])
    assert np.array_equal(found["blk.1.attn_v.weight.lora_b"], given[f"{ours}self_attn.v_proj.lora_B.weight"])
    # A head has 16 rows here: first half 0…7, second half 8…15; llama.cpp wants 0, 8, 1, 9, … in each head.
    order = [
        16 * head + row for head in range(HEADS) for pair in zip(range(8), range(8, 16), strict=True) for row in pair
    ]
    q = given[f"{ours}self_attn.q_proj.lora_B.weight"]
    k = given[f"{ours}self_attn.k_proj.lora_B.weight"]
    assert np.array_equal(found["blk.1.attn_q.weight.lora_b"], q[order])
    assert np.array_equal(found["blk.1.attn_k.weight.lora_b"], k[order[:32]])
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


async def test_the_engine_says_what_torch_says_with_the_same_weights(model: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    base = transformers.AutoModelForCausalLM.from_pretrained(model.parent, gguf_file=model.name, dtype=torch.float32)
    tuned = peft.PeftModel.from_pretrained(
        base, write_adapter(tmp_path / "peft", factors(), base_model_name_or_path="", task_type="CAUSAL_LM")
    ).eval()
    adapter_to_gguf(tmp_path / "peft", model, tmp_path / "out.gguf")
    process = await EngineProcess.start(EngineConfig(model, tmp_path / "out.gguf", context_tokens=256))
    client = LlamaServer(process.url, process.api_key, timeout_seconds=30, has_adapter=True)
    try:
        ids = await client.tokenize("the rain in the theatre")
        for adapter in (True, False):
            asked = CompletionRequest("the rain in the theatre", max_tokens=1, stop=(), adapter=adapter)
            said = (await client.complete(asked)).tokens[0].logprob
            with torch.no_grad(), _as_wanted(tuned, adapter):
                expected = torch.log_softmax(tuned(torch.tensor([ids])).logits[0, -1], -1).max().item()
            assert math.isclose(said, expected, abs_tol=0.005), adapter
    finally:
        await client.aclose()
        await process.stop()


def _as_wanted(tuned: Any, adapter: bool) -> Any:
    import contextlib

    return contextlib.nullcontext() if adapter else tuned.disable_adapter()


def test_what_the_engine_would_not_apply_is_refused(model: Path, tmp_path: Path) -> None:
    given = factors()
    q_a = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    strange = {"base_model.model.lm_head.lora_A.weight": given[q_a]}
    deep = {q_a.replace("layers.0", "layers.9"): given[q_a]}
    cases: list[tuple[dict[str, Any], dict[str, object], str]] = [
        ({**given, **strange}, {}, "lm_head"),
        ({**given, **deep}, {}, "another model"),
        ({**given, q_a: given[q_a][:, :-1].copy()}, {}, "another model"),
        (given, {"r": RANK + 1}, "another model"),
        ({name: matrix for name, matrix in given.items() if name != q_a}, {}, "other half"),
        ({}, {}, "no LoRA factors"),
        (given, {"use_dora": True}, "use_dora"),
        (given, {"use_rslora": True}, "use_rslora"),
        (given, {"modules_to_save": ["lm_head"]}, "modules_to_save"),
        (given, {"lora_alpha": None}, "cannot be read"),
    ]
    for number, (matrices, changed, sentence) in enumerate(cases):
        folder = write_adapter(tmp_path / str(number), matrices, **changed)
        with pytest.raises(EngineError, match=sentence):
            adapter_to_gguf(folder, model, tmp_path / "out.gguf")
        assert not (tmp_path / "out.gguf").exists()


def test_files_that_cannot_be_read_or_written(model: Path, tmp_path: Path) -> None:
    good = write_adapter(tmp_path / "good", factors())
    with pytest.raises(EngineError, match="cannot be read"):
        adapter_to_gguf(tmp_path / "missing", model, tmp_path / "out.gguf")
    (tmp_path / "text.gguf").write_text("Dear Tom, this is no model.", encoding="utf-8")
    with pytest.raises(EngineError, match="GGUF model"):
        adapter_to_gguf(good, tmp_path / "text.gguf", tmp_path / "out.gguf")
    with pytest.raises(EngineError, match="cannot be written"):
        adapter_to_gguf(good, model, tmp_path / "no" / "folder" / "out.gguf")
    weights = good / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(EngineError, match="cannot be read"):
        adapter_to_gguf(good, model, tmp_path / "out.gguf")


def test_another_architecture_is_refused(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    writer = gguf.GGUFWriter(other, "gpt2")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(EngineError, match="gpt2"):
        adapter_to_gguf(write_adapter(tmp_path / "peft", factors()), other, tmp_path / "out.gguf")


def test_no_torch_comes_along(model: Path, tmp_path: Path) -> None:
    write_adapter(tmp_path / "peft", factors())
    program = (
        "import sys; from pathlib import Path; from stet.engine import adapter_to_gguf as convert\n"
        "assert not {'torch', 'numpy', 'gguf'} & set(sys.modules)\n"
        "convert(*map(Path, sys.argv[1:])); print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    arguments = [str(tmp_path / "peft"), str(model), str(tmp_path / "out.gguf")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
