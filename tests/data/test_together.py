"""The end of a pass on several ranks."""

import multiprocessing
import socket

import pytest
import torch.distributed

from ml_core.data.together import together


def test_one_process_gets_all_batches():
    assert list(together(iter("abc"))) == ["a", "b", "c"]


def rank(number: int, port: int, count: int, results) -> None:
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    results.put((number, list(together(range(count)))))
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("counts", [(5, 3), (3, 3)])
def test_no_rank_gets_more_batches_than_another(counts):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    ranks = [context.Process(target=rank, args=(n, port, count, results)) for n, count in enumerate(counts)]
    for process in ranks:
        process.start()

    found = dict(results.get(timeout=60) for _ in ranks)

    for process in ranks:
        process.join(timeout=60)
    assert found == {0: [0, 1, 2], 1: [0, 1, 2]}
