"""A seccomp filter that refuses the system calls by which a jailed program could reach beyond its jail.

A list of refusals, not of permissions: namespaces, the empty network and the read-only root do the
isolating, and this closes the doors that kernels have most often left open (new user namespaces, BPF,
io_uring, tracing other processes, loading modules, keyrings). Standard library only; see seccomp(2), bpf(2).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import Any

SET_SECCOMP, FILTER_MODE = 22, 2
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NEW_NAMESPACES = 0x7E020000 | 0x00000080
"""Flags of clone(2) that make namespaces (mount, cgroup, uts, ipc, user, pid, net, time)."""

# machine -> (audit architecture, number of clone, of clone3, {refused call: number})
_TABLES: dict[str, tuple[int, int, int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        56,
        435,
        {
            "ptrace": 101, "syslog": 103, "pivot_root": 155, "chroot": 161, "acct": 163, "mount": 165,
            "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "init_module": 175,
            "delete_module": 176, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
            "unshare": 272, "move_pages": 279, "perf_event_open": 298, "name_to_handle_at": 303,
            "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
            "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
            "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
            "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
            "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
        },
    ),
    "aarch64": (
        0xC00000B7,
        220,
        435,
        {
            "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "acct": 89, "unshare": 97,
            "kexec_load": 104, "init_module": 105, "delete_module": 106, "syslog": 116, "ptrace": 117,
            "reboot": 142, "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225,
            "move_pages": 239, "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265,
            "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
            "finit_module": 273, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
            "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
            "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
            "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
        },
    ),
}  # fmt: skip


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def program(machine: str) -> bytes:
    """The filter as classic BPF for ``machine`` (``x86_64`` or ``aarch64``).

    Raises:
        OSError: a machine without a table.
    """
    if machine not in _TABLES:
        raise OSError(errno.ENOSYS, f"no system call filter for machine {machine}; known: {', '.join(_TABLES)}")
    architecture, clone, clone3, refused = _TABLES[machine]
    steps = [
        _step(LOAD, 4),  # the architecture: another calling convention would renumber everything
        _step(EQUAL, architecture, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, 0),  # the call's number
    ]
    if machine == "x86_64":  # the x32 variants of every call
        steps += [_step(AT_LEAST, 0x40000000, 0, 1), _step(RETURN, REFUSE | errno.EPERM)]
    for number in refused.values():
        steps += [_step(EQUAL, number, 0, 1), _step(RETURN, REFUSE | errno.EPERM)]
    steps += [
        # clone3 hides its flags behind a pointer: the C library falls back to clone when it is missing
        _step(EQUAL, clone3, 0, 1),
        _step(RETURN, REFUSE | errno.ENOSYS),
        _step(EQUAL, clone, 0, 3),
        _step(LOAD, 16),  # low half of the first argument: the flags
        _step(ANY_BIT, NEW_NAMESPACES, 0, 1),
        _step(RETURN, REFUSE | errno.EPERM),
        _step(RETURN, ALLOW),
    ]
    return b"".join(steps)


def install(libc: Any) -> None:
    """Bind this process and its children to the filter; OSError where refused (no_new_privs must be set)."""
    code = program(platform.machine())
    buffer = ctypes.create_string_buffer(code, len(code))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    wanted = Filter(len(code) // 8, ctypes.addressof(buffer))
    if libc.prctl(SET_SECCOMP, FILTER_MODE, ctypes.byref(wanted), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "the system call filter was refused")
