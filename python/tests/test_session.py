"""Sessions: steps, states, forks, batches, samplers."""

import concurrent.futures

import pytest

import atome

PROMPT = "And the king said unto "


def test_a_state_goes_to_another_session(model: atome.Model) -> None:
    session = model.session()
    session.prefill(PROMPT)
    state = session.save()
    expected = session.logits()
    session.prefill("him")
    after = session.logits()
    assert after != expected
    session.restore(state)
    assert (session.position, session.logits()) == (len(PROMPT), expected)
    other = atome.Model.default(backend="interp").session()
    other.restore(state)
    other.prefill("him")
    assert other.logits() == after
    session.reset()
    assert session.position == 0 and not any(session.logits())


def test_a_fork_goes_its_own_way(model: atome.Model) -> None:
    session = model.session()
    session.prefill(PROMPT)
    fork = session.fork()
    assert fork.model is model and fork.logits() == session.logits()
    session.step(ord("a"))
    assert fork.position == len(PROMPT) and fork.logits() != session.logits()


def test_a_batch_is_steps_of_each(model: atome.Model) -> None:
    texts = ["And ", "The king", "In the beginning ", "x"]
    alone = [model.logits(text + "abcd"[i]) for i, text in enumerate(texts)]
    sessions = [model.session() for _ in texts]
    for session, text in zip(sessions, texts):
        session.prefill(text)
    model.step_batch(sessions, list(b"abcd"))
    assert [session.logits() for session in sessions] == alone
    model.step_batch([], [])


def test_batches_of_the_same_sessions_wait_for_each_other(model: atome.Model) -> None:
    sessions = [model.session() for _ in range(4)]

    def steps(order: list) -> None:
        for _ in range(200):
            model.step_batch([sessions[i] for i in order], [65] * 4)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(steps, [0, 1, 2, 3]), pool.submit(steps, [3, 1, 0, 2])]:
            future.result(timeout=60)
    assert [session.position for session in sessions] == [400] * 4
    assert all(session.logits() == sessions[0].logits() for session in sessions)


def test_a_sampler_says_what_generate_does(model: atome.Model) -> None:
    settings = {"seed": 5, "temperature": 0.9, "repetition_penalty": 1.2, "top_k": 30}
    sampler = atome.Sampler(model, **settings)
    for _ in range(2):
        session = model.session()
        session.prefill(PROMPT)
        sampler.saw(model.tokenize(PROMPT))
        tokens = []
        for _ in range(40):
            tokens.append(sampler.sample(session))
            session.step(tokens[-1])
        assert model.detokenize(tokens) == model.generate(PROMPT, n=40, **settings)
        sampler.restart()


def test_states_have_names(model: atome.Model) -> None:
    session = model.session()
    session.prefill(PROMPT)
    states = session.states()
    assert states and all(state.format == "f" for state in states.values())
    assert any(any(state) for state in states.values())


@pytest.mark.parametrize("prompt", ["", [], b""])
def test_an_empty_prompt_is_refused(model: atome.Model, prompt: object) -> None:
    session = model.session()
    for call in (session.prefill, model.logits, model.generate):
        with pytest.raises(atome.RunError, match="the prompt is empty"):
            call(prompt)
