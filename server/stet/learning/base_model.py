"""The base model in torch, read from the very file that is served, and the LoRA weights put on it.

Owns the cache of the unpacked weights, the number format, and how a loaded model is asked for log-probabilities. Knows
nothing of records, losses or runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from stet.core.errors import ModelError
from stet.learning.tokenizer import begin_tokens, load_tokenizer
from stet.settings.tree import LearningSettings


@frozen
class Base:
    """A loaded base model: frozen weights, its tokenizer, and what the engine puts before every prompt."""

    model: Any
    tokenizer: Tokenizer
    begin: tuple[int, ...]
    sha256: str

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device


def load_base(path: Path, sha256: str = "", dtype: torch.dtype | None = None) -> Base:
    """Load the GGUF file `path`; quick from the second time on, through `torch/` beside the file.

    `sha256` is the file's, computed when "". `dtype` defaults to the fastest format of this machine. Raises
    ModelError when transformers cannot read the file.
    """
    if not path.is_file():
        raise ModelError(f"the model file {path} is missing; `stet models fetch` brings it")
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)  # PEFT's to mend
    transformers_logging.set_verbosity_error()
    sha256 = sha256 or file_sha256(path)
    device = best_device()
    dtype = dtype or best_dtype(device)
    cache = path.parent / "torch" / f"{sha256[:16]}-{str(dtype).removeprefix('torch.')}"
    if not (cache / "model.safetensors").is_file():
        built = _from_gguf(path, dtype)
        if not _keep(built, cache):
            return Base(_frozen(built, device), load_tokenizer(path), begin_tokens(path), sha256)
        del built
    model = AutoModelForCausalLM.from_pretrained(str(cache), dtype=dtype, local_files_only=True)
    return Base(_frozen(model, device), load_tokenizer(path, cache), _begin(path, cache), sha256)


def file_sha256(path: Path) -> str:
    """Lower-case hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def best_device() -> torch.device:
    """CUDA, else Apple's GPU, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else float32. LoRA weights are float32 always."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    fast = device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return torch.bfloat16 if fast else torch.float32


def with_lora(base: Base, settings: LearningSettings) -> PeftModel:
    """A fresh LoRA on every linear layer but the output. Draws its first weights from torch's generator.

    PEFT changes the base's layers in place: load the base anew, or `unload()`, before the next one.
    """
    return get_peft_model(
        base.model,
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )


def hidden_states(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Last hidden states [rows, length, width] of `tokens` [rows, length], padded on the right.

    No mask is needed: a causal model never looks at what follows, and nobody reads the padding's states.
    """
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    states: torch.Tensor = inner.base_model(input_ids=tokens, use_cache=False).last_hidden_state
    return states


def output_layer(model: Any) -> Any:
    """The layer that turns hidden states into logits."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    return inner.get_output_embeddings()


def _from_gguf(path: Path, dtype: torch.dtype) -> Any:
    try:
        return AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=dtype)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(
            f"the model file {path.name} cannot be trained: {error}; pick another with the setting stet.model.name"
        ) from error


def _keep(model: Any, folder: Path) -> bool:
    """Write configuration and weights to `folder` in one step; False where nothing may be written.

    `save_pretrained` refuses a model read from GGUF, so its two parts are written by hand.
    """
    parent = folder.parent
    if not os.access(parent if parent.exists() else parent.parent, os.W_OK):
        return False
    temporary = parent / f"{folder.name}.{os.getpid()}.tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    config = {key: value for key, value in model.config.to_dict().items() if key != "quantization_config"}
    config["architectures"] = [type(model).__name__]
    (temporary / "config.json").write_text(json.dumps(config, default=str), encoding="utf-8")
    tied = set(getattr(model, "_tied_weights_keys", None) or ()) if model.config.tie_word_embeddings else set()
    weights = {name: value.contiguous() for name, value in model.state_dict().items() if name not in tied}
    save_file(weights, temporary / "model.safetensors", metadata={"format": "pt"})
    AutoConfig.from_pretrained(str(temporary))  # a folder that cannot be read back is not put in place
    if folder.exists():
        shutil.rmtree(folder)  # left half-written by an older version
    temporary.replace(folder)
    return True


def _begin(path: Path, cache: Path) -> tuple[int, ...]:
    kept = cache / "begin.json"
    if not kept.is_file():
        if not os.access(cache, os.W_OK):
            return begin_tokens(path)
        temporary = kept.with_name(f"{kept.name}.{os.getpid()}")
        temporary.write_text(json.dumps(begin_tokens(path)), encoding="utf-8")
        temporary.replace(kept)
    return tuple(json.loads(kept.read_text(encoding="utf-8")))


def _frozen(model: Any, device: torch.device) -> Any:
    return model.to(device).eval().requires_grad_(False)
