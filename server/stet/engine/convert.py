"""A PEFT LoRA folder to the GGUF LoRA that llama.cpp loads. Needs numpy, gguf and safetensors; never torch.

llama.cpp keeps the rows of a Llama model's Q and K interleaved for its rotary embedding; the B factors of those two
must have their rows in the same order. What llama.cpp would leave out without a word is refused here.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from attrs import frozen

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
_NOT_APPLIED = (
    "use_dora",
    "use_rslora",
    "use_qalora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "rank_pattern",
    "alpha_pattern",
    "fan_in_fan_out",
)
"""PEFT's settings that change what the adapter does and that a plain LoRA file cannot say."""


def adapter_to_gguf(adapter: Path, base: Path, target: Path) -> None:
    """Convert the PEFT folder `adapter`, trained on the model `base` (GGUF), to the file `target`, whole or not at all.

    Factors are written as float32. Raises EngineError when the folder cannot be read, holds anything that llama.cpp
    would not apply, or was trained on another model.
    """
    import gguf

    model = _read_base(base)
    rank, alpha, factors = _read_adapter(adapter)
    named: dict[str, Any] = {}
    for name, matrix in sorted(factors.items()):
        layer, module, factor = _parsed(name, adapter)
        tensor = f"blk.{layer}.{_TENSORS[module]}.weight"
        _check_fit(name, matrix.shape, factor, model.shapes.get(tensor), rank, base)
        if factor == "B" and module in ("q_proj", "k_proj"):
            matrix = _interleaved(matrix, model.heads if module == "q_proj" else model.key_heads)
        named[f"{tensor}.lora_{factor.lower()}"] = matrix.astype("float32")
    _check_pairs(set(named), adapter)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        writer = gguf.GGUFWriter(draft, "llama")
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for name, matrix in named.items():
            writer.add_tensor(name, matrix)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise EngineError(
            f"The adapter cannot be written to {target} ({error.strerror}); free or change it."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


@frozen
class _Base:
    heads: int
    key_heads: int
    shapes: dict[str, list[int]]
    """[columns, rows] of each matrix, as GGUF counts."""


def _read_base(path: Path) -> _Base:
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        architecture = str(reader.fields["general.architecture"].contents())
        if architecture != "llama":
            raise EngineError(f"{path} is a {architecture} model; adapters can be made for llama models only.")
        heads = int(reader.fields["llama.attention.head_count"].contents())
        key_field = reader.fields.get("llama.attention.head_count_kv")
        key_heads = int(key_field.contents()) if key_field else heads
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise EngineError(f"{path} cannot be read as a GGUF model ({error}); run `stet doctor`.") from error
    return _Base(heads, key_heads, {tensor.name: [int(size) for size in tensor.shape] for tensor in reader.tensors})


def _read_adapter(adapter: Path) -> tuple[int, float, dict[str, Any]]:
    """Rank, alpha and the factors by PEFT's names."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
        factors: dict[str, Any] = load_file(adapter / "adapter_model.safetensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise EngineError(f"The adapter folder {adapter} cannot be read ({error}); run `stet train` again.") from error
    for key in _NOT_APPLIED:
        if config.get(key):
            raise EngineError(f"The adapter {adapter} uses {key}, which the engine cannot apply; train it without.")
    return rank, alpha, factors


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


def _check_pairs(names: set[str], adapter: Path) -> None:
    lone = {name for name in names if name[:-1] + ("b" if name.endswith("a") else "a") not in names}
    if not names:
        raise EngineError(f"The adapter {adapter} holds no LoRA factors; run `stet train` again.")
    if lone:
        raise EngineError(f"The adapter {adapter} lacks the other half of {min(lone)}; run `stet train` again.")


def _interleaved(matrix: Any, heads: int) -> Any:
    """Rows of each head from (half, half) to interleaved, as llama.cpp's converter does with Llama's Q and K."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
