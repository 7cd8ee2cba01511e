"""The system-call filter of a sandbox: a small classic BPF program, assembled here, loaded by bubblewrap.

It refuses (EPERM) what no function needs and what attacks on kernels begin with; `clone3` answers ENOSYS so that the
C library falls back to `clone`, whose flags can be examined. System calls of a foreign architecture kill the process.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENT_0 = 0, 4, 16
_CLONE_NEW_ANY = 0x7E020080 & ~0x00000080  # every CLONE_NEW* flag
_X32_BIT = 0x40000000

# Numbers from asm/unistd_64.h and asm-generic/unistd.h.
_REFUSED_X86_64 = {
    "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155, "_sysctl": 156, "adjtimex": 159,
    "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
    "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173, "create_module": 174,
    "init_module": 175, "delete_module": 176, "quotactl": 179, "lookup_dcookie": 212, "clock_settime": 227,
    "mbind": 237, "set_mempolicy": 238, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "migrate_pages": 256, "unshare": 272, "move_pages": 279, "vmsplice": 278, "perf_event_open": 298,
    "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
_REFUSED_AARCH64 = {
    "ptrace": 117, "syslog": 116, "personality": 92, "pivot_root": 41, "chroot": 51, "acct": 89, "mount": 40,
    "umount2": 39, "swapon": 224, "swapoff": 225, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "adjtimex": 171, "init_module": 105, "delete_module": 106, "quotactl": 60,
    "lookup_dcookie": 18, "clock_settime": 112, "mbind": 235, "set_mempolicy": 237, "kexec_load": 104,
    "add_key": 217, "request_key": 218, "keyctl": 219, "migrate_pages": 238, "unshare": 97, "move_pages": 239,
    "vmsplice": 75, "perf_event_open": 241, "fanotify_init": 262, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "kexec_file_load": 294, "bpf": 280,
    "userfaultfd": 282, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
}  # fmt: skip
# architecture: (AUDIT_ARCH, refused, clone, clone3, socket)
_ARCHITECTURES = {
    "x86_64": (0xC000003E, _REFUSED_X86_64, 56, 435, 41),
    "aarch64": (0xC00000B7, _REFUSED_AARCH64, 220, 435, 198),
}
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # 16: AF_NETLINK, which getaddrinfo asks


def _op(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, true, false, value & 0xFFFFFFFF)


def program(machine: str = "") -> bytes | None:
    """The filter for `machine` (this one by default) as `struct sock_filter[]`; None on an architecture we lack."""
    found = _ARCHITECTURES.get(machine or platform.machine())
    if found is None:
        return None
    audit, refused, clone, clone3, new_socket = found
    refuse = _op(_RETURN, _ERRNO | errno.EPERM)
    lines = [
        _op(_LOAD, _ARCHITECTURE),
        _op(_JUMP_EQUAL, audit, 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER),
        _op(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1),
        _op(_RETURN, _ERRNO | errno.ENOSYS),
        _op(_JUMP_EQUAL, clone3, 0, 1),
        _op(_RETURN, _ERRNO | errno.ENOSYS),
    ]
    for number in sorted(refused.values()):
        lines += [_op(_JUMP_EQUAL, number, 0, 1), refuse]
    lines += [
        _op(_JUMP_EQUAL, clone, 0, 4),
        _op(_LOAD, _ARGUMENT_0),
        _op(_JUMP_SET, _CLONE_NEW_ANY, 0, 1),
        refuse,
        _op(_RETURN, _ALLOW),
        _op(_JUMP_EQUAL, new_socket, 0, len(_FAMILIES) + 2),
        _op(_LOAD, _ARGUMENT_0),
    ]
    for index, family in enumerate(_FAMILIES):
        lines.append(_op(_JUMP_EQUAL, family, len(_FAMILIES) - index, 0))
    lines += [refuse, _op(_RETURN, _ALLOW)]
    return b"".join(lines)
