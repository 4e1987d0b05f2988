"""A sandbox: runs a Python program that nobody has read, without letting it touch the machine.

The program sees an interpreter with the standard library, an empty folder and nothing else: its own
process, mount, network, IPC and host-name namespaces (no network, no other processes, no files of the
machine), no privileges, limits on memory, processor time, wall time, processes and file sizes, and a
filter of dangerous system calls. Where any of this cannot be had, nothing is run.

It protects the machine from the program. It does not protect the *score*: tests run in the program's own
process, as in HumanEval's harness, so a program written to deceive its test could.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..simulate.errors import BadInput

_JAIL = Path(__file__).with_name("jail.py")
_SHOWN = 2000


@dataclass(frozen=True)
class Limits:
    """What a program may use."""

    seconds: float = 5.0
    """Wall-clock time."""
    cpu_seconds: float = 5.0
    """Processor time of each process (rounded up to whole seconds, plus one)."""
    memory_bytes: int = 512 * 2**20
    """Address space of each process, and resident memory of all of them together."""
    processes: int = 16
    """Processes and threads alive at once, the sandbox's own first process included."""
    file_bytes: int = 16 * 2**20
    """Size of a file, of everything in the program's folder, and of its printed output."""


class Outcome(NamedTuple):
    """How a program ended."""

    finished: bool
    """It ran to its last line and ended with status 0. ``sys.exit()`` half-way is not finishing."""
    code: int
    """Exit status; 128 + n after signal n; -9 when the sandbox stopped it."""
    stopped: str | None
    """``"time"``, ``"memory"`` or ``"processes"`` when the sandbox stopped it, else None."""
    seconds: float
    """Wall-clock time it ran."""
    stdout: str
    """The first characters it printed."""
    stderr: str
    """The last characters of its errors: the exception, where there was one."""


def run_program(source: str, limits: Limits | None = None) -> Outcome:
    """Run Python source in the sandbox.

    Args:
        source: the program; its standard input is empty.
        limits: what it may use; None for the defaults.
    Raises:
        BadInput: this machine cannot isolate a program; the message says what is missing. Nothing was run.
    """
    require_isolation()
    return _run(source, limits or Limits())


@lru_cache(maxsize=1)
def isolation_problem() -> str | None:
    """Why programs cannot be isolated on this machine, or None where they can; found by trying, once."""
    if not sys.platform.startswith("linux"):
        return f"it needs Linux namespaces, and this is {sys.platform}"
    try:
        outcome = _run(_PROBE, Limits(seconds=20))
    except BadInput as problem:
        return str(problem)
    if not outcome.finished:
        said = (outcome.stderr or outcome.stdout).strip().splitlines()
        return f"a trial program was not cut off from the machine: {said[-1] if said else outcome}"
    return None


def require_isolation() -> None:
    """Raise BadInput, with the reason, where programs cannot be isolated on this machine."""
    problem = isolation_problem()
    if problem is not None:
        raise BadInput(
            f"sandbox: refusing to run a program that cannot be isolated: {problem}; "
            "use Linux with user namespaces enabled (sysctl user.max_user_namespaces), or run as root"
        )


# Checks from within that the walls stand; any assertion that fails means no isolation.
_PROBE = """
import os
import socket
import time
assert os.getpid() < 10, "it sees the machine's processes"
assert not os.path.exists("/proc/self"), "it sees /proc"
assert not os.path.exists("/etc/passwd"), "it sees the machine's files"
assert {name for _, name in socket.if_nameindex()} <= {"lo"}, "it sees a network"
try:
    open("/escape", "w")
except OSError:
    pass
else:
    raise AssertionError("it can write outside its folder")
open("allowed", "w").write("x")
alive = 0
try:
    while alive < 40:
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)
        alive += 1
except OSError:
    pass
assert alive < 16, "it can start any number of processes"
"""


def _run(source: str, limits: Limits) -> Outcome:
    word = secrets.token_hex(16)
    interpreter = os.path.realpath(sys.executable)
    with (
        tempfile.TemporaryFile() as program,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        _pipe() as (report, report_in),
        _pipe() as (finished, finished_in),
    ):
        program.write(source.encode("utf-8", "surrogatepass"))
        program.seek(0)
        order = {
            **asdict(limits),
            "interpreter": interpreter,
            "visible": sorted({os.path.realpath(sys.base_prefix), os.path.dirname(interpreter)}),
            "word": word,
            "word_fd": finished_in.fileno(),
            "report_fd": report_in.fileno(),
        }
        keeper = subprocess.Popen(
            [interpreter, "-I", "-S", str(_JAIL), json.dumps(order)],
            stdin=program,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(order["word_fd"], order["report_fd"]),
            start_new_session=True,
            env={"LC_ALL": "C.UTF-8"},
        )
        report_in.close()
        finished_in.close()
        try:
            told = report.read()
            keeper.wait(timeout=limits.seconds + 30)
        finally:
            if keeper.poll() is None:
                keeper.kill()
                keeper.wait()
        said = finished.read()
        errors = _text(stderr, last=True)
        if not told:
            raise BadInput(f"sandbox: its keeper died ({errors.strip() or keeper.returncode})")
        result = json.loads(told)
        if not result["isolated"]:
            raise BadInput(result["problem"])
        return Outcome(
            finished=said == word.encode() and result["code"] == 0 and result["stopped"] is None,
            code=result["code"],
            stopped=result["stopped"],
            seconds=result["seconds"],
            stdout=_text(stdout),
            stderr=errors,
        )


class _pipe:
    """Both ends of a pipe as files, closed on leaving."""

    def __enter__(self):
        read, write = os.pipe()
        self.ends = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        return self.ends

    def __exit__(self, *problem: object) -> None:
        for end in self.ends:
            end.close()


def _text(file, last: bool = False) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _SHOWN) if last else 0)
    return file.read(_SHOWN).decode("utf-8", "replace")
