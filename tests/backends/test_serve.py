"""A pool served over HTTP: a real server process, OpenAI's own client, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

openai = pytest.importorskip("openai")
pytest.importorskip("fastapi")

from serve_process import KEY, Server  # noqa: E402

from muxcast.backends.chat_request import read_chat_request  # noqa: E402
from muxcast.backends.engine import Completion, Sample  # noqa: E402
from muxcast.backends.fanout import Fanout  # noqa: E402
from muxcast.backends.pool import ModelSpec, Pool  # noqa: E402
from muxcast.backends.tasks import task_named  # noqa: E402
from muxcast.simulate.errors import BadInput  # noqa: E402

QUESTIONS = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def facts(folder):
    path = folder / "facts.jsonl"
    lines = [json.dumps({"question": f"What is {i} plus {i}?", "answer": str(2 * i)}) for i in range(QUESTIONS)]
    path.write_text("\n".join(lines))
    return f"{path}?style=chat"


@pytest.fixture(scope="module")
def server(folder, facts):
    pool = folder / "pool.toml"
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
    pool.write_text(
        '[[model]]\nname = "sure"\nengine = "simulated"\noptions = { accuracy = 0.999, blank = 0.0, delay_s = 0.02 }\n'
        '[[model]]\nname = "weak"\nengine = "simulated"\noptions = { accuracy = 0.4 }\n'
        '[[model]]\nname = "gone"\nengine = "server"\nmodel = "m"\n'
        f'options = {{ base_url = "http://127.0.0.1:{dead.getsockname()[1]}/v1" }}\n'
    )
    running = Server(
        folder, pool, "--task", facts, "--questions", str(QUESTIONS), "--samples", "4", "--api-key-env",
        "MUXCAST_TEST_KEY", "--max-body", "100000", "--body-timeout", "1", "--concurrency", "8", "--queue", "400",
    )  # fmt: skip
    yield running
    dead.close()
    assert running.stop() in (0, -signal.SIGTERM)
    assert KEY not in running.said_at_last


@pytest.fixture(scope="module")
def questions(facts):
    return task_named(facts).questions(QUESTIONS)


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=120) as opened:
        yield opened


def messages(question):
    return [turn._asdict() for turn in question.prompt]


def test_the_winner_comes_back_with_votes_and_what_failed(client, questions):
    reply = client.chat.completions.create(model="muxcast", messages=messages(questions[0]), seed=1)
    mux = reply.model_extra["muxcast"]
    assert reply.choices[0].message.content == mux["answer"] == questions[0].reference
    assert mux["model"] == "sure" and mux["confidence"] == 1.0 and mux["decided"]
    assert mux["missing"] == ["gone"] and "gone" in mux["errors"]
    assert [one["model"] for one in mux["votes"]] == ["sure", "weak", "gone"]
    used = mux["usage"]
    assert reply.usage.completion_tokens == sum(one["completion_tokens"] for one in used.values())
    again = client.chat.completions.create(model="muxcast", messages=messages(questions[0]), seed=1)
    assert again.model_extra["muxcast"]["votes"][:2] == mux["votes"][:2]


def test_a_stream_carries_the_same_answer(client, questions):
    pieces, last, usage = [], None, None
    with client.chat.completions.create(
        model="muxcast", messages=messages(questions[1]), stream=True, stream_options={"include_usage": True}
    ) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                pieces.append(choice.delta.content or "")
                last = chunk if choice.finish_reason else last
    assert "".join(pieces) == questions[1].reference
    assert last.model_extra["muxcast"]["answer"] == questions[1].reference
    assert usage.total_tokens > 0


def test_models_health_and_metrics(client, server):
    (card,) = client.models.list().data
    assert card.id == "muxcast" == client.models.retrieve("muxcast").id
    with pytest.raises(openai.NotFoundError, match="the pool is called 'muxcast'"):
        client.models.retrieve("org/other")
    health = httpx.get(f"{server.url}/health").json()
    assert set(health["models"]) == {"sure", "weak", "gone"}
    text = httpx.get(f"{server.url}/metrics", headers={"authorization": f"Bearer {KEY}"}).text
    assert "muxcast_answers_total" in text and KEY not in text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"messages": []}', 400),
        (b'{"messages": [{"role": "user", "content": ""}]}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "n": 2}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "temperature": 9}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "presence_penalty": 1}', 400),
        (b'{"messages": [{"role": "user", "content": "a"}], "muxcast": {"answers": ["x"]}}', 400),
        (rb'{"messages": [{"role": "user", "content": "\ud800"}]}', 400),
        (b'{"model": "other", "messages": [{"role": "user", "content": "a"}]}', 404),
        (b" " * 200_000, 413),
    ],
)
def test_bad_requests_are_refused_in_the_form_clients_read(server, body, status):
    answer = httpx.post(
        f"{server.url}/v1/chat/completions", content=body, headers={"authorization": f"Bearer {KEY}"}, timeout=60
    )
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("key", [None, "wrong", KEY + "x"])
def test_no_key_and_a_wrong_key_are_refused(server, key):
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{server.url}/v1/chat/completions", json={}, headers=headers)
    assert answer.status_code == 401
    assert KEY not in answer.text


def test_ten_megabytes_without_a_length_are_cut_off(server):
    def endless():
        for _ in range(160):
            yield b" " * 65536

    try:
        answer = httpx.post(
            f"{server.url}/v1/chat/completions", content=endless(), headers={"authorization": f"Bearer {KEY}"}
        )
    except httpx.TransportError:
        return  # the connection was closed while we were still sending
    assert answer.status_code == 413


def test_a_slow_client_is_not_waited_for(server):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as slow:
        head = ["POST /v1/chat/completions HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", "Content-Length: 50"]
        slow.sendall("\r\n".join([*head, "", '{"mess']).encode())
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("start", [b"", b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_client_that_never_ends_its_headers_is_not_waited_for(server, start):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as slow:
        slow.sendall(start)
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")


def test_no_path_and_no_method_are_errors_of_the_same_form(server):
    headers = {"authorization": f"Bearer {KEY}"}
    assert httpx.get(f"{server.url}/v1/nothing", headers=headers).json()["error"]
    assert httpx.get(f"{server.url}/v1/chat/completions", headers=headers).status_code == 405


def test_concurrent_questions_get_their_own_answers(server, questions):
    asked = [questions[number % QUESTIONS] for number in range(90)]

    async def ask_all():
        limits = httpx.Limits(max_connections=90)
        async with httpx.AsyncClient(limits=limits, timeout=120) as session:
            headers = {"authorization": f"Bearer {KEY}"}
            url = f"{server.url}/v1/chat/completions"
            return await asyncio.gather(
                *[session.post(url, json={"messages": messages(one)}, headers=headers) for one in asked]
            )

    replies = asyncio.run(ask_all())
    for question, reply in zip(asked, replies, strict=True):
        assert reply.status_code in (200, 429)
        if reply.status_code == 200:
            mux = reply.json()["muxcast"]
            sure = next(one for one in mux["votes"] if one["model"] == "sure")
            assert sure["votes"].get(question.reference, 0) == sure["samples"]
    assert sum(reply.status_code == 200 for reply in replies) >= 80


def test_all_models_down_is_503_and_shutdown_waits_for_answers(folder, facts, questions):
    pool = folder / "slow.toml"
    pool.write_text('[[model]]\nname = "slow"\nengine = "simulated"\noptions = { delay_s = 1.5, accuracy = 0.99 }\n')
    running = Server(folder, pool, "--task", facts, "--questions", str(QUESTIONS), "--samples", "2")
    url = f"{running.url}/v1/chat/completions"
    unknown = httpx.post(url, json={"messages": [{"role": "user", "content": "?"}]}, timeout=60)
    assert unknown.status_code == 503 and unknown.json()["error"]["code"] == "pool_unavailable"
    with ThreadPoolExecutor(1) as pool_of_one:
        last = pool_of_one.submit(httpx.post, url, json={"messages": messages(questions[0])}, timeout=60)
        time.sleep(0.7)
        assert running.stop() in (0, -signal.SIGTERM)
        assert last.result().status_code == 200


def test_without_a_queue_free_places_are_still_used(folder, facts, questions):
    pool = folder / "one.toml"
    pool.write_text('[[model]]\nname = "one"\nengine = "simulated"\noptions = { delay_s = 0.5 }\n')
    limits = ["--concurrency", "1", "--queue", "0"]
    running = Server(folder, pool, "--task", facts, "--questions", str(QUESTIONS), "--samples", "2", *limits)
    url, body = f"{running.url}/v1/chat/completions", {"messages": messages(questions[0])}
    with ThreadPoolExecutor(3) as clients:
        replies = list(clients.map(lambda _: httpx.post(url, json=body, timeout=60), range(3)))
    assert sorted(reply.status_code for reply in replies) == [200, 429, 429]
    assert all(reply.headers.get("retry-after") for reply in replies if reply.status_code == 429)
    assert running.stop() in (0, -signal.SIGTERM)


def test_an_engine_in_this_process_is_never_used_by_two_questions_at_once():
    """A question that gave up waiting leaves the engine busy; the next one has to wait for it."""
    inside, most = 0, 0

    class Slow:
        def generate(self, requests, sampling):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            time.sleep(0.4)
            inside -= 1
            yield 0, Completion([Sample(0, "x", "stop", 1, 0)], 1, 0.4)

        def close(self):
            pass

    class Loaded(ModelSpec):
        def open(self, questions=()):
            return Slow()

    async def ask_twice():
        fanout = Fanout(Pool((Loaded("slow", "vllm", "m"),)), timeout_s=0.6)
        replies = await asyncio.gather(*[fanout.ask("Q", 1, 0, str(number)) for number in range(4)])
        await fanout.close()
        return [reply["slow"] for reply in replies]

    replies = asyncio.run(ask_twice())
    assert most == 1
    assert [bool(reply.samples) for reply in replies] == [True, False, False, False]
    assert all("no answer within" in reply.error for reply in replies[1:])


def test_a_request_is_read_whole():
    body = {
        "messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
                     {"role": "user", "content": "Hi"}],
        "temperature": 0.5, "max_completion_tokens": 7, "max_tokens": 9, "stop": "\n", "seed": 3,
        "muxcast": {"samples": 2, "answers": "number"}, "user": "ignored",
    }  # fmt: skip
    asked = read_chat_request(json.dumps(body).encode(), "muxcast", 8)
    assert [turn.role for turn in asked.messages] == ["system", "user"]
    assert asked.changes == {"temperature": 0.5, "max_tokens": 7, "stop": ("\n",)}
    assert (asked.samples, asked.answers, asked.seed, asked.stream) == (2, "number", 3, False)
    with pytest.raises(BadInput, match=r"muxcast\.samples"):
        read_chat_request(json.dumps({**body, "muxcast": {"samples": 9}}).encode(), "muxcast", 8)
