"""Which mistakes can stand in the files themselves, and in their keys?"""

from __future__ import annotations

from dataclasses import fields

import torch
import torchmetrics
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from setting import ROOT
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader
from torchvision.transforms import Normalize
from wiring.yaml_mistakes.planting import Planted, takes

from ml_core.callbacks.early_stopping import EarlyStopping
from ml_core.callbacks.metrics_callback import MetricsCallback
from ml_core.data.base_datamodule import BaseDataModule
from ml_core.models.base_module import BaseLitModule
from ml_core.models.components.simple_dense_net import SimpleDenseNet
from ml_core.models.optimization import SchedulerSpec
from ml_core.models.utils import CriterionsComposition
from ml_core.transforms.base import RenameTransform

BY_US = ("dataset", "batch_sampler", "generator")
OF_SCHEDULERS = [field.name for field in fields(SchedulerSpec)][1:]
"""Keys beside the arguments of a scheduler."""
OF_METRICS = (
    "compute_on_cpu",
    "compute_with_cache",
    "dist_sync_fn",
    "dist_sync_on_step",
    "distributed_available_fn",
    "process_group",
    "sync_on_compute",
    "zero_division",
)
"""Arguments of every metric, which stand in its documentation alone."""
TOP = (
    "There are: callbacks, check, ckpt_path, data, extras, logger, model, optimized_metric, params, paths, seed, tags, "
    "task_name, test, train, trainer, trust. Values of your own belong under params."
)
TOP_AND_GROUPS = (
    "There are: callbacks, check, ckpt_path, data, debug, experiment, extras, hparams_search, logger, model, "
    "optimized_metric, params, paths, seed, tags, task_name, test, train, trainer, trust."
)
MODELS = ", ".join(sorted(path.stem for path in (ROOT / "configs" / "model").glob("*.yaml")))
GROUPS = (
    "Groups: callbacks, data, debug, experiment, experiment/data, extras, hparams_search, logger, model, "
    "model/criterions, model/network, model/optimizer, model/scheduler, paths, trainer."
)

