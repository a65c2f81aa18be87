"""The model file's tokenizer, cut exactly as llama.cpp cuts: what is learned must be the tokens that are served.

transformers' GGUF reader leaves out the pre-tokenizer that `tokenizer.ggml.pre` names, so numbers come out in other
tokens than the engine's; the known ones are built here. Text that looks like a special token is plain text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from stet.core.errors import ModelError

CACHE_NAME = "tokenizer.json"

_USER_DEFINED = 4  # llama.cpp's token type that is matched in plain text too; control tokens (3) are not
_LETTERS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}DIGITS",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+|\s+(?!\S)|\s+",
    )
)
# `tokenizer.ggml.pre` → the patterns that llama.cpp splits by, one after the other (llama-vocab.cpp).
_PATTERNS = {
    "gpt-2": (_LETTERS,),
    "smollm": (r"\p{N}", _LETTERS),
    "llama-bpe": (_LLAMA3.replace("DIGITS", "{1,3}"),),
    "qwen2": (_LLAMA3.replace("DIGITS", ""),),
}


def load_tokenizer(model: Path, cache: Path | None = None) -> Tokenizer:
    """The tokenizer of the GGUF file `model`; kept in the folder `cache`, where it is read from the next time.

    Use `encode(text, add_special_tokens=False)`. Raises ModelError when the file has none that can be used.
    """
    kept = cache / CACHE_NAME if cache else None
    if kept is not None and kept.is_file():
        tokenizer = Tokenizer.from_file(str(kept))
    else:
        tokenizer = _read(model)
        if kept is not None:
            _keep(tokenizer, kept)
    tokenizer.encode_special_tokens = True
    return tokenizer


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """Tokens of a prompt that a completion follows.

    A prompt that ends in a line end is cut as though a word followed. GPT-2's rule keeps the last of several line ends
    for itself where text follows and joins it to the others where none does; at the start of a paragraph the joined
    token made the default model's first word cost 14.2 nats instead of 5.3.
    """
    if not prompt.endswith("\n"):
        ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False).ids
        return ids
    followed: list[int] = tokenizer.encode(prompt + "a", add_special_tokens=False).ids
    return followed[:-1]


def begin_tokens(model: Path) -> tuple[int, ...]:
    """The tokens that the engine puts before every prompt: the begin-of-text token where the file asks for it."""
    reader = gguf.GGUFReader(str(model))
    wanted = reader.get_field("tokenizer.ggml.add_bos_token")
    begin = reader.get_field("tokenizer.ggml.bos_token_id")
    if begin is None:
        return ()
    # llama.cpp's defaults where the field is missing: sentencepiece-like vocabularies begin with it, BPE ones do not.
    kind = _contents(reader, "tokenizer.ggml.model")
    return (int(begin.contents()),) if (bool(wanted.contents()) if wanted else kind == "llama") else ()


def _read(model: Path) -> Tokenizer:
    reader = gguf.GGUFReader(str(model))
    kind, pre = _contents(reader, "tokenizer.ggml.model"), _contents(reader, "tokenizer.ggml.pre")
    if kind == "gpt2" and pre in _PATTERNS:
        return _byte_level(reader, str(pre))
    from transformers import AutoTokenizer

    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name).backend_tokenizer
    except (KeyError, ValueError, AttributeError, NotImplementedError) as error:
        raise ModelError(
            f"the tokenizer of {model.name} ({kind}, {pre}) cannot be used for training: {error}; "
            "pick another model with the setting stet.model.name"
        ) from error
    return tokenizer


def _byte_level(reader: gguf.GGUFReader, pre: str) -> Tokenizer:
    tokens: Sequence[str] = reader.fields["tokenizer.ggml.tokens"].contents()
    types = _contents(reader, "tokenizer.ggml.token_type") or []
    merges: Sequence[str] = _contents(reader, "tokenizer.ggml.merges") or []
    vocabulary = {token: index for index, token in enumerate(tokens)}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    # Llama 3's own rule: a piece that is a token as it stands is not built up from merges.
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, fuse_unk=False, ignore_merges=pre == "llama-bpe"))
    split = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in _PATTERNS[pre]]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [*split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    plain = [tokens[index] for index, kind in enumerate(types) if kind == _USER_DEFINED]
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in plain])
    return tokenizer


def _keep(tokenizer: Tokenizer, path: Path) -> None:
    if not os.access(path.parent, os.W_OK):
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    tokenizer.save(str(temporary), pretty=False)
    temporary.replace(path)


def _contents(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    return field.contents() if field else None
