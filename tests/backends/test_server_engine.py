"""The server engine against a real local server that misbehaves on purpose."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("openai")
pytest.importorskip("tenacity")

from muxcast.backends.engine import Request, Sampling
from muxcast.backends.server_engine import ServerEngine, ServerOptions
from muxcast.backends.tasks import Message
from muxcast.simulate.errors import BadInput

SAMPLING = Sampling(temperature=0.8, max_tokens=9, stop=("\n",))


class Handler(BaseHTTPRequestHandler):
    """Answers properly, or with the next fault of ``server.faults`` for this prompt."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chat = "messages" in body
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        with self.server.lock:
            self.server.seen.append({**body, "path": self.path, "key": self.headers["Authorization"]})
            self.server.tries[prompt] += 1
            faults = self.server.faults.get(prompt, [])
            fault = faults.pop(0) if faults else None
        n = body.get("n", 1)
        choices = [self.choice(i, f"{prompt} {body['seed'] + i if 'seed' in body else i}", chat) for i in range(n)]
        if callable(fault):
            fault(self, choices)
        elif fault is None:
            self.reply(choices)
        elif isinstance(fault, int):
            self.send(fault, json.dumps({"error": {"message": f"fault {fault} for {self.headers['Authorization']}"}}))

    def choice(self, index, text, chat):
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return {"index": index, "finish_reason": "stop", **said}

    def reply(self, choices):
        usage = {"prompt_tokens": 7, "completion_tokens": 5 * len(choices), "total_tokens": 0}
        kind = {"id": "1", "object": "text_completion", "created": 0, "model": "m"}
        self.send(200, json.dumps({**kind, "choices": choices, "usage": usage}))

    def send(self, status, text, length=None, **headers):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length or len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)
        if length:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


def retry_after(handler, choices):
    handler.send(429, '{"error": {"message": "slow down"}}', Retry_After="0.3")


def reset(handler, choices):
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_a_response(handler, choices):
    handler.send(200, '{"id": "1", "choices": [{"ind', length=900)


def invalid_json(handler, choices):
    handler.send(200, '{"id": "1", "choices": [{"index": 0, ')


def not_a_completion(handler, choices):
    handler.send(200, '"fine"')


def no_choices(handler, choices):
    handler.reply([])


def too_many(handler, choices):
    handler.reply([*choices, handler.choice(len(choices), "one more", "message" in choices[0])])


def all_numbered_zero(handler, choices):
    handler.reply([{**choice, "index": 0} for choice in choices])


def slow(handler, choices):
    time.sleep(1.2)
    handler.reply(choices)


def only_first(handler, choices):
    handler.reply(choices[:1])


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.faults, server.seen, server.tries, server.lock = {}, [], Counter(), threading.Lock()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def engine_for(server, **options):
    given = {"timeout_s": 5.0, "attempts": 4, "max_wait_s": 0.5, "concurrency": 4, **options}
    return ServerEngine("m", "org/m", ServerOptions(f"http://127.0.0.1:{server.server_address[1]}/v1", **given))


def draw(engine, *prompts, samples=range(4)):
    requests = [Request(prompt, samples, 1000 * (place + 1)) for place, prompt in enumerate(prompts)]
    found = dict(engine.generate(requests, SAMPLING))
    assert sorted(found) == list(range(len(prompts)))
    return [found[place] for place in range(len(prompts))]


def test_one_request_a_question_with_all_its_samples(server):
    prompts = [f"q{n}" for n in range(12)]
    for place, completion in enumerate(draw(engine_for(server), *prompts)):
        assert completion.error is None and completion.prompt_tokens == 7
        seeds = [1000 * (place + 1) + j for j in range(4)]
        assert [sample.seed for sample in completion.samples] == seeds
        assert [sample.text for sample in completion.samples] == [f"q{place} {seed}" for seed in seeds]
        assert [sample.completion_tokens for sample in completion.samples] == [5] * 4
    assert len(server.seen) == 12
    asked = server.seen[0]
    assert (asked["n"], asked["temperature"], asked["max_tokens"], asked["stop"]) == (4, 0.8, 9, ["\n"])


def test_a_chat_goes_to_the_chat_address(server):
    chat = (Message("system", "short"), Message("user", "hello"))
    assert draw(engine_for(server), chat)[0].samples[0].text == "hello 1000"
    assert server.seen[0]["path"] == "/v1/chat/completions"
    assert [turn["role"] for turn in server.seen[0]["messages"]] == ["system", "user"]


def test_resumed_samples_carry_their_own_seeds(server):
    completion = draw(engine_for(server), "q", samples=range(5, 8))[0]
    assert [(sample.index, sample.text) for sample in completion.samples] == [(j, f"q {1000 + j}") for j in (5, 6, 7)]


