"""Reading GGUF headers, refusing what cannot be served, and the Q8_0 copy."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, quants

from stet.core.errors import Halted, ModelError
from stet.models.fetch import Progress
from stet.models.prepare import needs_preparing, read_header, requantise
from tests.support.tiny_model import write_tiny_model
from tests.unit.models.sources import sha256, write_quantised

Q4_1, Q8_0 = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0


def quiet(step: Progress) -> None:
    pass


def never() -> bool:
    return False


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    whole = read_header(write_tiny_model(tmp_path / "f32.gguf"))
    assert (whole.architecture, whole.quantisations) == ("llama", frozenset({"F32"}))
    assert not needs_preparing(whole)
    assert needs_preparing(read_header(write_quantised(tmp_path / "q4.gguf", Q4_1)))
    assert not needs_preparing(read_header(write_quantised(tmp_path / "q8.gguf", Q8_0)))


def test_a_copy_has_the_same_words_and_nearly_the_same_weights(tmp_path: Path) -> None:
    source = write_quantised(tmp_path / "q4.gguf", Q4_1)
    steps: list[float] = []
    requantise(source, tmp_path / "q8.gguf", lambda step: steps.append(step.fraction), never)
    before, after = GGUFReader(source), GGUFReader(tmp_path / "q8.gguf")
    assert steps == sorted(steps) and steps[0] >= 0.9 and steps[-1] < 1.0

    def facts(reader: GGUFReader) -> dict[str, object]:
        left_out = ("GGUF.", "general.file_type")
        return {name: field.contents() for name, field in reader.fields.items() if not name.startswith(left_out)}

    assert facts(after) == facts(before)
    assert after.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q8_0
    assert [tensor.name for tensor in after.tensors] == [tensor.name for tensor in before.tensors]
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert list(new.shape) == list(old.shape)
        if len(old.shape) == 1:
            assert np.array_equal(new.data, old.data)
            continue
        assert new.tensor_type == Q8_0
        wanted = quants.dequantize(old.data, old.tensor_type)
        # Q8_0 rounds each block of 32 to 127 steps of its largest weight, kept as a half: half a step, and 2^-11 of it.
        step = np.abs(wanted).reshape(-1, 32).max(axis=1, keepdims=True) / 127
        off = np.abs(quants.dequantize(new.data, Q8_0) - wanted).reshape(-1, 32)
        assert np.all(off <= step * (0.5 + 127 / 2048) + 1e-9)


def test_the_same_file_gives_the_same_copy(tmp_path: Path) -> None:
    source = write_quantised(tmp_path / "q4.gguf", Q4_1)
    for name in ("one.gguf", "two.gguf"):
        requantise(source, tmp_path / name, quiet, never)
    assert sha256(tmp_path / "one.gguf") == sha256(tmp_path / "two.gguf")
    read_header(tmp_path / "one.gguf")


def test_a_halt_stops_within_a_matrix(tmp_path: Path) -> None:
    source = write_quantised(tmp_path / "q4.gguf", Q4_1)
    steps: list[Progress] = []
    with pytest.raises(Halted):
        requantise(source, tmp_path / "q8.gguf", steps.append, lambda: len(steps) == 3)
    assert len(steps) == 3


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = write_quantised(tmp_path / "q4.gguf", Q4_1).read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in [*range(64), *range(64, len(whole), 997), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"cut\.gguf is damaged.*stet models fetch"):
            read_header(cut)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"GGUF" + b"\xff" * 60, b"\x00" * 4096])
def test_what_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(ModelError, match="damaged or no GGUF"):
        read_header(tmp_path / "x.gguf")


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(str(tmp_path / "x.gguf"), "rwkv6")
    writer.add_tensor("w", np.ones((2, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="'rwkv6'"):
        read_header(tmp_path / "x.gguf")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        read_header(tmp_path / "x.gguf")


def test_weights_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(str(tmp_path / "x.gguf"), "llama")
    writer.add_tensor("w.weight", np.zeros((2, 136), dtype=np.uint8), raw_dtype=GGMLQuantizationType.IQ4_XS)
    writer.add_tensor("v.weight", np.zeros((4, 256), dtype=np.int8))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match=r"I8 weights.*Q8_0 or F16"):
        requantise(tmp_path / "x.gguf", tmp_path / "y.gguf", quiet, never)
