"""Small real model files and wheels to fetch them from, made on the spot."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import gguf
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, quants

from stet.models.catalogue import ModelEntry, Wheel
from tests.support.tiny_model import write_tiny_model

NAME = "tiny-from-wheel"
MEMBER = "tiny_model_wheel/tiny.gguf"


def write_quantised(path: Path, kind: GGMLQuantizationType) -> Path:
    """The tiny model with its matrices as `kind`."""
    reader = GGUFReader(write_tiny_model(path.with_name(f"{path.name}.f32")))
    writer = gguf.GGUFWriter(str(path), "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            item = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=item)
    for tensor in reader.tensors:
        if len(tensor.shape) > 1:
            writer.add_tensor(tensor.name, quants.quantize(tensor.data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_wheel(folder: Path, model: Path) -> ModelEntry:
    """A wheel in `folder` that holds `model`, and its catalogue entry."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "tiny_model_wheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(model, MEMBER)
        about = "tiny_model_wheel-1.0.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-model-wheel\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    source = Wheel("tiny-model-wheel", "1.0", sha256(wheel), MEMBER, sha256(model), wheel.stat().st_size)
    return ModelEntry(NAME, source, "a tiny model", "none")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
