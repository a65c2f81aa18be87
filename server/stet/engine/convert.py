"""A PEFT LoRA folder to the GGUF LoRA that llama.cpp loads. Needs numpy, gguf and safetensors; never torch.

llama.cpp keeps the rows of a Llama model's Q and K interleaved for its rotary embedding; the B factors of those two
must have their rows in the same order.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from stet.core.errors import EngineError

_NAME = re.compile(r"model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])\.weight$")
_TENSORS = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def adapter_to_gguf(adapter: Path, base: Path, target: Path) -> None:
    """Convert the PEFT folder `adapter`, trained on the model `base` (GGUF), to `target`.

    Raises EngineError when the folder holds anything that llama.cpp would not apply: then nothing would say so later.
    """
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    for key in ("use_dora", "use_rslora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out"):
        if config.get(key):
            raise EngineError(f"The adapter {adapter} uses {key}, which the engine cannot apply; train it without.")
    reader = gguf.GGUFReader(base)
    architecture = reader.fields["general.architecture"].contents()
    heads = int(reader.fields[f"{architecture}.attention.head_count"].contents())
    kv_field = reader.fields.get(f"{architecture}.attention.head_count_kv")
    kv_heads = int(kv_field.contents()) if kv_field else heads
    shapes = {tensor.name: [int(size) for size in tensor.shape] for tensor in reader.tensors}
    draft = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(draft, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, matrix in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        layer, module, factor = _parsed(name, adapter)
        tensor = f"blk.{layer}.{_TENSORS[module]}.weight"
        _check_fit(name, matrix.shape, factor, shapes.get(tensor), config["r"], base)
        if factor == "B" and module in ("q_proj", "k_proj"):
            matrix = _permuted(matrix, heads if module == "q_proj" else kv_heads)
        writer.add_tensor(f"{tensor}.lora_{factor.lower()}", matrix.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    draft.replace(target)


def _parsed(name: str, adapter: Path) -> tuple[int, str, str]:
    match = _NAME.search(name)
    if match is None or match[2] not in _TENSORS:
        raise EngineError(
            f"The adapter {adapter} holds {name}, which the engine cannot apply; it takes {', '.join(_TENSORS)}."
        )
    return int(match[1]), match[2], match[3]


def _check_fit(
    name: str, shape: tuple[int, ...], factor: str, base_shape: list[int] | None, rank: int, base: Path
) -> None:
    if base_shape is None:
        raise EngineError(f"{name} has no matrix in {base}; the adapter was trained on another model.")
    wide, high = base_shape
    expected = (rank, wide) if factor == "A" else (high, rank)
    if tuple(shape) != expected:
        raise EngineError(f"{name} is {tuple(shape)} and {base} needs {expected}; it was trained on another model.")


def _permuted(matrix: Any, heads: int) -> Any:
    """Rows of each head from (half, half) to interleaved, as llama.cpp's converter does with Llama's Q and K."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
