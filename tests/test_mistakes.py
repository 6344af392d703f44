"""What a user can get wrong, through the commands as they are typed: the whole message, the exit code, what is left."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from lightning.pytorch import Callback
from setting import ROOT
from torch.utils.data import DataLoader
from wiring.planted import rows
from wiring.yaml_mistakes.files_and_keys import BY_US, MODELS, TOP_AND_GROUPS
from wiring.yaml_mistakes.planting import takes

from ml_core.data.base_datamodule import BaseDataModule
from ml_core.eval import main as eval_main
from ml_core.train import main as train_main

Run = Callable[..., Path]

SHORT = (
    "trainer.limit_train_batches=2",
    "trainer.limit_val_batches=1",
    "trainer.limit_test_batches=1",
    "trainer.min_epochs=1",
    "trainer.max_epochs=2",
    "callbacks.rich_progress_bar=null",
)
FILE = "configs/experiment/mine.yaml"
HEAD = "# @package _global_\ndefaults:\n  - override /model: classifier\n"
FLAT = """\
data:
  transform: null
  stratify_by: null
  batch_size: 8
  hf_dict_dataset:
    _target_: wiring.planted.rows
"""
METRIC = """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics: {accuracy: {_target_: torchmetrics.Accuracy, task: multiclass, num_classes: 10}}
      mapping: {accuracy: {predicted: preds, label: target}}
"""
STEP = """\
model:
  forward_fn:
    flatten:
      _target_: ml_core.transforms.base.WrapTransform
      transform: {_target_: torch.nn.Flatten}
      mapping: {%s}
      new_key: flat
