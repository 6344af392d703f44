"""A check reaches no other machine and ends what takes too long."""

from __future__ import annotations

import signal
import socket
import threading
import time
import urllib.request

import pytest

from ml_core.wiring.dry_run.offline import NoNetworkError, Offline, OutOfTime, time_limit


def test_no_connection_is_made():
    with Offline():
        with pytest.raises(OSError, match=r"the check does not reach for example\.com"):
            urllib.request.urlopen("http://example.com")
        with pytest.raises(NoNetworkError), socket.socket() as connection:
            connection.connect(("127.0.0.1", 9))


def test_other_threads_keep_their_connections():
    with socket.create_server(("127.0.0.1", 0)) as server, Offline():
        reached = []
        thread = threading.Thread(target=lambda: reached.append(socket.create_connection(server.getsockname())))
        thread.start()
        thread.join()
        reached[0].close()
    assert len(reached) == 1


def test_connections_are_made_again_afterwards():
    before = socket.socket.connect, socket.getaddrinfo
    with Offline():
        pass
    assert (socket.socket.connect, socket.getaddrinfo) == before


def test_what_takes_too_long_ends():
    with pytest.raises(OutOfTime), time_limit(0.05):
        time.sleep(60)


def test_somebody_elses_clock_goes_on():
    rung = []
    handler = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    before = signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with time_limit(60):
            pass
        time.sleep(0.4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)
    assert rung == [signal.SIGALRM]
