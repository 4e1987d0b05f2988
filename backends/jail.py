"""The jail itself: a script that runs one Python program cut off from the machine, and reports how it ended.

It is started by ``sandbox.py`` as ``python -I -S jail.py`` with a JSON order in ``argv[1]``, and uses the
standard library alone. Three processes: the *keeper* (this script, outside, watching time and memory), the
*init* of the jail (process 1 of a new process namespace, so that when it dies everything in the jail dies),
and the *program*. Linux only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

# -I leaves the script's own folder off the path; it is on it for this one import only
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import syscall_filter

del sys.path[0]

NEW_MOUNTS, NEW_UTS, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
DETACH = 2
DIES_WITH_PARENT, NO_NEW_PRIVILEGES = 1, 38
FIRST_NOBODY = 0x70000000
"""Users from here on exist nowhere: each jail is one of its own, since the limit on processes is a user's."""
FOLDER = "/box"

# what a Python interpreter needs to start; links among them (bin -> usr/bin) are kept as links
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/lib32", "/bin")
SYSTEM_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/zero", "/dev/urandom")

# Reads the program from standard input, runs it as a script, and only then says so on descriptor 3.
RUNNER = """
import os, sys
word = sys.argv.pop().encode()
source = sys.stdin.read()
exec(compile(source, "<program>", "exec"), {"__name__": "__main__"})
sys.stdout.flush()
os.write(3, word)
"""

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """A system call through the C library; OSError where it fails."""
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        shown = [value.decode() if isinstance(value, bytes) else value for value in arguments]
        raise OSError(code, f"{name}{tuple(shown)}: {os.strerror(code)}")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    call(
        "mount",
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() if options else None,
    )