SECTIONS: dict[str, tuple[Planted, ...]] = {
    "Files and defaults lists": (
        Planted(
            "an option that a group does not have",
            """\
defaults:
  - override /data: mnist_mini
  - override /model: clasifier  # <-
""",
            0,
            "model",
            "there is no option 'clasifier' of the group 'model'. Did you mean 'classifier'?",
            f"Options: {MODELS}.",
        ),
        Planted(
            "a group that does not exist",
            """\
defaults:
  - override /modle: classifier  # <-
""",
            0,
            "modle",
            "there is no 'modle' at the top level, so it would change nothing. Did you mean 'model'?",
            TOP_AND_GROUPS,
        ),
        Planted(
            "a nested group that does not exist",
            """\
defaults:
  - override /model: classifier
  - override /model/optimzer: adam  # <-
""",
            0,
            "model/optimzer",
            "there is no group 'model/optimzer' here. Did you mean 'model/optimizer'?",
            GROUPS,
        ),
        Planted(
            "a choice without `override`",
            """\
defaults:
  - /model: classifier  # <-
""",
            0,
            "model",
            "the group 'model' has a choice already, and the entry does not say that it replaces it.",
            "Write - override /model: classifier",
        ),
        Planted(
            "a choice without `override` and without the slash",
            """\
defaults:
  - model: classifier  # <-
""",
            0,
            "model",
            "the group 'model' is looked for below 'experiment', because no slash stands before it.",
            "Write - override /model: classifier",
        ),
        Planted(
            "`override` without the slash",
            """\
defaults:
  - override model: classifier  # <-
""",
            0,
            "model",
            "the group 'model' is looked for below 'experiment', because no slash stands before it.",
            "Write - override /model: classifier",
        ),
        Planted(
            "an entry with an equals sign",
            """\
defaults:
  - override /model=classifier  # <-
""",
            0,
            "defaults",
            "'override /model=classifier' is no entry of a `defaults` list.",
            "An entry reads - override /group: option",
        ),
        Planted(
            "a `defaults` that is no list",
            """\
defaults:  # <-
  model: classifier
""",
            0,
            "defaults",
            "is a mapping, but must be a list.",
            "An entry reads - override /group: option",
        ),
        Planted(
            "no `@package _global_`",
            "",
            0,
            "{file}:{line}",
            "the line '# @package _global_' is missing, so all of the file lands under 'experiment'.",
            "Make it the first line of the file.",
            without="# @package _global_\n",
        ),
        Planted(
            "a group that is chosen twice",
            """\
defaults:
  - override /data: mnist_mini
  - override /model: classifier
  - override /model: mnist  # <-
""",
            1,
            "model",
            "the group 'model' is chosen 2 times.",
            "Keep one entry.",
        ),
        Planted(
            "a list in place of names",
            """\
callbacks:  # <-
  - _target_: lightning.pytorch.callbacks.RichModelSummary
""",
            0,
            "callbacks",
            (
                "is a list here, but a mapping elsewhere, with the keys early_stopping, metrics_callback, "
                "model_checkpoint, model_summary, rich_progress_bar."
            ),
            "Give each entry a name: `name: value` in place of `- value`.",
        ),
        Planted(
            "a line that is indented too far",
            """\
params:
  size: 3
   rate: 4  # <-
""",
            0,
            "{file}:{line}:8",
            "is no YAML here: mapping values are not allowed here.",
            "Look at the indentation and quotes of that line.",
            is_raw=True,
        ),
        Planted(
            "a tab",
            """\
params:
	size: 3  # <-
""",
            0,
            "{file}:{line}:1",
            "is no YAML here: found character '\\t' that cannot start any token.",
            "Look at the indentation and quotes of that line.",
            is_raw=True,
        ),
        Planted(
            "a key that stands twice",
            """\
params:
  size: 3
  size: 4  # <-
""",
            0,
            "{file}:{line}:3",
            "is no YAML here: found duplicate key size.",
            "Look at the indentation and quotes of that line.",
            is_raw=True,
        ),
        Planted(
            "a bracket that nothing closes",
            """\
params: {sizes: [3, 4}  # <-
""",
            0,
            "{file}:{line}:22",
            "is no YAML here: expected ',' or ']', but got '}'.",
            "Look at the indentation and quotes of that line.",
            is_raw=True,
        ),
        Planted(
            "a colon in text without quotes",
            """\
params:
  title: first: try  # <-
""",
            0,
            "{file}:{line}:15",
            "is no YAML here: mapping values are not allowed here.",
            "Look at the indentation and quotes of that line.",
            is_raw=True,
        ),
        Planted(
            "an interpolation that nothing closes",
            """\
seed: ${params.seed  # <-
""",
            0,
            "seed",
            "holds no readable interpolation: no viable alternative at input '${params.seed'.",
            "An interpolation reads ${key.of.another.value}, with both brackets.",
        ),
    ),
    "Misspelt keys": (
        Planted(
            "of Hydra itself",
            """\
hydra:
  run:
    dri: logs  # <-
""",
            0,
            "hydra.run.dri",
            "hydra.run has no option 'dri'.",
        ),
        Planted(
            "of another sweeper",
            """\
hydra:
  sweeper:
    n_trials: 30  # <-
""",
            0,
            "hydra.sweeper.n_trials",
            "hydra.sweeper has no option 'n_trials'.",
            "Choose the sweeper that has it: - override /hydra/sweeper: optuna",
        ),
        Planted(
            "of an optimizer",
            """\
model:
  optimizer:
    lrr: 0.01  # <-
""",
            1,
            "model.optimizer.lrr",
            "torch.optim.Adam takes no 'lrr'. Did you mean 'lr'?",
            takes(torch.optim.Adam),
        ),
        Planted(
            "of a scheduler",
            """\
model:
  scheduler:
    patiance: 3  # <-
""",
            1,
            "model.scheduler.patiance",
            "torch.optim.lr_scheduler.ReduceLROnPlateau takes no 'patiance'. Did you mean 'patience'?",
            takes(ReduceLROnPlateau, also=OF_SCHEDULERS),
        ),
        Planted(
            "beside the arguments of a scheduler",
            """\
model:
  scheduler:
    montior: val/total  # <-
""",
            1,
            "model.scheduler.montior",
            "torch.optim.lr_scheduler.ReduceLROnPlateau takes no 'montior'. Did you mean 'monitor'?",
            takes(ReduceLROnPlateau, also=OF_SCHEDULERS),
        ),
        Planted(
            "of a network",
            """\
model:
  forward_fn:
    network:
      transform:
        output_sise: 10  # <-
""",
            1,
            "model.forward_fn.network.transform.output_sise",
            (
                "ml_core.models.components.simple_dense_net.SimpleDenseNet takes no 'output_sise'. Did you mean "
                "'output_size'?"
            ),
            takes(SimpleDenseNet),
        ),
        Planted(
            "of a step",
            """\
model:
  forward_fn:
    copy:
      _target_: ml_core.transforms.base.RenameTransform
      maping:  # <-
        output: copy
""",
            1,
            "model.forward_fn.copy.maping",
            "ml_core.transforms.base.RenameTransform takes no 'maping'. Did you mean 'mapping'?",
            takes(RenameTransform),
        ),
        Planted(
            "of the model",
            """\
model:
  optimiser:  # <-
    lr: 0.01
""",
            1,
            "model.optimiser",
            "ml_core.models.base_module.BaseLitModule takes no 'optimiser'. Did you mean 'optimizer'?",
            takes(BaseLitModule),
        ),
        Planted(
            "of a loss",
            """\
model:
  criterions:
    criterions:
      ce:
        label_smothing: 0.1  # <-
""",
            1,
            "model.criterions.criterions.ce.label_smothing",
            "torch.nn.CrossEntropyLoss takes no 'label_smothing'. Did you mean 'label_smoothing'?",
            takes(torch.nn.CrossEntropyLoss),
        ),
        Planted(
            "of the losses' composition",
            """\
model:
  criterions:
    weigths:  # <-
      ce: 2.0
""",
            1,
            "model.criterions.weigths",
            "ml_core.models.utils.CriterionsComposition takes no 'weigths'. Did you mean 'weights'?",
            takes(CriterionsComposition),
        ),
        Planted(
            "of the data module",
            """\
data:
  stratify: label  # <-
""",
            1,
            "data.stratify",
            "ml_core.data.base_datamodule.BaseDataModule takes no 'stratify'. Did you mean 'stratify_by'?",
            takes(BaseDataModule, DataLoader, without=BY_US),
        ),
        Planted(
            "of the data loader",
            """\
data:
  num_worker: 2  # <-
""",
            1,
            "data.num_worker",
            "ml_core.data.base_datamodule.BaseDataModule takes no 'num_worker'. Did you mean 'num_workers'?",
            takes(BaseDataModule, DataLoader, without=BY_US),
        ),
        Planted(
            "of the data source",
            """\
data:
  hf_dict_dataset:
    subset: 100  # <-
""",
            1,
            "data.hf_dict_dataset.subset",
            "ml_core.data.sources.mnist_mini takes no 'subset'.",
            "It takes: none.",
        ),
        Planted(
            "of a data transform",
            """\
data:
  transform:
    normalize:
      transform:
        means: [0.5]  # <-
""",
            1,
            "data.transform.normalize.transform.means",
            "torchvision.transforms.Normalize takes no 'means'. Did you mean 'mean'?",
            takes(Normalize),
        ),
        Planted(
            "of the trainer",
            """\
trainer:
  max_epoch: 5  # <-
""",
            1,
            "trainer.max_epoch",
            "lightning.pytorch.trainer.Trainer takes no 'max_epoch'. Did you mean 'max_epochs'?",
            takes(Trainer),
        ),
        Planted(
            "of a callback",
            """\
callbacks:
  early_stopping:
    patince: 3  # <-
""",
            1,
            "callbacks.early_stopping.patince",
            "ml_core.callbacks.early_stopping.EarlyStopping takes no 'patince'. Did you mean 'patience'?",
            takes(EarlyStopping, first=("monitor", "mode")),
        ),
        Planted(
            "of the metrics callback",
            """\
callbacks:
  metrics_callback:
    tracked_metric: accuracy  # <-
""",
            1,
            "callbacks.metrics_callback.tracked_metric",
            (
                "ml_core.callbacks.metrics_callback.MetricsCallback takes no 'tracked_metric'. Did you mean "
                "'tracked_metric_name'?"
            ),
            takes(MetricsCallback),
        ),
        Planted(
            "of a metric",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_clases: 10  # <-
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.metrics.accuracy.num_clases",
            "torchmetrics.Accuracy takes no 'num_clases'. Did you mean 'num_classes'?",
            takes(torchmetrics.Accuracy, also=OF_METRICS),
        ),
        Planted(
            "of a logger",
            """\
logger:
  csv:
    save_dri: here  # <-
""",
            1,
            "logger.csv.save_dri",
            "lightning.pytorch.loggers.CSVLogger takes no 'save_dri'. Did you mean 'save_dir'?",
            takes(CSVLogger),
        ),
        Planted(
            "of a shared instance",
            """\
params:
  instances:
    head:
      _target_: torch.nn.Linear
      in_feature: 784  # <-
      out_features: 10
""",
            1,
            "params.instances.head.in_feature",
            "torch.nn.Linear takes no 'in_feature'. Did you mean 'in_features'?",
            takes(torch.nn.Linear),
        ),
        Planted(
            "at the top level",
            """\
trianer:  # <-
  max_epochs: 3
""",
            1,
            "trianer",
            "there is no 'trianer' at the top level, so it would change nothing. Did you mean 'trainer'?",
            TOP,
        ),
        Planted(
            "a habit of other templates at the top level",
            """\
lr: 0.01  # <-
""",
            1,
            "lr",
            "there is no 'lr' at the top level, so it would change nothing.",
            TOP,
        ),
        Planted(
            "under `extras`",
            """\
extras:
  print_confg: true  # <-
""",
            1,
            "extras.print_confg",
            "there is no such extra. Did you mean 'print_config'?",
            "There are: enforce_tags, ignore_warnings, print_config.",
        ),
        Planted(
            "under `paths`",
            """\
paths:
  log_dri: here  # <-
""",
            1,
            "paths.log_dri",
            "nothing reads it. Did you mean 'log_dir'?",
            "There are: root_dir, data_dir, log_dir, output_dir, work_dir.",
        ),
        Planted(
            "of a directive",
            """\
model:
  forward_fn:
    argmax:
      transform:
        _partial: true  # <-
""",
            1,
            "model.forward_fn.argmax.transform._partial",
            "there is no directive '_partial'. Did you mean '_partial_'?",
            "There are: _args_, _convert_, _partial_, _recursive_, _target_.",
        ),
        Planted(
            "of `_target_` itself",
            """\
model:
  forward_fn:
    copy:  # <-
      _targt_: ml_core.transforms.base.RenameTransform
      mapping:
        output: copy
""",
            1,
            "model.forward_fn.copy",
            "has no `_target_`, so its values reach nothing. It has '_targt_': did you mean '_target_'?",
            "There are: network, argmax.",
        ),
    ),
    "Misspelt names of nodes": (
        Planted(
            "a callback",
            """\
callbacks:
  early_stoping:  # <-
    patience: 3
""",
            1,
            "callbacks.early_stoping",
            "has no `_target_`, so its values reach nothing. Did you mean 'early_stopping'?",
            "There are: metrics_callback, model_checkpoint, early_stopping, model_summary, rich_progress_bar.",
        ),
        Planted(
            "a logger",
            """\
logger:
  cvs:  # <-
    prefix: mine
""",
            1,
            "logger.cvs",
            "has no `_target_`, so its values reach nothing. Did you mean 'csv'?",
            "There are: csv.",
        ),
        Planted(
            "a step of the model",
            """\
model:
  forward_fn:
    netwrok:  # <-
      new_key: logits
""",
            1,
            "model.forward_fn.netwrok",
            "has no `_target_`, so its values reach nothing. Did you mean 'network'?",
            "There are: network, argmax.",
        ),
        Planted(
            "a step of the data",
            """\
data:
  transform:
    normalise:  # <-
      transform:
        mean: [0.5]
""",
            1,
            "data.transform.normalise",
            "has no `_target_`, so its values reach nothing. Did you mean 'normalize'?",
            "There are: to_tensor, normalize.",
        ),
        Planted(
            "a loss",
            """\
model:
  criterions:
    criterions:
      cee:  # <-
        label_smoothing: 0.1
""",
            1,
            "model.criterions.criterions.cee",
            "has no `_target_`, so its values reach nothing. Did you mean 'ce'?",
            "There are: ce.",
        ),
        Planted(
            "a metric",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_classes: 10
        acuracy:  # <-
          top_k: 2
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.metrics.acuracy",
            "has no `_target_`, so its values reach nothing. Did you mean 'accuracy'?",
            "There are: accuracy.",
        ),
    ),
}