"""
ADAM = takes(torch.optim.Adam)
LOGGED = "It logs: train/ce, train/total, val/best, val/ce, val/total."
NO_VALIDATION = (
    "Give the data a validation split (data.val_ratio above 0), or let everything look at the training loss: "
    "callbacks.model_checkpoint.monitor=train/total callbacks.early_stopping.monitor=train/total "
    "model.scheduler.monitor=train/total (the last for a plateau scheduler)."
)
LOSS = "<configs>/model/criterions/cross_entropy.yaml:6"
CRITERION = "model.criterions.criterions.ce"
CLASSES = (
    "Correct the data, give the network as many outputs as there are classes, or let the loss leave the value out: "
    "ignore_index (now -100)."
)
TO_LOWER = (
    "Lower model.optimizer.lr, set trainer.gradient_clip_val=1.0, or use trainer.precision=32-true; "
    "trainer.detect_anomaly=true finds the operation."
)
SHARE = "but must be a share from 0 to below 1."
A_RUN = "Name a file that a run wrote into its checkpoints folder."
NO_ZIP = "is no whole checkpoint (BadZipFile: File is not a zip file)."


@dataclass(frozen=True)
class Mistake:
    """A command that is wrong, and what it says.

    Attributes:
        command: Program and arguments; `<good>` is the checkpoint of a run, `<kind>.ckpt` a file made of it.
        code: Exit code.
        place: File and line, or override; empty where the mistake belongs to no configuration.
        where: YAML path or file.
        what: What happened.
        fix: What to do.
        yaml: An experiment `mine`, which is chosen then.
        is_started: Whether there is a run already, so that its log has the traceback.
    """

    command: str
    code: int
    place: str
    where: str
    what: str
    fix: str = ""
    yaml: str = ""
    is_started: bool = True

    @property
    def told(self) -> str:
        """All of stderr."""
        link = " " if self.what.endswith("?") else "; "
        is_long = len(self.fix) > 80
        last = f"ERROR [{self.where}]: {self.what.rstrip('.')}{link + self.fix if self.fix and not is_long else ''}"
        head = f"{self.place}  {self.where}" if self.place else self.where
        explained = [head, f"  {self.what}", *([f"  {self.fix}"] if self.fix else []), "", ""]
        return ("\n".join(explained) if self.place or is_long else "") + f"{last}\n"


MISTAKES = {
    # ---- misspelt keys
    "a key on the command line": Mistake(
        "train experiment=example model.optimizer.lrr=1", 64,
        "command line: model.optimizer.lrr=1", "model.optimizer.lrr",
        "torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?", ADAM,
    ),
    "a key in an experiment": Mistake(
        "train", 64, f"{FILE}:6", "model.optimizer.lrr",
        "torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?", ADAM,
        yaml="model:\n  optimizer:\n    lrr: 0.1\n",
    ),
    "a section on the command line": Mistake(
        "train trianer.max_epochs=2", 64, "command line: trianer.max_epochs=2", "trianer",
        "there is no 'trianer' at the top level, so it would change nothing. Did you mean 'trainer'?", TOP_AND_GROUPS,
        is_started=False,
    ),
    "a section in an experiment": Mistake(
        "train", 64, f"{FILE}:4", "trianer",
        "there is no 'trianer' at the top level, so it would change nothing. Did you mean 'trainer'?",
        "There are: callbacks, check, ckpt_path, data, extras, logger, model, optimized_metric, params, paths, seed, "
        "tags, task_name, test, train, trainer, trust. Values of your own belong under params.",
        yaml="trianer:\n  max_epochs: 2\n",
    ),
    "an argument of a partial": Mistake(
        "train", 64, f"{FILE}:8", "model.forward_fn.argmax.transform.dimm",
        "torch.argmax takes no 'dimm'. Did you mean 'dim'?", "It takes: input, dim, keepdim, out.",
        yaml="model:\n  forward_fn:\n    argmax:\n      transform:\n        dimm: 1\n",
    ),
    "an argument of the data loader": Mistake(
        "train data.num_worker=2", 64, "command line: data.num_worker=2", "data.num_worker",
        "ml_core.data.base_datamodule.BaseDataModule takes no 'num_worker'. Did you mean 'num_workers'?",
        takes(BaseDataModule, DataLoader, without=BY_US),
    ),
    "an option": Mistake(
        "train model=clasifier", 64, "command line: model=clasifier", "model",
        "there is no option 'clasifier' of the group 'model'. Did you mean 'classifier'?",
        f"Options: {MODELS}.", is_started=False,
    ),
    # ---- checkpoints
    "no checkpoint to evaluate": Mistake(
        "eval", 64, "<configs>/eval.yaml:34", "ckpt_path", "is not given.",
        "Name a checkpoint: ckpt_path=<run>/checkpoints/last.ckpt",
    ),
    "a checkpoint to evaluate that does not exist": Mistake(
        "eval ckpt_path=none.ckpt", 74, "", "none.ckpt", "there is no such checkpoint.",
        "A run keeps its own in checkpoints/.",
    ),
    "a checkpoint to resume that does not exist": Mistake(
        "train experiment=example ckpt_path=none.ckpt", 74, "", "none.ckpt", "there is no such checkpoint.",
        "A run keeps its own in checkpoints/.",
    ),
    **{
        f"a checkpoint to evaluate that is {kind}": Mistake(
            f"eval ckpt_path={kind}.ckpt", 74, "", f"{kind}.ckpt", NO_ZIP, "Give another file.", is_started=False
        )
        for kind in ("truncated", "empty", "text")
    },
    **{
        f"a checkpoint to resume that is {kind}": Mistake(
            f"train experiment=example ckpt_path={kind}.ckpt", 74, "", f"{kind}.ckpt", NO_ZIP, "Give another file."
        )
        for kind in ("truncated", "empty", "text")
    },
    "a foreign checkpoint to evaluate": Mistake(
        "eval ckpt_path=foreign.ckpt", 64, "the checkpoint's configuration", "data",
        "is missing: it must be a node with a `_target_`.",
        "This checkpoint carries no configuration: add experiment=<name>.",
    ),
    "a foreign checkpoint to resume": Mistake(
        "train experiment=example ckpt_path=foreign.ckpt", 74, "", "foreign.ckpt",
        "is no checkpoint of a training: it lacks 'state_dict', 'pytorch-lightning_version'. It holds: 'weight'.",
        A_RUN,
    ),
    "a checkpoint that would run code": Mistake(
        "train experiment=example ckpt_path=bomb.ckpt", 77, "", "bomb.ckpt",
        f"holds {os.system.__module__}.system, which would run code when it is loaded.",
    ),
    # ---- keys and mappings
    "a batch key that no step makes": Mistake(
        "train", 64, f"{FILE}:9", "callbacks.metrics_callback.metrics.mapping.accuracy",
        "reads 'predicted', which no step makes. Did you mean 'prediction'? "
        "Keys at this point: image, label, output, prediction.",
        "'prediction' (int64 [128], made by model.forward_fn.argmax) fits torchmetrics.Accuracy.preds.", yaml=METRIC,
    ),
    "a parameter that the callable lacks": Mistake(
        "train", 64, f"{FILE}:9", "model.forward_fn.flatten.mapping.image",
        "torch.nn.Flatten has no parameter 'inputs'. Did you mean 'input'?", "It takes: input.",
        yaml=STEP % "image: inputs",
    ),
    "a mapping written the wrong way round": Mistake(
        "train", 64, f"{FILE}:9", "model.forward_fn.flatten.mapping.input",
        "torch.nn.Flatten has no parameter 'image'. "
        "A mapping reads {batch_key: parameter}, so turn it round: {image: input}.", "It takes: input.",
        yaml=STEP % "input: image",
    ),
    # ---- data
    "no test split": Mistake(
        "train train=false ckpt_path=<good>", 65, f"{FILE}:4", "data", "there is no test split.",
        "Splits: train, validation.", yaml=FLAT.replace("wiring.planted.rows", "test_mistakes.without_test"),
    ),
    "a share of all": Mistake(
        "train data.val_ratio=1", 64, "command line: data.val_ratio=1", "data.val_ratio", f"is 1, {SHARE}",
    ),
    "a share below nothing": Mistake(
        "train data.val_ratio=-0.1", 64, "command line: data.val_ratio=-0.1", "data.val_ratio", f"is -0.1, {SHARE}",
    ),
    "a share above all": Mistake(
        "train data.val_ratio=1.5", 64, "command line: data.val_ratio=1.5", "data.val_ratio", f"is 1.5, {SHARE}",
    ),
    "an empty split": Mistake(
        "train", 65, f"{FILE}:4", "data", "the train split is empty.", yaml=f"{FLAT}    count: 0\n",
    ),
    "a label outside the classes": Mistake(
        "train", 65, LOSS, CRITERION,
        "'label' holds 12, but 'output' has 10 classes, 0 to 9. Rows in this batch: 1, 3, 5, 7.", CLASSES,
        yaml=f"{FLAT}    wrong_label: 12\n",
    ),
    "a label outside the classes, without the check": Mistake(
        "train seed=3", 65, LOSS, CRITERION,
        "'label' holds 12, but 'output' has 10 classes, 0 to 9. Rows in this batch: <rows>.", CLASSES,
        yaml=f"check: false\n{FLAT}    wrong_label: 12\n",
    ),
    "nan in the data": Mistake(
        "train", 65, "", "data, split train", "the data holds nan or inf: 'image' in row <rows>.",
        "Correct the data, fill them in data.transform (torch.nan_to_num), or leave such rows out: data.on_bad=skip.",
        yaml=f"{FLAT}    nan: true\n",
    ),
    # ---- values that are watched
    "a search for what nothing logs": Mistake(
        "train optimized_metric=val/f1", 64, "command line: optimized_metric=val/f1", "optimized_metric",
        "nothing in this run logs 'val/f1'. Did you mean 'val/ce'?",
        LOGGED.replace("It logs: ", "It logs: test/ce, test/total, "),
    ),
    "a monitor that nothing logs": Mistake(
        "train callbacks.early_stopping.monitor=val/loss", 64,
        "command line: callbacks.early_stopping.monitor=val/loss", "callbacks.early_stopping.monitor",
        "nothing in this run logs 'val/loss'. Did you mean 'val/best'?", LOGGED,
    ),
    "a monitor of the test": Mistake(
        "train callbacks.early_stopping.monitor=test/total", 64,
        "command line: callbacks.early_stopping.monitor=test/total", "callbacks.early_stopping.monitor",
        "nothing in this run logs 'test/total'. Did you mean 'train/total'?", LOGGED,
    ),
    "a tracked metric that does not exist": Mistake(
        "train experiment=example callbacks.metrics_callback.tracked_metric_name=f1", 64,
        "command line: callbacks.metrics_callback.tracked_metric_name=f1",
        "callbacks.metrics_callback.tracked_metric_name", "there is no metric 'f1' in validation.",
        "Metrics: accuracy.",
    ),
    "a monitor of a validation that there is not": Mistake(
        "train data.val_ratio=0 callbacks.early_stopping=null", 64,
        "<configs>/callbacks/model_checkpoint.yaml:8", "callbacks.model_checkpoint.monitor",
        "'val/best' is logged in validation, but this run has no validation batches.", NO_VALIDATION,
    ),
    # ---- shapes and numbers
    "a shape that does not fit": Mistake(
        "train model.forward_fn.network.transform.input_size=783", 64,
        "<configs>/model/base.yaml:15", "model.forward_fn.network",
        "SimpleDenseNet.model.0 (Linear 783 -> 256) cannot take float32 [128, 784] "
        "(simple_dense_net.py in SimpleDenseNet.forward): "
        "addmm: mat1 and mat2 shapes cannot be multiplied (128x784 and 783x256).",
        "x comes from 'image' (float32 [128, 1, 28, 28], made by data.transform.normalize). "
        "model.forward_fn.network.transform.input_size is 783; 784 would fit.",
    ),
    "a loss that is not finite": Mistake(
        "train experiment=example model.optimizer.lr=1e30", 70, LOSS, CRITERION,
        "the loss is not finite at step 1 (epoch 0, batch 1): 'ce' is nan. Nothing after it is saved. "
        "Rows of the train split: <rows>.", TO_LOWER,
    ),
    # ---- the machine
    "a package that is not installed": Mistake(
        "train logger=aim", 64, "<configs>/logger/aim.yaml:5", "logger.aim._target_",
        "aim.pytorch_lightning.AimLogger needs the package 'aim'.",
        "Install the extra that holds it: uv pip install '.[loggers]'",
    ),
    "a value that the trainer refuses": Mistake(
        "train trainer.plugins=nothing", 64, "<configs>/trainer/default.yaml:1", "trainer",
        "lightning.pytorch.trainer.Trainer could not be built: MisconfigurationException: Found invalid type for "
        "plugin n. Expected one of: Precision, CheckpointIO, ClusterEnvironment, or LayerSync.",
    ),
    "an output folder below a file": Mistake(
        "train hydra.run.dir=text.ckpt/run", 74, "", "text.ckpt/run", "lies below something that is a file.",
        "Write elsewhere: paths.log_dir=<folder>", is_started=False,
    ),
}  # fmt: skip


def without_test():
    splits = rows()
    del splits["test"]
    return splits


class Interrupt(Callback):
    """Stands in for somebody who presses Ctrl-C in the second epoch."""

    def on_train_batch_start(self, trainer, *args):
        if trainer.current_epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run of one epoch."""
    logs = tmp_path_factory.mktemp("good")
    words = ["experiment=example", *SHORT, "trainer.max_epochs=1", "test=false", "logger=none"]
    with pytest.MonkeyPatch.context() as patch:
        GlobalHydra.instance().clear()
        patch.setattr(sys, "argv", ["train.py", *words, f"paths.log_dir={logs}", "extras.print_config=false"])
        train_main()
    (path,) = logs.glob("train/runs/*/checkpoints/last.ckpt")
    return path


