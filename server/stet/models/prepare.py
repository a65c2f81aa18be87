"""Reading a GGUF file's header, refusing what cannot be served, and making the Q8_0 copy that is.

Q4_1 prompts were measured to be read two to three times slower than Q8_0 ones, so such a model is requantised once.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from attrs import frozen

from stet.core.errors import Halted, ModelError
from stet.models.fetch import Halt, Progress, Report

ARCHITECTURES = ("llama",)
"""What both the engine serves and the trainer trains."""
SERVED_AS_IT_IS = frozenset({"F32", "F16", "BF16", "Q8_0"})


@frozen
class Header:
    """What a GGUF file says of itself."""

    architecture: str
    quantisations: frozenset[str]
    """Of the matrices."""


def read_header(path: Path) -> Header:
    """Header of a GGUF file. Raises ModelError when it is missing, no GGUF, cut short or of another architecture."""
    reader = _reader(path)
    end = max((int(tensor.data_offset) + int(tensor.n_bytes) for tensor in reader.tensors), default=0)
    if not reader.tensors or path.stat().st_size < end:
        raise ModelError(_damaged(path, f"it ends after {path.stat().st_size} of {end} bytes"))
    field = reader.fields.get("general.architecture")
    architecture = str(field.contents()) if field else ""
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"The model file {path} is of the architecture {architecture!r}; Stet serves and trains "
            f"{', '.join(ARCHITECTURES)}. `stet models list` shows models that fit."
        )
    return Header(
        architecture, frozenset(tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) > 1)
    )


def needs_preparing(header: Header) -> bool:
    """Whether a Q8_0 copy is to be made: any matrix is of a kind that is slow to serve."""
    return not header.quantisations <= SERVED_AS_IT_IS


def requantise(source: Path, target: Path, report: Report, halted: Halt) -> None:
    """Write `source` with every matrix as Q8_0 to `target`, tensor by tensor; the same input gives the same bytes.

    `target` must be a name nobody reads yet. Raises ModelError and Halted.
    """
    import gguf
    import numpy
    from gguf import GGMLQuantizationType, GGUFValueType, quants

    reader = _reader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            kind = field.types[0]
            writer.add_key_value(
                name, field.contents(), kind, sub_type=field.types[-1] if kind == GGUFValueType.ARRAY else None
            )
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    q8 = GGMLQuantizationType.Q8_0
    kinds = [_kind_after(tensor, q8) for tensor in reader.tensors]
    for tensor, kind in zip(reader.tensors, kinds, strict=True):
        shape = [int(size) for size in reversed(tensor.shape)]
        size = tensor.n_bytes if kind == tensor.tensor_type else _q8_bytes(shape)
        raw_shape = tensor.data.shape if kind == tensor.tensor_type else (*shape[:-1], shape[-1] // 32 * 34)
        dtype = tensor.data.dtype if kind == tensor.tensor_type else "uint8"
        writer.add_tensor_info(tensor.name, raw_shape, numpy.dtype(dtype), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, (tensor, kind) in enumerate(zip(reader.tensors, kinds, strict=True)):
        if halted():
            writer.close()
            raise Halted("Preparing the model was stopped; `stet models fetch` starts it again.")
        data = tensor.data
        if kind != tensor.tensor_type:
            try:
                data = quants.quantize(quants.dequantize(data, tensor.tensor_type), q8)
            except NotImplementedError as error:
                writer.close()
                raise ModelError(
                    f"The model file {source} holds {tensor.tensor_type.name} weights, which cannot be prepared; take "
                    "a file of kind Q8_0 or F16."
                ) from error
        writer.write_tensor_data(data)
        report(Progress(0.9 + 0.1 * number / len(reader.tensors), "preparing"))
    writer.close()


def _kind_after(tensor: Any, q8: Any) -> Any:
    fits = len(tensor.shape) > 1 and int(tensor.shape[0]) % 32 == 0
    return q8 if fits and tensor.tensor_type.name not in SERVED_AS_IT_IS else tensor.tensor_type


def _q8_bytes(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count // 32 * 34


def _reader(path: Path) -> Any:
    from gguf import GGUFReader

    if not path.is_file():
        raise ModelError(f"The model file {path} does not exist; `stet models fetch` fetches the default one.")
    try:
        return GGUFReader(path)
    except (ValueError, IndexError, KeyError, OverflowError, struct.error, OSError) as error:
        raise ModelError(_damaged(path, str(error) or type(error).__name__)) from error


def _damaged(path: Path, what: str) -> str:
    return f"The model file {path} is damaged or no GGUF file ({what}); run `stet models fetch --force`."
