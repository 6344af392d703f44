"""The mean of a loss over an epoch is the mean over its samples."""

import weakref

import pytest
import torch

from ml_core.models.loss_means import LossMeans


def unchanged(sums):
    return sums


def means_over(*batches, dtype=torch.float32):
    means = LossMeans()
    for samples in batches:
        means.update({"total": torch.tensor(samples, dtype=dtype).mean()}, len(samples))
    return means


def test_a_short_last_batch_counts_by_its_samples():
    means = means_over([1.0, 2.0, 3.0], [10.0])

    assert means.compute(unchanged) == {"total": 4.0}


def test_low_precision_losses_are_summed_in_high_precision():
    batches = [[0.1]] * 1000

    mean = means_over(*batches, dtype=torch.bfloat16).compute(unchanged)["total"]

    assert mean.dtype == torch.float32
    torch.testing.assert_close(mean, torch.tensor(0.1, dtype=torch.bfloat16).float())


def test_every_loss_has_its_own_mean():
    means = LossMeans()
    means.update({"ce": torch.tensor(1.0), "total": torch.tensor(2.0)}, 1)
    means.update({"ce": torch.tensor(3.0), "total": torch.tensor(6.0)}, 1)

    assert means.compute(unchanged) == {"ce": 2.0, "total": 4.0}


class Saved:
    """What the graph keeps of a tensor for the backward pass."""

    def __init__(self, tensor):
        self.tensor = tensor


def test_no_graph_is_kept():
    kept = []

    def pack(tensor):
        saved = Saved(tensor)
        kept.append(weakref.ref(saved))
        return saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
        loss = torch.ones(1, requires_grad=True).square().sum()
    means = LossMeans()
    means.update({"total": loss}, 2)
    del loss

    assert [saved() for saved in kept] == [None]
    assert not means.compute(unchanged)["total"].requires_grad


def test_the_callers_loss_is_not_changed():
    loss = torch.tensor(2.0, dtype=torch.float64)
    means = LossMeans()
    means.update({"total": loss}, 1)
    means.update({"total": torch.tensor(5.0)}, 1)

    assert loss == 2.0


def test_ranks_with_different_numbers_of_samples_are_one_mean():
    other_rank = torch.tensor([30.0, 2.0], dtype=torch.float64)  # a sum of losses and a number of samples

    means = means_over([1.0, 2.0, 3.0]).compute(lambda sums: sums + other_rank)

    torch.testing.assert_close(means["total"], torch.tensor(36.0 / 5))


def test_a_reset_forgets_everything():
    means = means_over([1.0, 2.0])
    means.reset()

    assert means.compute(unchanged) == {}
    means.update({"total": torch.tensor(7.0)}, 3)
    assert means.compute(unchanged) == {"total": 7.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stays_visible(value):
    mean = means_over([1.0], [value]).compute(unchanged)["total"]

    torch.testing.assert_close(mean, torch.tensor(value), equal_nan=True)
