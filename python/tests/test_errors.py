"""What goes wrong is one line, the same as the command's, and an exception of its kind."""

import os
import pathlib
import pickle
import subprocess

import pytest

import atome
from conftest import FILE


def test_kinds_of_errors() -> None:
    kinds = [atome.ArgumentError, atome.FileError, atome.PrepareError, atome.RunError, atome.TokenizerError]
    assert all(issubclass(kind, atome.Error) for kind in kinds)
    assert issubclass(atome.ArgumentError, ValueError)
    error = pickle.loads(pickle.dumps(atome.FileError("one line")))
    assert (type(error), str(error)) == (atome.FileError, "one line")
    assert atome.FileError.__module__ == "atome"


def damaged(folder: pathlib.Path) -> list[pathlib.Path]:
    """Files that are no models, each in another way."""
    whole = FILE.read_bytes()
    contents = {
        "empty": b"",
        "cut": whole[:-1],
        "turned": whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
        "text": b"In the beginning",
        "long": b"\xff" * 8 + whole[8:],
        "two\nlines": b"GGUF\x03\0\0\0",
    }
    paths = []
    for name, data in contents.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return [*paths, folder / "none", folder]


def test_a_line_is_the_commands(tmp_path: pathlib.Path) -> None:
    command = os.environ.get("ATOME_COMMAND")
    for path in damaged(tmp_path):
        with pytest.raises(atome.FileError) as raised:
            atome.Model(path)
        line = str(raised.value)
        assert "\n" not in line and path.name.split("\n")[0] in line
        if command:
            said = subprocess.run([command, "run", path, "-p", "x"], capture_output=True, text=True)
            assert said.stderr == f"error: {line}\n"
    if not command:
        pytest.skip("not compared: ATOME_COMMAND names no command")


def test_requests_that_are_none(model: atome.Model) -> None:
    session = model.session()
    for call, kind, message in [
        (lambda: session.step(256), atome.RunError, "token 256 is out of range: the vocabulary has ids 0 to 255"),
        (lambda: session.step(-1), atome.ArgumentError, "expected token ids from 0 to 4294967295, found -1"),
        (lambda: session.prefill([1, "a"]), atome.ArgumentError, "expected token ids from 0 to 4294967295, found 'a'"),
        (lambda: session.prefill([1, 300]), atome.RunError, "token 300 is out of range"),
        (lambda: session.restore(b"state"), atome.RunError, "a session state of this model has"),
        (lambda: session.restore(b"x" * len(session.save())), atome.RunError, "not a session state"),
        (lambda: model.step_batch([session], [1, 2]), atome.RunError, "expected one token for each of 1 sessions, found 2"),
        (lambda: model.step_batch([session, session], [1, 2]), atome.ArgumentError, "found session 0 again as 1"),
        (lambda: model.step_batch([atome.Model.default().session()], [1]), atome.RunError, "session 0 of the batch belongs to another model"),
        (lambda: model.classify("x"), atome.RunError, "the model has no classifier head"),
        (lambda: model.generate("x", temperature=-1.0), atome.RunError, "expected a finite temperature of 0 or more, found -1"),
        (lambda: model.generate("x", n=-1), atome.ArgumentError, "`n` is -1, expected a whole number of 0 or more"),
        (lambda: model.generate("x", seed=-1), atome.ArgumentError, "`seed` is -1, expected a whole number from 0 to 2"),
        (lambda: model.generate("x", seed=2**64), atome.ArgumentError, "`seed` is 18446744073709551616, expected"),
        (lambda: model.generate("x", greedy=True, temperature=0.5), atome.ArgumentError, "`greedy` and `temperature`"),
        (lambda: model.detokenize([65, 300]), atome.ArgumentError, "token 300 is out of range: the vocabulary has ids 0 to 255"),
        (lambda: atome.Model(FILE, cache_type="f8"), atome.ArgumentError, "`cache_type`: "),
        (lambda: atome.Model(FILE, cache_type="f16"), atome.PrepareError, "expected no type of caches, found f16"),
        (lambda: atome.Model(FILE, activations="i9"), atome.ArgumentError, "`activations` is `i9`, expected `f32` or `int8`"),
        (lambda: atome.Model(""), atome.ArgumentError, "path ``: cannot make an empty path absolute"),
        (lambda: model.generate([1], stop="x"), atome.ArgumentError, "`stop` ends a text, the prompt is of token ids"),
        (lambda: model.generate("x", logit_bias={999: 1.0}), atome.RunError, "found 1 for token 999"),
        (lambda: model.tokenize([1]), atome.ArgumentError, "expected a text, found token ids"),
        (lambda: atome.Model(FILE, backend="gpu"), atome.ArgumentError, "`backend`: .*found `gpu`"),
        (lambda: atome.Model(FILE, threads=0), atome.ArgumentError, "`threads` is 0, expected a whole number of 1 or more"),
        (lambda: atome.Model(FILE, cpu="x86-64-v9"), atome.ArgumentError, "`cpu`: "),
        (lambda: atome.Model(FILE, threads=9999), atome.PrepareError, "threads"),
        (lambda: atome.Model.from_bytes(b"x"), atome.FileError, "expected the magic .*, found \"x\""),
    ]:
        with pytest.raises(kind, match=message) as raised:
            call()
        assert "\n" not in str(raised.value)
    assert session.position == 0


def test_keywords_that_are_none(model: atome.Model) -> None:
    for call, message in [
        (lambda: atome.Model(FILE, thread=1), "expected keywords of .*threads.*, found `thread`"),
        (lambda: model.generate("x", tokens=3), "expected keywords of .*, found `tokens`"),
        (lambda: atome.Sampler(model, n=3), "expected keywords of .*, found `n`"),
        (lambda: model.generate(3), "not iterable"),
        (lambda: atome.pack(5, "x.safetensors"), "^`weights`: expected arrays by name, a path, .*found <class 'int'>"),
        (lambda: model.generate("x", seed="y"), "'str' object cannot be interpreted as an integer"),
        (lambda: model.step_batch([1], [1]), "'int' object is not an instance of 'Session'"),
    ]:
        with pytest.raises(TypeError, match=message) as raised:
            call()
        assert "\n" not in str(raised.value)
