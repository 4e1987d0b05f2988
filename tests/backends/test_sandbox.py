"""What an unread program can and cannot do in the sandbox."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from muxcast.backends import sandbox, syscall_filter
from muxcast.backends.sandbox import Limits, run_program
from muxcast.simulate.errors import BadInput

isolated = pytest.mark.skipif(
    sandbox.isolation_problem() is not None, reason=f"cannot isolate here: {sandbox.isolation_problem()}"
)


@isolated
def test_an_honest_program_finishes_and_its_output_comes_back():
    outcome = run_program("import math\nprint(math.comb(5, 2))")
    assert outcome.finished
    assert outcome.stdout == "10\n"


@isolated
@pytest.mark.parametrize("leave", ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit"])
def test_leaving_early_with_status_zero_is_not_finishing(leave):
    outcome = run_program(leave + "\nassert False")
    assert outcome.code == 0
    assert not outcome.finished


@isolated
def test_an_endless_loop_is_stopped_by_the_clock():
    assert run_program("while True: pass", Limits(seconds=0.5)).stopped == "time"


@isolated
def test_sleeping_costs_no_processor_time_and_is_stopped_all_the_same():
    assert run_program("import time; time.sleep(60)", Limits(seconds=0.5)).stopped == "time"


@isolated
def test_ten_gigabytes_are_refused():
    outcome = run_program("block = bytearray(10 * 2**30)")
    assert "MemoryError" in outcome.stderr
    assert not outcome.finished


@isolated
def test_memory_shared_out_over_children_is_counted_together():
    greedy = """
import os, time
for _ in range(10):
    if os.fork() == 0:
        break
block = b"x" * (100 * 2**20)
time.sleep(30)
"""
    assert run_program(greedy, Limits(seconds=20)).stopped == "memory"


@isolated
def test_a_fork_bomb_stops_at_the_limit_and_nothing_survives_it():
    name = "muxcast-bomb"
    bomb = f"""
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b"{name}", 0, 0, 0)
started = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
except BlockingIOError:
    print(started, flush=True)
    raise
"""
    outcome = run_program(bomb, Limits(processes=16))
    assert "BlockingIOError" in outcome.stderr
    assert 0 < int(outcome.stdout) < 16
    alive = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/comm") as file:
                alive.append(file.read().strip())
        except OSError:
            continue
    assert name not in alive


@isolated
@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/shadow').read()",
        "open('/proc/1/root/etc/passwd').read()",
        "open('/usr/escape', 'w')",
        "open('/escape', 'w')",
        f"open({__file__!r}).read()",
        "import socket; socket.create_connection(('1.1.1.1', 53), 2)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 53))",
        "import os; os.kill(1, 9)\nopen('/proc/1/stat')",
        "import os; os.mknod('disk', 0o60600, os.makedev(254, 0))",
        "import os; os.chroot('..')",
    ],
)
def test_escapes_fail(attempt):
    outcome = run_program(attempt)
    assert not outcome.finished
    assert "Error" in outcome.stderr


@isolated
@pytest.mark.parametrize(
    "call",
    ["unshare(0x10000000)", "mount(b'none', b'/box', b'tmpfs', 0, 0)", "ptrace(16, 1, 0, 0)", "setns(0, 0)"],
)
def test_dangerous_system_calls_are_refused(call):
    source = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.{call} == -1
print(ctypes.get_errno())
"""
    outcome = run_program(source)
    assert (outcome.finished, outcome.stdout) == (True, "1\n")


@isolated
def test_files_and_printed_output_are_bounded():
    big = "f = open('big', 'wb')\nfor _ in range(64): f.write(b'x' * 2**20)"
    assert "File too large" in run_program(big).stderr
    many = "\n".join(f"open('part{n}', 'wb').write(b'x' * 3 * 2**20)" for n in range(8))
    assert "No space left" in run_program(many).stderr
    assert not run_program("while True: print('x' * 10_000)", Limits(file_bytes=2**20, seconds=10)).finished


@isolated
def test_a_program_with_odd_characters_does_not_upset_the_sandbox():
    assert run_program("print('\\ud800'.encode('utf-8', 'surrogatepass'), 'ü')").finished
    assert "null bytes" in run_program("x = '\0'").stderr
    assert not run_program("x = '\ud800'; y = (").finished


@isolated
def test_sandboxes_side_by_side_do_not_use_up_each_others_processes():
    from concurrent.futures import ThreadPoolExecutor

    crowd = """
import os, time
for _ in range(10):
    if os.fork() == 0:
        time.sleep(2)
        os._exit(0)
time.sleep(1)
"""
    with ThreadPoolExecutor(4) as together:
        outcomes = list(together.map(lambda _: run_program(crowd, Limits(seconds=60, processes=16)), range(4)))
    assert all(outcome.finished for outcome in outcomes), outcomes


def test_where_walls_cannot_be_built_nothing_is_run(monkeypatch, tmp_path):
    witness = tmp_path / "ran"
    monkeypatch.setattr(sandbox, "isolation_problem", lambda: "namespaces are switched off")
    with pytest.raises(BadInput, match=r"refusing to run .* namespaces are switched off"):
        run_program(f"open({str(witness)!r}, 'w')")
    assert not witness.exists()


def test_without_namespaces_the_keeper_reports_it_and_starts_nothing():
    code = """
from muxcast.backends import jail
def refuse(name, *rest):
    raise OSError(1, name)
jail.call = refuse
print(jail.keep({}))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'isolated': False" in told


def test_the_filter_names_no_call_twice_and_jumps_stay_inside():
    for machine, (_, clone, clone3, refused) in syscall_filter._TABLES.items():
        numbers = [*refused.values(), clone, clone3]
        assert len(set(numbers)) == len(numbers)
        code = syscall_filter.program(machine)
        steps = len(code) // 8
        for place in range(steps):
            kind, yes, no = code[8 * place], code[8 * place + 2], code[8 * place + 3]
            if kind in (syscall_filter.EQUAL, syscall_filter.AT_LEAST, syscall_filter.ANY_BIT):
                assert place + 1 + max(yes, no) < steps
    with pytest.raises(OSError, match="no system call filter"):
        syscall_filter.program("pdp11")
