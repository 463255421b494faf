"""What the Python package `openai` gets of a server: with_openai.py URL KEYED_URL NARROW_URL

The second asks for the key `second`; the third has one place and no queue.
"""

import asyncio
import sys
import time
import urllib.request

import openai
from openai import AsyncOpenAI, OpenAI

OPEN, KEYED, NARROW = (f"{url}/v1" for url in sys.argv[1:4])
PROMPT = "In the beginning"
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who art thou?"}]
client = OpenAI(base_url=OPEN, api_key="none")


def refused(kind, ask):
    """The error of a request that has to fail so."""
    try:
        ask()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def metric(url, name):
    text = urllib.request.urlopen(url.removesuffix("/v1") + "/metrics").read().decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def wait_for(url, name, wanted):
    for _ in range(100):
        if metric(url, name) == wanted:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} is {metric(url, name)}")


def models():
    (model,) = client.models.list().data
    assert client.models.retrieve(model.id).id == model.id
    refused(openai.NotFoundError, lambda: client.models.retrieve("gpt-0"))


def completions():
    ask = dict(model="default", prompt=PROMPT, max_tokens=30, seed=7)
    whole = client.completions.create(**ask)
    assert whole.choices[0].finish_reason == "length" and whole.system_fingerprint
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (16, 30)
    text = whole.choices[0].text
    parts = list(client.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    assert "".join(part.choices[0].text for part in parts if part.choices) == text
    assert parts[-1].usage.completion_tokens == 30 and not parts[-1].choices
    stop = text[10:13]
    stopped = client.completions.create(**ask, stop=[stop])
    assert stopped.choices[0].text == text[: text.index(stop)]
    assert stopped.choices[0].finish_reason == "stop"
    ids = client.completions.create(**{**ask, "prompt": list(PROMPT.encode())})
    assert ids.choices[0].text == text
    several = client.completions.create(**{**ask, "prompt": [PROMPT, "And"]}, n=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2, 3]
    assert several.choices[0].text == text and several.choices[1].text != text
    told = client.completions.create(**ask, logprobs=3).choices[0].logprobs
    assert "".join(told.tokens) == text and len(told.token_logprobs) == 30
    assert all(len(top) == 3 for top in told.top_logprobs)
    assert told.text_offset == [sum(map(len, told.tokens[:i])) for i in range(30)]


def chats():
    ask = dict(model="default", messages=TALK, max_completion_tokens=40, seed=3)
    whole = client.chat.completions.create(**ask)
    text = whole.choices[0].message.content
    assert whole.choices[0].message.role == "assistant" and whole.usage.total_tokens > 40
    parts = list(client.chat.completions.create(**ask, stream=True))
    assert parts[0].choices[0].delta.role == "assistant"
    assert "".join(part.choices[0].delta.content or "" for part in parts) == text
    assert parts[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    with client.chat.completions.stream(**ask) as stream:
        stream.until_done()
        final = stream.current_completion_snapshot
    assert final.choices[0].message.content == text
    told = client.chat.completions.create(**ask, logprobs=True, top_logprobs=4).choices[0].logprobs.content
    assert bytes(byte for token in told for byte in token.bytes).decode("utf-8", "replace").startswith(text)
    assert all(len(token.top_logprobs) == 4 and token.logprob <= 0 for token in told)
    texts = ["", ""]
    for part in client.chat.completions.create(**ask, n=2, stream=True):
        texts[part.choices[0].index] += part.choices[0].delta.content or ""
    assert texts[0] == text
    both = client.chat.completions.create(**ask, n=2)
    assert [choice.message.content for choice in both.choices] == texts
    # The next turn goes on with what the client has.
    talk = [*TALK, both.choices[0].message, {"role": "user", "content": [{"type": "text", "text": "And then?"}]}]
    turn = client.chat.completions.create(**{**ask, "messages": talk})
    assert turn.usage.prompt_tokens > whole.usage.prompt_tokens
    assert turn.usage.prompt_tokens_details.cached_tokens > 0


def vectors():
    texts = [PROMPT, "And the king said"]
    both = client.embeddings.create(model="default", input=texts)
    one = client.embeddings.create(model="default", input=PROMPT, encoding_format="float")
    assert len(both.data) == 2 and both.usage.prompt_tokens == 33
    # The package asks for base64 where nothing is said.
    assert all(abs(a - b) < 1e-7 for a, b in zip(both.data[0].embedding, one.data[0].embedding, strict=True))
    assert abs(sum(x * x for x in one.data[0].embedding) - 1) < 1e-5


def errors():
    ask = dict(model="default", prompt=PROMPT, max_tokens=3)
    for more, param in [
        ({"n": 10**12}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"echo": True}, "echo"),
        ({"logit_bias": {"999": 1}}, "logit_bias"),
        ({"extra_body": {"unheard": 1}}, "unheard"),
    ]:
        error = refused(openai.BadRequestError, lambda: client.completions.create(**{**ask, **more}))
        assert param in str(error), error
    refused(openai.NotFoundError, lambda: client.completions.create(**{**ask, "model": "gpt-0"}))
    tools = [{"type": "function", "function": {"name": "f"}}]
    error = refused(
        openai.BadRequestError,
        lambda: client.chat.completions.create(model="default", messages=TALK, tools=tools),
    )
    assert "tools" in str(error)
    refused(openai.AuthenticationError, lambda: OpenAI(base_url=KEYED, api_key="wrong").models.list())
    assert OpenAI(base_url=KEYED, api_key="second").models.list().data
    impatient = OpenAI(base_url=OPEN, api_key="none", timeout=0.05, max_retries=0)
    refused(openai.APITimeoutError, lambda: impatient.completions.create(**{**ask, "max_tokens": 4096}, n=16))
    wait_for(OPEN, "atome_running", 0)


def disconnects():
    left = metric(OPEN, "atome_left_total")
    for _ in range(5):
        stream = client.chat.completions.create(
            model="default", messages=TALK, max_tokens=4096, stream=True, extra_body={"ignore_eos": True}
        )
        for _, _ in zip(range(3), stream):
            pass
        stream.close()
    wait_for(OPEN, "atome_running", 0)
    assert metric(OPEN, "atome_left_total") >= left + 5


def limits():
    narrow = OpenAI(base_url=NARROW, api_key="none", max_retries=0)
    ask = dict(model="default", prompt=PROMPT, extra_body={"ignore_eos": True})
    stream = narrow.completions.create(**ask, max_tokens=100_000, stream=True)
    next(iter(stream))
    error = refused(openai.RateLimitError, lambda: narrow.completions.create(**ask, max_tokens=2))
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    stream.close()
    # The package waits as long as it is told to, and asks again.
    patient = OpenAI(base_url=NARROW, api_key="none", max_retries=5)
    assert patient.completions.create(**ask, max_tokens=2).usage.completion_tokens == 2


async def together():
    many = AsyncOpenAI(base_url=OPEN, api_key="none")

    async def one(seed):
        ask = dict(model="default", messages=TALK, max_tokens=40, seed=seed)
        stream = await many.chat.completions.create(**ask, stream=True)
        return "".join([part.choices[0].delta.content or "" async for part in stream])

    texts = await asyncio.gather(*(one(seed) for seed in range(32)))
    for seed in (0, 13, 31):
        ask = dict(model="default", messages=TALK, max_tokens=40, seed=seed)
        assert client.chat.completions.create(**ask).choices[0].message.content == texts[seed]


for check in (models, completions, chats, vectors, errors, disconnects, limits):
    check()
asyncio.run(together())
print(f"openai {openai.__version__}: all is well")
