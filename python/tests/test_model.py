"""Models: text, tokens, logits, classes, threads, processes."""

import concurrent.futures
import pathlib
import pickle
import subprocess
import sys

import pytest

import atome
from conftest import FILE

PROMPT = "And the king said unto "


def test_a_seed_gives_a_text(model: atome.Model) -> None:
    text = model.generate(PROMPT, n=60, seed=7)
    assert len(text.encode()) == 60
    assert text == model.generate(PROMPT.encode(), n=60, seed=7)
    assert text == "".join(model.stream(PROMPT, n=60, seed=7))
    assert text != model.generate(PROMPT, n=60, seed=8)
    assert text == atome.Model.default().generate(PROMPT, n=60, seed=7)
    assert text == atome.Model.from_bytes(FILE.read_bytes(), threads=2).generate(PROMPT, n=60, seed=7)


def test_ids_after_ids(model: atome.Model) -> None:
    ids = model.tokenize(PROMPT)
    assert ids == list(PROMPT.encode())
    following = model.generate(ids, n=20, greedy=True)
    assert following == list(model.stream(iter(ids), n=20, greedy=True))
    assert model.detokenize(following) == model.generate(PROMPT, n=20, greedy=True)
    assert model.generate(ids, n=0) == []


def test_stop_ends_a_text_before(model: atome.Model) -> None:
    whole = model.generate(PROMPT, n=60, greedy=True)
    stop = whole[20:23]
    assert model.generate(PROMPT, n=60, greedy=True, stop=stop) == whole[: whole.index(stop)]
    assert model.generate(PROMPT, n=60, greedy=True, stop=["never", stop]) == whole[: whole.index(stop)]
    banned = model.generate(PROMPT, n=60, greedy=True, logit_bias={ord(" "): float("-inf")})
    assert " " not in banned


def test_logits_are_those_of_a_session(model: atome.Model) -> None:
    logits = model.logits(PROMPT)
    assert logits.format == "f" and logits.shape == (256,) and logits.readonly
    session = model.session()
    for token in model.tokenize(PROMPT):
        session.step(token)
    assert session.logits() == logits
    assert session.argmax() == max(range(256), key=logits.__getitem__)


def test_numpy_copies_nothing(model: atome.Model) -> None:
    numpy = pytest.importorskip("numpy")
    logits = model.logits(PROMPT)
    found = numpy.asarray(logits)
    assert found.dtype == numpy.float32 and not found.flags.owndata
    assert model.generate(numpy.frombuffer(PROMPT.encode(), numpy.uint8), n=3, seed=1)


def test_eight_threads_say_what_one_does(model: atome.Model) -> None:
    alone = [model.generate(PROMPT, n=80, seed=seed) for seed in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: model.generate(PROMPT, n=80, seed=seed), range(16)))
    assert together == alone


def test_other_threads_run_while_a_model_works() -> None:
    # Eight long texts at once on one thread each: all of them are on their way when the first ends.
    model = atome.Model(FILE, threads=1)
    streams = [model.stream(PROMPT, n=2_000, ignore_eos=True) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(lambda stream=stream: sum(len(piece) for piece in stream)) for stream in streams]
        counted = 0
        while not any(future.done() for future in running):
            counted += 1
    assert counted > 100
    assert all(future.result() for future in running)


@pytest.mark.parametrize("options", [{}, {"backend": "interp", "threads": 2, "sessions": 3}])
def test_a_model_is_pickled_by_its_path_and_options(options: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.chdir(FILE.parent)
    model = atome.Model(FILE.name, **options)
    bytes_ = pickle.dumps(model)
    assert len(bytes_) < 1000
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(bytes_)
    assert (again.path, again.options) == (FILE, options)
    assert again.logits(PROMPT) == model.logits(PROMPT)
    assert pickle.loads(pickle.dumps(atome.Model.default())).path is None


def test_what_is_said_of_a_model(model: atome.Model) -> None:
    assert (model.vocab, model.classes, model.ends) == (256, None, [])
    assert model.info["parameters"] > 100_000
    assert model.graph.startswith("graph ")
    assert "parameters" in repr(model)
    assert len(model.fingerprint) == 16


def test_an_import_is_quick() -> None:
    # Of this process alone: others may keep it waiting. The best of several.
    code = "import time; start = time.process_time(); import atome; print(time.process_time() - start)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    assert min(times) < 0.1, times


def test_every_option_is_taken() -> None:
    options = {"backend": "jit", "cpu": None, "threads": 1, "sessions": 2, "block": 8, "no_multiply": True, "fuse": False, "tune": False, "huge_pages": False}
    model = atome.Model(FILE, **options)
    assert model.logits(PROMPT) == atome.Model(FILE).logits(PROMPT)
    first, second = model.session(), model.session()
    with pytest.raises(atome.RunError, match="no free session: all 2 are in use"):
        model.session()
    del first
    assert model.session() is not second