def show_read_only(path: str, root: str) -> None:
    """Make ``path`` visible at the same place under ``root``, read-only."""
    inside = root + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        os.symlink(os.readlink(path), inside)
        return
    if os.path.isdir(path):
        os.makedirs(inside, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        os.close(os.open(inside, os.O_CREAT | os.O_WRONLY, 0o600))
    mount(path, inside, None, BIND | RECURSIVE)
    keep = NO_SUID | (0 if path.startswith("/dev/") else NO_DEVICES)
    try:
        mount(path, inside, None, BIND | REMOUNT | READ_ONLY | keep)
    except PermissionError:
        # flags the mount already carries are locked in a user namespace and must be named again
        locked = {
            os.ST_NOEXEC: NO_EXEC,
            os.ST_NODEV: NO_DEVICES,
            os.ST_NOATIME: 1024,
            os.ST_RELATIME: 1 << 21,
        }
        held = os.statvfs(path).f_flag
        for bit, flag in locked.items():
            keep |= flag if held & bit else 0
        mount(path, inside, None, BIND | REMOUNT | READ_ONLY | keep)


def build_root(order: dict[str, Any]) -> None:
    """Replace the root by an empty file system with the interpreter, read-only, and one small folder."""
    call("unshare", NEW_MOUNTS)  # here and not in the keeper, whose /proc must stay
    mount("none", "/", None, RECURSIVE | PRIVATE)
    visible = [path for path in SYSTEM_FOLDERS if os.path.lexists(path)]
    for path in order["visible"]:
        if not any(path == shown or path.startswith(shown + "/") for shown in visible):
            visible.append(path)
    # mounted over an existing folder, in this namespace alone: one that hides nothing still to be shown
    root = next(
        folder
        for folder in ("/mnt", "/media", "/srv", "/opt", "/tmp")
        if os.path.isdir(folder) and not any(path.startswith(folder + "/") for path in visible)
    )
    mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    for path in [*visible, *(path for path in SYSTEM_FILES if os.path.exists(path))]:
        show_read_only(path, root)
    os.makedirs(root + FOLDER)
    limit = f"size={order['file_bytes']},nr_inodes=1024,mode=1777"
    mount("tmpfs", root + FOLDER, "tmpfs", NO_SUID | NO_DEVICES, limit)
    if not os.path.lexists(root + "/tmp"):
        os.symlink(FOLDER, root + "/tmp")
    os.makedirs(root + "/.old")
    os.chdir(root)
    call("pivot_root", b".", b".old")
    os.chdir("/")
    call("umount2", b"/.old", DETACH)
    os.rmdir("/.old")
    mount("tmpfs", "/", None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEVICES)
    os.chdir(FOLDER)


def set_limits(order: dict[str, Any]) -> None:
    seconds = int(order["cpu_seconds"]) + 1
    for kind, limit in (
        (resource.RLIMIT_AS, order["memory_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, order["file_bytes"]),
        (resource.RLIMIT_NPROC, order["processes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_STACK, 64 * 2**20),
    ):
        resource.setrlimit(kind, (limit, limit))


def drop_privileges(was_root: bool, nobody: int) -> None:
    """Become nobody for good: no capabilities, no way to regain them, and no dangerous system calls."""
    if was_root:
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if not was_root:
        # in a user namespace the process still holds that namespace's capabilities
        for capability in range(64):
            libc.prctl(24, capability, 0, 0, 0)
        header, empty = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        call("capset", header, empty)
    syscall_filter.install(libc)


def enter_namespaces(was_root: bool) -> None:
    spaces = NEW_UTS | NEW_IPC | NEW_PIDS | NEW_NETWORK
    if was_root:
        call("unshare", spaces)
        return
    user, group = os.geteuid(), os.getegid()
    call("unshare", spaces | NEW_USERS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as out:
            out.write(text)


def use_under(first: int) -> tuple[int, int]:
    """Resident bytes and number of ``first`` and all its descendants; pages they share count for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    parent, resident = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                # the command stands in brackets and may hold anything; the fields count from behind it
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while being counted
        parent[int(name)], resident[int(name)] = int(fields[1]), int(fields[21]) * page
    inside = {first}
    for process in sorted(parent):  # orphans of a jail fall to its first process, so chains lead there
        chain = [process]
        while chain[-1] in parent and chain[-1] not in inside:
            chain.append(parent[chain[-1]])
        if chain[-1] in inside:
            inside.update(chain)
    return sum(resident.get(process, 0) for process in inside), len(inside)


def be_init(order: dict[str, Any], ready: int) -> None:
    """Process 1 of the jail: builds it, starts the program, reaps, and ends with the program's status."""
    libc.prctl(DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    was_root = order["root"]
    try:
        build_root(order)
        set_limits(order)
        drop_privileges(was_root, order["nobody"])
    except BaseException as error:
        os.write(ready, f"cannot isolate: {error}".encode())
        os._exit(1)
    program = os.fork()
    if program == 0:
        try:
            os.dup2(order["word_fd"], 3)
            os.closerange(4, 1024)
            interpreter = order["interpreter"]
            environment = {
                "PATH": "/usr/bin:/bin",
                "HOME": FOLDER,
                "TMPDIR": FOLDER,
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
            }
            os.execve(interpreter, [interpreter, "-I", "-S", "-c", RUNNER, order["word"]], environment)
        except BaseException as error:
            os.write(2, f"the interpreter could not be started in the jail: {error}\n".encode())
        os._exit(127)
    os.write(ready, b"ready")
    os.close(ready)
    os.close(order["word_fd"])
    while True:
        ended, status = os.wait()
        if ended == program:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def keep(order: dict[str, Any]) -> dict[str, Any]:
    """Start the jail and watch it until it ends or exceeds its time or memory."""
    libc.prctl(DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    order["root"] = os.geteuid() == 0
    order["nobody"] = FIRST_NOBODY + os.getpid()
    try:
        enter_namespaces(order["root"])
    except OSError as error:
        return {"isolated": False, "problem": str(error)}
    listen, ready = os.pipe()
    init = os.fork()
    if init == 0:
        os.close(listen)
        be_init(order, ready)
    os.close(ready)
    said = os.read(listen, 4096).decode()
    if said != "ready":
        os.kill(init, signal.SIGKILL)
        os.waitpid(init, 0)
        return {"isolated": False, "problem": said or "the jail's first process died"}
    start, stopped, peak = time.monotonic(), None, 0
    watch = os.pidfd_open(init)
    while True:
        ended, _, _ = select.select([watch], [], [], 0.05)
        if ended:
            break
        used, processes = use_under(init)
        peak = max(peak, used)
        if time.monotonic() - start > order["seconds"]:
            stopped = "time"
        elif used > order["memory_bytes"]:
            stopped = "memory"
        elif processes > order["processes"]:
            stopped = "processes"
        if stopped:
            os.kill(init, signal.SIGKILL)
            break
    _, status = os.waitpid(init, 0)
    code = os.waitstatus_to_exitcode(status)
    return {
        "isolated": True,
        "code": code,
        "stopped": stopped,
        "seconds": time.monotonic() - start,
        "peak_bytes": peak,
    }


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    outcome = keep(given)
    os.write(given["report_fd"], json.dumps(outcome).encode())
