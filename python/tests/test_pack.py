"""Weights to models."""

import array
import pathlib
import struct

import pytest

import atome
from atome.weights import encode
from conftest import FILE, GRAPH, gated_weights, matrix


def test_a_graph_and_arrays_are_a_model(gated: pathlib.Path) -> None:
    model = atome.Model(gated)
    assert model.graph.startswith("graph gated {")
    assert len(model.generate([1, 2, 3], n=10, greedy=True)) == 10
    # The same from a safetensors file of the same weights, by its path and by its bytes.
    bytes_ = encode(gated_weights())
    file = gated.with_name("floats.safetensors")
    file.write_bytes(bytes_)
    for source, graph in ((file, GRAPH), (str(file), GRAPH), (bytes_, GRAPH), (bytes_, model.graph)):
        again = gated.with_name("again.safetensors")
        report = atome.pack(source, again, graph=graph)
        assert again.read_bytes() == gated.read_bytes()
        assert report["bytes"] == gated.stat().st_size
        assert 0.4 < report["tensors"]["layers.0.gate"]["error"] < 0.6
        assert report["tensors"]["norm_f"] == {"dtype": "F32", "error": None}


def test_numbers_of_every_type_are_the_same_model(gated: pathlib.Path, tmp_path: pathlib.Path) -> None:
    numpy = pytest.importorskip("numpy")
    floats = {name: numpy.asarray(array_) for name, array_ in gated_weights().items()}
    strided = {name: numpy.asfortranarray(array_) for name, array_ in floats.items()}
    for i, weights in enumerate((floats, strided, {name: array_.astype("f8") for name, array_ in floats.items()})):
        out = tmp_path / f"{i}.safetensors"
        atome.pack(weights, out, graph=GRAPH)
        assert out.read_bytes() == gated.read_bytes()
    halves = {name: array_.astype("f2") for name, array_ in floats.items()}
    report = atome.pack(halves, tmp_path / "halves.safetensors", graph=GRAPH)
    assert {tensor["dtype"] for tensor in report["tensors"].values()} == {"F16"}
    trits = {name: numpy.sign(array_).astype("i1") if array_.ndim == 2 else array_ for name, array_ in floats.items()}
    report = atome.pack(trits, tmp_path / "trits.safetensors", graph=GRAPH, scale="exact")
    assert {tensor["error"] for tensor in report["tensors"].values()} == {None, 0.0}


def test_a_model_goes_to_gguf_and_back(tmp_path: pathlib.Path) -> None:
    gguf, back = tmp_path / "model.gguf", tmp_path / "back.safetensors"
    atome.pack(FILE, gguf)
    atome.pack(gguf, back, packing="int2")
    expected = atome.Model(FILE).logits("The")
    assert atome.Model(gguf).logits("The") == expected == atome.Model(back).logits("The")


def test_a_file_of_somebody_else_stays(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out.safetensors"
    out.write_text("mine")
    with pytest.raises(atome.FileError, match="is there already and `atome pack` did not write it"):
        atome.pack(FILE, out)
    assert out.read_text() == "mine"
    atome.pack(FILE, out, force=True)
    atome.pack(FILE, out)
    with pytest.raises(atome.FileError, match="is the same file"):
        atome.pack(out, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out.safetensors"]


def test_trits_of_a_matrix() -> None:
    trits, scale = atome.quantize(memoryview(array.array("f", [1.0, -0.5, 0.0, 0.5])).cast("B").cast("f", (2, 2)))
    assert (trits.tolist(), trits.format, scale) == ([[1, -1], [0, 1]], "b", 0.5)
    rows = atome.quantize(matrix(3, 5, 1), scale=0.25)
    assert rows.scale == 0.25 and rows.trits.shape == (3, 5)
    assert all(trit in (-1, 0, 1) for row in rows.trits.tolist() for trit in row)


def test_weights_that_are_none_are_told(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out.safetensors"
    weights = gated_weights()
    ones = array.array("f", [1.0] * 128)
    for change, message in [
        ({"norm_f": None}, "`norm_f`: expected an array of numbers, found NoneType"),
        ({"norm_f": array.array("f", [1.0] * 127 + [float("nan")])}, "`norm_f`: expected finite numbers, found NaN at byte .* .element 127."),
        ({"norm_f": array.array("f", [1.0])}, "`norm_f`.*expected"),
        ({"more": ones}, "`more`"),
        ({"norm_f": array.array("d", [1e300] * 128)}, "`norm_f`: expected finite numbers, found inf"),
        ({"norm_f": memoryview(b"c" * 128).cast("c")}, "`norm_f`: expected an array of floats or whole numbers, found the format 'c'"),
        ({3: ones}, "expected names of tensors, found 3"),
    ]:
        with pytest.raises(atome.Error, match=message) as raised:
            atome.pack({**weights, **change}, out, graph=GRAPH)
        assert "\n" not in str(raised.value)
    del weights["norm_f"]
    with pytest.raises(atome.FileError, match="norm_f"):
        atome.pack(weights, out, graph=GRAPH)
    assert not out.exists()


def test_wrong_requests_are_told(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out.safetensors"
    with pytest.raises(atome.FileError, match="`graph`: line 1, column 7: expected"):
        atome.pack(gated_weights(), out, graph="graph {")
    with pytest.raises(atome.ArgumentError, match="ends in .safetensors or .gguf"):
        atome.pack(FILE, tmp_path / "out.bin")
    with pytest.raises(atome.ArgumentError, match="`embedding`: expected int2 or base3"):
        atome.pack(FILE, out, embedding="f16")
    with pytest.raises(atome.ArgumentError, match="found an array of shape 3"):
        atome.quantize(array.array("f", [1, 2, 3]))
    with pytest.raises(atome.ArgumentError, match="expected finite numbers, found inf at 1"):
        atome.quantize(memoryview(struct.pack("2f", 0, float("inf"))).cast("f", (1, 2)))
    with pytest.raises(atome.ArgumentError, match="`scale` is 0, expected a finite number above 0"):
        atome.quantize(matrix(2, 2, 1), scale=0.0)
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_other_types_are_quantized() -> None:
    numpy = pytest.importorskip("numpy")
    for kind in ["float16", "float32", "float64", "int8"]:
        trits, scale = atome.quantize(numpy.array([[1, -1, 0], [1, 1, -1]], kind), 1.0)
        assert (trits.tolist(), scale) == ([[1, -1, 0], [1, 1, -1]], 1.0)
