"""What is said of a run that cannot go on from its checkpoint, that fails between its steps, or that finds no disk."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from setting import ROOT, Compose
from torch import nn

from ml_core.errors import ConfigError, NumericsError, OutOfMemoryError, StorageError, UserError
from ml_core.train import train
from ml_core.utils import lifecycle
from ml_core.utils.run_errors import run_error

SHORT = (
    "experiment=example", "check=false", "trainer.accelerator=cpu", "trainer.min_epochs=1", "trainer.max_epochs=1",
    "logger=none", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "test=false",
    "callbacks.model_summary=null", "callbacks.rich_progress_bar=null", "trainer.enable_progress_bar=false",
)  # fmt: skip
CE = "model.criterions.criterions.ce._target_"
CFG = OmegaConf.create({"data": {"batch_size": 64}, "paths": {"output_dir": "runs/x"}})


class NanGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


class NanGradientLoss(nn.Module):
    def forward(self, input, target):
        return nn.functional.cross_entropy(NanGradient.apply(input), target)


class CutLoss(nn.Module):
    def forward(self, input, target):
        return nn.functional.cross_entropy(input.detach(), target)


@pytest.fixture
def last(compose_config: Compose, tmp_path: Path) -> Path:
    """The checkpoint of a short training."""
    train(compose_config(*SHORT, folder="first"))
    return tmp_path / "first" / "checkpoints" / "last.ckpt"


def failure(cfg: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        train(cfg)
    return caught.value


def test_c14_another_width_is_told_with_both_values_in_training_and_test(compose_config: Compose, last: Path):
    words = ("model.forward_fn.network.transform.lin1_size=32", f"ckpt_path={last}", "trainer.max_epochs=2")
    for more in ((), ("train=false", "test=true")):
        error = failure(compose_config(*SHORT, *words, *more))
        assert error.exit_code == 64
        assert error.where == "model.forward_fn.network"
        assert error.what.startswith(
            "the weights of the checkpoint do not fit the model: 7 of another shape "
            "(forward_fn.network.transform.model.0.weight [256, 784] there, [32, 784] here, "
        )
        assert error.fix == (
            "The configurations differ: model.forward_fn.network.transform.lin1_size is 256 there, 32 here. "
            "Give the model that the checkpoint was made with, or leave ckpt_path out to train from the start."
        )


def test_the_state_of_another_optimizer_is_told_before_the_first_step(compose_config: Compose, last: Path):
    words = ("model.optimizer._target_=torch.optim.SGD", f"ckpt_path={last}", "trainer.max_epochs=2")
    assert str(failure(compose_config(*SHORT, *words))) == (
        "model.optimizer: the checkpoint holds the state of another optimizer: torch.optim.sgd.SGD needs momentum, "
        "dampening. Resume with the optimizer that the checkpoint was made with."
    )


@pytest.mark.parametrize(
    ("keep", "more", "message"),
    [
        (None, (), "is no checkpoint of a training: it lacks 'state_dict', 'pytorch-lightning_version'. It holds: "
                   "'forward_fn.network.transform.model.0.weight', 'forward_fn.network.transform.model.0.bias', "),
        (None, ("train=false", "test=true"), "is no checkpoint of a training: it lacks 'state_dict', "),
        (("epoch", "global_step"), (), "is no checkpoint of a training: it lacks 'state_dict', "
            "'pytorch-lightning_version'. It holds: 'epoch', 'global_step'. Name a file that a run wrote into its "
            "checkpoints folder."),
        (("state_dict", "pytorch-lightning_version"), (), "holds weights only, so training cannot go on from it. Name "
            "a checkpoint that was written with callbacks.model_checkpoint.save_weights_only=false."),
    ],
    ids=["weights", "weights in a test", "other keys", "weights only"],
)  # fmt: skip
def test_a_file_that_is_no_whole_checkpoint_is_told_by_its_keys(
    keep, more, message, compose_config: Compose, last: Path
):
    content = torch.load(last, weights_only=True)
    torch.save(content["state_dict"] if keep is None else {key: content[key] for key in keep}, last)
    error = failure(compose_config(*SHORT, f"ckpt_path={last}", "trainer.max_epochs=2", *more))
    assert type(error) is StorageError
    assert str(error).startswith(f"{last}: {message}")


@pytest.mark.parametrize("content", [b"", b"hello", None], ids=["empty", "text", "truncated"])
@pytest.mark.parametrize("more", [(), ("train=false", "test=true")], ids=["resume", "test"])
def test_c6_c7_a_damaged_file_is_told(content: bytes | None, more: tuple, compose_config: Compose, last: Path):
    last.write_bytes(last.read_bytes()[:-4096] if content is None else content)
    error = failure(compose_config(*SHORT, f"ckpt_path={last}", "trainer.max_epochs=2", *more))
    assert error.exit_code == 74
    assert str(error).startswith(f"{last}: is no whole checkpoint (")


def test_weights_alone_can_be_tested(compose_config: Compose, last: Path):
    content = torch.load(last, weights_only=True)
    torch.save({key: content[key] for key in ("state_dict", "pytorch-lightning_version")}, last)
    metrics, _ = train(compose_config(*SHORT, f"ckpt_path={last}", "train=false", "test=true"))
    assert metrics["test/accuracy"] > 0


def test_a_gradient_that_is_nan_is_told_where_it_is_asked_for(compose_config: Compose):
    error = failure(compose_config(*SHORT, f"{CE}={__name__}.NanGradientLoss", "trainer.detect_anomaly=true"))
    assert type(error) is NumericsError
    assert str(error) == (
        "model.forward_fn: the gradient of NanGradientBackward is nan (trainer.detect_anomaly). "
        "The traceback in the log names the line of the forward pass that it belongs to."
    )


def test_a_loss_without_a_gradient_is_told(compose_config: Compose):
    assert str(failure(compose_config(*SHORT, f"{CE}={__name__}.CutLoss"))) == (
        "model.criterions: no loss depends on a weight that is trained, so there is no gradient. "
        "Look for a step between network and loss that cuts it: argmax, detach, no_grad, whole numbers."
    )


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), OutOfMemoryError, r"^trainer: memory ran out with a batch of"),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, r"^runs/x: there is no space left"),
        (OSError(errno.EROFS, "Read-only", "a/b.csv"), StorageError, r"^a/b\.csv: lies on a disk that cannot be"),
        (RuntimeError("index_add_cuda_ does not have a deterministic implementation, but you set"), ConfigError,
         r"^trainer\.deterministic: index_add_cuda_ does not have .* Set trainer\.deterministic to warn or false\.$"),
        (RuntimeError("Early stopping conditioned on metric `x` which is not available."), ConfigError,
         r"^callbacks: Early stopping conditioned on metric `x` which is not available\.$"),
        (ValueError("loaded state dict contains a parameter group that doesn't match the size"), ConfigError,
         r"^model\.optimizer: does not fit the optimizer in the checkpoint: loaded state dict contains"),
    ],
)  # fmt: skip
def test_a_failure_between_steps_is_told(error: Exception, kind: type, message: str):
    told = run_error(error, CFG)
    assert type(told) is kind
    with pytest.raises(kind, match=message):
        raise told


def test_a_full_disk_behind_another_error_is_found():
    error = ValueError("you tried to log 1.0 which is currently not supported")  # as TensorBoard's logger says it
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert str(run_error(error, CFG)).startswith("runs/x: there is no space left on this disk. ")


def test_what_nobody_knows_goes_on_as_it_is():
    assert run_error(ZeroDivisionError("division by zero"), CFG) is None


def test_without_callbacks_no_checkpoint_is_written(compose_config: Compose, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, objects = train(compose_config(*SHORT, "callbacks=none"))
    assert objects["trainer"].global_step == 2
    assert list(tmp_path.rglob("*.ckpt")) == []


def test_lightnings_own_checkpoints_are_written_where_they_are_asked_for(compose_config: Compose, tmp_path: Path):
    train(compose_config(*SHORT, "callbacks=none", "trainer.enable_checkpointing=true"))
    assert len(list(tmp_path.rglob("*.ckpt"))) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("optimized_metric=val/bset",),
            r"^optimized_metric: nothing in this run logs 'val/bset'\. Did you mean 'val/be",
        ),
        (
            ("optimized_metric=test/accuracy",),
            r"^optimized_metric: 'test/accuracy' comes from the stage test, but test",
        ),
        (
            ("optimized_metric=val/best", "train=false"),
            r"'val/best' comes from the stage val, but train=false\. Set tr",
        ),
        (
            ("optimized_metric=val/best", "callbacks.metrics_callback=null"),
            r"callbacks\.metrics_callback, which is swit",
        ),
    ],
)
def test_w3_a_search_for_a_value_that_will_not_exist_is_refused_before_training(
    words, message, compose_config: Compose
):
    cfg = compose_config(*SHORT, "callbacks.model_checkpoint=null", "callbacks.early_stopping=null", *words)
    with pytest.raises(ConfigError, match=message):
        lifecycle.check_optimized_metric(cfg, lifecycle.build(cfg))


@pytest.mark.parametrize("name", ["null", "val/best", "val/accuracy", "train/total", "test/ce"])
def test_a_search_for_a_value_that_will_exist_may_start(name: str, compose_config: Compose):
    cfg = compose_config(*SHORT, f"optimized_metric={name}", "test=true")
    lifecycle.check_optimized_metric(cfg, lifecycle.build(cfg))


def has_namespaces() -> bool:
    """Whether a small disk of one's own can be mounted here."""
    if shutil.which("unshare") is None:
        return False
    test = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="needs user namespaces to mount a small disk")