FAULTS = {
    "429": retry_after,
    "500": 500,
    "503": 503,
    "reset": reset,
    "half a response": half_a_response,
    "invalid JSON": invalid_json,
    "no completion": not_a_completion,
    "empty choices": no_choices,
    "too many choices": too_many,
    "wrong numbers": all_numbered_zero,
    "timeout": slow,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_passing_fault_leaves_no_trace(server, name):
    server.faults["bad"] = [FAULTS[name]] * 2
    engine = engine_for(server, timeout_s=0.6)
    good, bad = draw(engine, "good", "bad")
    assert bad.error is None and good.error is None
    assert [sample.text for sample in bad.samples] == [f"bad {2000 + j}" for j in range(4)]
    assert server.tries["bad"] == 3 and server.tries["good"] == 1


@pytest.mark.parametrize("name", FAULTS)
def test_a_lasting_fault_is_a_failure_and_never_an_answer(server, name):
    server.faults["bad"] = [FAULTS[name]] * 99
    good, bad = draw(engine_for(server, timeout_s=0.6, attempts=3), "good", "bad")
    assert bad.samples == [] and bad.error
    assert good.error is None and len(good.samples) == 4
    assert server.tries["bad"] == 3


def test_retry_after_is_waited_for(server):
    server.faults["q"] = [retry_after]
    started = time.perf_counter()
    draw(engine_for(server), "q")
    assert time.perf_counter() - started >= 0.3


def test_fewer_choices_than_asked_are_kept_and_the_rest_asked_again(server):
    server.faults["q"] = [only_first] * 4
    completion = draw(engine_for(server), "q")[0]
    assert [sample.text for sample in completion.samples] == [f"q {1000 + j}" for j in range(4)]
    assert [asked["n"] for asked in server.seen] == [4, 3, 2, 1]


def test_a_server_without_n_is_asked_one_by_one(server):
    completion = draw(engine_for(server, most_n=1), "q")[0]
    assert [sample.text for sample in completion.samples] == [f"q {1000 + j}" for j in range(4)]
    assert [asked["n"] for asked in server.seen] == [1] * 4


def test_greedy_samples_are_asked_one_by_one(server):
    requests = [Request("q", range(3), 0)]
    found = dict(engine_for(server).generate(requests, Sampling(temperature=0.0)))
    assert len(found[0].samples) == 3 and [asked["n"] for asked in server.seen] == [1, 1, 1]


def test_samples_that_came_before_the_fault_are_kept(server):
    server.faults["q"] = [only_first, *[500] * 99]
    completion = draw(engine_for(server), "q")[0]
    assert [sample.index for sample in completion.samples] == [0] and completion.error


def test_a_refused_request_is_not_repeated(server):
    server.faults["q"] = [400] * 9
    completion = draw(engine_for(server), "q")[0]
    assert "400" in completion.error and server.tries["q"] == 1


def test_a_dead_server_is_given_up_soon():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ServerOptions(f"http://127.0.0.1:{port}/v1", attempts=2, max_wait_s=0.05, concurrency=4)
    completions = draw(ServerEngine("m", "org/m", options), *[f"q{n}" for n in range(60)])
    assert all(completion.error and not completion.samples for completion in completions)
    assert sum(completion.error.startswith("not tried") for completion in completions) > 40


def test_a_server_restarted_under_way_costs_nothing():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]

    def start(server):
        server.daemon_threads = True
        server.faults, server.seen, server.tries, server.lock = {}, [], Counter(), threading.Lock()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    start(server)
    engine = engine_for(server, attempts=10, concurrency=2)
    found = {}
    for place, completion in engine.generate([Request(f"q{n}", range(2), 10 * n) for n in range(20)], SAMPLING):
        found[place] = completion
        if len(found) == 5:
            server.shutdown()
            server.server_close()
            time.sleep(0.4)
            server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
            start(server)
    server.shutdown()
    server.server_close()
    assert [found[n].samples[1].text for n in range(20)] == [f"q{n} {10 * n + 1}" for n in range(20)]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_us_stops_the_run(server, status):
    server.faults["q"] = [status]
    with pytest.raises(BadInput, match="model 'm'"):
        draw(engine_for(server), "q")


def test_keys_go_to_the_server_and_nowhere_else(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("MY_KEY", "sk-secret-123")
    server.faults |= {"q": [400], "r": [500] * 9}
    engine = engine_for(server, api_key_env="MY_KEY")
    told = [completion.error for completion in draw(engine, "q", "r")]
    assert {asked["key"] for asked in server.seen} == {"Bearer sk-secret-123"}
    assert all("***" in error for error in told)
    server.faults["q"] = [401]
    with pytest.raises(BadInput) as refused:
        draw(engine, "q")
    assert "MY_KEY" in str(refused.value)
    assert "sk-" not in " ".join(
        [*told, str(refused.value), repr(engine.describe()), repr(engine), repr(vars(engine._options))]
    )
    draw(engine_for(server), "q")
    assert server.seen[-1]["key"] == "Bearer none"
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(BadInput, match="MY_KEY is not set"):
        engine_for(server, api_key_env="MY_KEY")


def test_addresses_are_recorded_without_passwords():
    options = ServerOptions("http://me:secret@localhost:9/v1?token=secret")
    assert ServerEngine("m", "org/m", options).describe()["base_url"] == "http://localhost:9/v1"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "base_url"),
        ({"base_url": "localhost:8000"}, "no address"),
        ({"base_url": "http://x/v1", "api_key": "sk-1"}, "unknown server option 'api_key'"),
        ({"base_url": "http://x/v1", "concurrency": 0}, "above 0"),
        ({"base_url": "http://x/v1", "timeout_s": "long"}, "right kind"),
        ({"base_url": "http://x/v1", "attempts": 2.5}, "right kind"),
    ],
)
def test_server_options_are_checked(options, says):
    with pytest.raises(BadInput, match=says):
        ServerOptions.of(options, "pool.toml")