@pytest.fixture
def folder(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, with files that are no good checkpoints; the good one stays as it is."""
    monkeypatch.chdir(tmp_path)
    content = good.read_bytes()
    (tmp_path / "truncated.ckpt").write_bytes(content[:-4096])
    (tmp_path / "empty.ckpt").write_bytes(b"")
    (tmp_path / "text.ckpt").write_text("not a checkpoint\n")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "foreign.ckpt")
    state = {"state_dict": {}, "pytorch-lightning_version": "2", "optimizer_states": [], "lr_schedulers": []}
    torch.save({**state, "loops": {}, "bomb": Bomb()}, tmp_path / "bomb.ckpt")
    digest = hashlib.sha256(content).hexdigest()
    yield tmp_path
    assert hashlib.sha256(good.read_bytes()).hexdigest() == digest
    assert not (tmp_path / "exploded").exists()


def words_of(mistake: Mistake, good: Path, folder: Path) -> tuple[Callable[[], object], list[str]]:
    program, *words = shlex.split(mistake.command.replace("<good>", str(good)))
    if mistake.yaml:
        (folder / FILE).parent.mkdir(parents=True)
        (folder / FILE).write_text(HEAD + mistake.yaml)
        words = ["--config-dir", "configs", "experiment=mine", *words]
    is_train = program == "train"
    given = {word.partition("=")[0] for word in words}
    short = [word for word in SHORT[: None if is_train else 3] if word.partition("=")[0] not in given]
    return train_main if is_train else eval_main, [*words, *short]


def plain(text: str) -> str:
    """Return stderr without Hydra's first line, and without what differs from run to run."""
    lines = text.splitlines(keepends=True)
    text = "".join(lines[1:] if lines[0].startswith("Error executing job with overrides") else lines)
    text = text.replace(str(ROOT / "configs"), "<configs>")
    return re.sub(r"\.py:\d+", ".py", text)


def matches(text: str, expected: str) -> bool:
    """Whether a text is the expected one; `<rows>` stands for those that a shuffle chose."""
    return re.fullmatch(re.escape(expected).replace("<rows>", r"[\d, ]+( more)?"), text) is not None


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_whole_with_its_exit_code(
    name: str, good: Path, folder: Path, run_command: Run, capsys: pytest.CaptureFixture[str]
):
    mistake = MISTAKES[name]
    main, words = words_of(mistake, good, folder)
    with pytest.raises(SystemExit) as end:
        run_command(main, *words)
    printed = capsys.readouterr()
    told = plain(printed.err)
    assert told == mistake.told or matches(told, mistake.told)
    assert end.value.code == mistake.code
    assert "Traceback" not in printed.out
    logs = [*folder.glob("*/runs/*/train.log"), *folder.glob("*/runs/*/eval.log")]
    assert ["Traceback" in log.read_text() for log in logs] == [True] * mistake.is_started
    assert list(folder.glob("*/runs/*/checkpoints/*")) == []


# ---- the disk, Ctrl-C, and what is no mistake


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk of 2 MB, with further options, where the machine lets us; it goes with the test."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size=2m,{options}", "tmpfs", str(folder)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount a disk")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # its log may still be open


@pytest.mark.parametrize("resumed", [[], ["ckpt_path=<good>"]], ids=["fresh", "resumed"])
def test_a_full_disk_is_told_with_the_bytes_that_are_missing(
    resumed: list[str], good: Path, folder: Path, mounted: Callable[[str], Path], run_command: Run, capsys
):
    disk = mounted("rw")
    words = [word.replace("<good>", str(good)) for word in resumed]
    with pytest.raises(SystemExit) as end:
        run_command(train_main, "experiment=example", *words, *SHORT, f"hydra.run.dir={disk}/run")
    told = plain(capsys.readouterr().err)
    assert end.value.code == 74
    assert re.fullmatch(
        re.escape(
            f"ERROR [disk/run/checkpoints/epoch_00{len(resumed)}.ckpt]: cannot be written: No space left on device"
        )
        + r" \([\d,]+ bytes needed, [\d,]+ free\); The checkpoints written before are untouched\.\n",
        told.replace(f"{folder}/", ""),
    )
    assert "Traceback" in (disk / "run" / "train.log").read_text()
    assert list((disk / "run" / "checkpoints").iterdir()) == []


def test_a_disk_that_cannot_be_written_to_is_told(
    folder: Path, mounted: Callable[[str], Path], run_command: Run, capsys
):
    disk = mounted("ro")
    with pytest.raises(SystemExit) as end:
        run_command(train_main, "experiment=example", *SHORT, f"hydra.run.dir={disk}/run")
    assert end.value.code == 74
    assert capsys.readouterr().err == (
        f"ERROR [{disk}/run]: lies on a disk that cannot be written to; Write elsewhere: paths.log_dir=<folder>\n"
    )


def test_ctrl_c_ends_with_130_and_keeps_what_was_saved(folder: Path, run_command: Run, capsys):
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text(f"{HEAD}callbacks:\n  hand:\n    _target_: test_mistakes.Interrupt\n")
    with pytest.raises(SystemExit) as end:
        run_command(train_main, "--config-dir", "configs", "experiment=mine", *SHORT)
    assert end.value.code == 130
    printed = capsys.readouterr()
    assert printed.err == (
        "ERROR [interrupted]: stopped by Ctrl-C; What was saved so far is in the run's folder, "
        "and the same command with ckpt_path=last goes on from there\n"
    )
    assert "Traceback" not in printed.out
    (saved,) = folder.glob("train/runs/*/checkpoints/last.ckpt")
    assert torch.load(saved, weights_only=True)["epoch"] == 0


def test_training_without_a_test_split_says_that_nothing_is_tested(folder: Path, run_command: Run, capsys):
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text(HEAD + FLAT.replace("wiring.planted.rows", "test_mistakes.without_test"))
    run_command(train_main, "--config-dir", "configs", "experiment=mine", *SHORT)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "The data set has no test split: nothing is tested. test=false switches this message off." in " ".join(
        printed.out.split()
    )
    assert "test/" not in printed.out