@pytest.mark.parametrize(
    ("size", "words", "message"),
    [
        ("5M", ("logger=none",), "checkpoints/epoch_001.ckpt]: cannot be written: No space left on device ("),
        ("44k", ("logger=csv", "callbacks=none"), "]: there is no space left on this disk"),
    ],
    ids=["checkpoint", "csv"],
)
def test_c3_a_full_disk_ends_with_code_74_and_leaves_what_was_written(size, words, message, tmp_path: Path):
    overrides = [word for word in SHORT if not word.startswith(("trainer.max_epochs", "logger"))]
    command = [sys.executable, "-m", "ml_core.train", *overrides, *words, "trainer.max_epochs=3"]
    listing = "find $0 -name '*.ckpt' -printf '%s %f\\n' | sort"
    script = f'mount -t tmpfs -o size={size} tmpfs $0 && "$@" paths.log_dir=$0; echo "code $?"; {listing}'
    ended = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(tmp_path), *command],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    last_line = ended.stderr.strip().splitlines()[-1]
    assert last_line.startswith(f"ERROR [{tmp_path}/train/runs/")
    assert message in last_line
    _, code, *files = ended.stdout[ended.stdout.rindex("code ") - 1 :].splitlines()
    assert code == "code 74"
    assert len({file.split()[0] for file in files}) == (1 if size == "5M" else 0)
    assert [file.split()[1] for file in files] == (["epoch_000.ckpt", "last.ckpt"] if size == "5M" else [])
