"""How does a check keep off the network, and how does it end what takes too long?"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

OFFLINE_FLAGS = (
    ("huggingface_hub.constants", "HF_HUB_OFFLINE"),
    ("datasets.config", "HF_HUB_OFFLINE"),
    ("datasets.config", "HF_DATASETS_OFFLINE"),
)
"""What makes the Hugging Face libraries use their caches alone."""


class NoNetworkError(ConnectionError):
    """Something wanted to reach another machine during the check."""


class OutOfTime(BaseException):
    """Something took longer than the check allows; no `Exception`, so that nobody takes it for their own failure."""


class Offline:
    """No connection leaves this thread while it lasts; other threads (a logger's) keep theirs."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._flags: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Offline:
        self._connect, self._look_up = socket.socket.connect, socket.getaddrinfo
        offline = self

        def connect(self: socket.socket, address: Any) -> None:
            offline._refuse(address, self.family)
            return offline._connect(self, address)

        def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
            offline._refuse(host, socket.AF_INET)
            return offline._look_up(host, *args, **kwargs)

        socket.socket.connect, socket.getaddrinfo = connect, look_up  # type: ignore[method-assign, assignment]
        self.flag_libraries()
        return self

    def __exit__(self, *error: object) -> None:
        socket.socket.connect, socket.getaddrinfo = self._connect, self._look_up  # type: ignore[method-assign]
        for (module, name), original in self._flags.items():
            setattr(sys.modules[module], name, original)

    def flag_libraries(self) -> None:
        """Set the flags of libraries that are imported by now."""
        for module, name in OFFLINE_FLAGS:
            if module in sys.modules and (module, name) not in self._flags:
                self._flags[module, name] = getattr(sys.modules[module], name)
                setattr(sys.modules[module], name, True)

    def _refuse(self, address: Any, family: int) -> None:
        if threading.get_ident() == self._thread and family in (socket.AF_INET, socket.AF_INET6):
            raise NoNetworkError(f"the check does not reach for {address}")


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End what is inside after so many seconds, as Ctrl-C would; only the main thread of a Unix process can.

    Raises:
        OutOfTime: When the time is over.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    start, handler = time.monotonic(), signal.signal(signal.SIGALRM, _end)
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:  # somebody else's clock goes on
            signal.setitimer(signal.ITIMER_REAL, max(0.001, remaining - (time.monotonic() - start)))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise OutOfTime
