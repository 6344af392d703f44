"""What is a process kept from that runs code which nobody has read? Limits of the system, as far as it has them."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
NOBODY = 65534
MEBIBYTE = 2**20


def cut_network() -> bool:
    """Leave the network of the machine, on Linux where it is allowed; call it before any thread is started."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(NEW_NETWORK) == 0 or libc.unshare(NEW_USER | NEW_NETWORK) == 0


def give_up_rights(needed: str) -> bool:
    """Become nobody where the process is that of the administrator, and nobody may read `needed`."""
    if os.geteuid() != 0:
        return False
    try:
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        readable = os.access(needed, os.R_OK, effective_ids=True)
        os.seteuid(0)
        os.setegid(0)
        if readable:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    except OSError:
        return False
    return readable


def limit(limits: Mapping[str, int]) -> list[str]:
    """Set limits on top of what the process uses already, and return those that are really on.

    Args:
        limits: MiB of `memory` and of a `file`, seconds of `cpu` and of the `wall` clock.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + limits["cpu"]
    wanted = {
        f"memory {limits['memory']} MiB": (resource.RLIMIT_AS, _address_space() + limits["memory"] * MEBIBYTE),
        f"cpu {limits['cpu']} s": (resource.RLIMIT_CPU, cpu),
        f"file {limits['file']} MiB": (resource.RLIMIT_FSIZE, limits["file"] * MEBIBYTE),
        "processes 0": (resource.RLIMIT_NPROC, 0),
    }
    on = [name for name, (kind, value) in wanted.items() if _is_set(kind, value)]
    signal.setitimer(signal.ITIMER_REAL, limits["wall"])
    return [name for name in on if name != "processes 0" or not _can_fork()] + [f"wall clock {limits['wall']} s"]


def _is_set(kind: int, value: int) -> bool:
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):
        return False
    return resource.getrlimit(kind)[0] == value


def _can_fork() -> bool:
    """Try it: the limit does not hold for an administrator."""
    try:
        child = os.fork()
    except OSError:
        return False
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def _address_space() -> int:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[0]) * resource.getpagesize()
    command = ["ps", "-o", "vsz=", "-p", str(os.getpid())]
    shown = subprocess.run(command, capture_output=True, check=False).stdout  # noqa: S603  # nosec B603
    return int(shown or 0) * 1024
