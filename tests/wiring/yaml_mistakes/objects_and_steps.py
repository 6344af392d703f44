"""Which mistakes show when objects are built, data is opened and a step is taken?"""

from __future__ import annotations

from wiring.yaml_mistakes.planting import Planted

SECTIONS: dict[str, tuple[Planted, ...]] = {
    "Values that are watched": (
        Planted(
            "a checkpoint watches a misspelt value",
            """\
callbacks:
  model_checkpoint:
    monitor: val/acuracy  # <-
""",
            2,
            "callbacks.model_checkpoint.monitor",
            "nothing in this run logs 'val/acuracy'. Did you mean 'val/accuracy'?",
            "It logs: train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total.",
        ),
        Planted(
            "early stopping watches a value without its stage",
            """\
callbacks:
  early_stopping:
    monitor: total  # <-
""",
            2,
            "callbacks.early_stopping.monitor",
            "nothing in this run logs 'total'. Did you mean 'val/total'?",
            "It logs: train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total.",
        ),
        Planted(
            "a scheduler watches a value that no loss has",
            """\
model:
  scheduler:
    monitor: val/loss  # <-
""",
            2,
            "model.scheduler.monitor",
            "nothing in this run logs 'val/loss'. Did you mean 'val/best'?",
            "It logs: train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total.",
        ),
        Planted(
            "a search looks for a value that nothing logs",
            """\
optimized_metric: val/f1  # <-
""",
            2,
            "optimized_metric",
            "nothing in this run logs 'val/f1'. Did you mean 'val/ce'?",
            (
                "It logs: test/accuracy, test/ce, test/total, train/accuracy, train/ce, train/total, "
                "val/accuracy, val/best, val/ce, val/total."
            ),
        ),
        Planted(
            "early stopping waits for a value of the test",
            """\
callbacks:
  early_stopping:
    monitor: test/total  # <-
""",
            2,
            "callbacks.early_stopping.monitor",
            "nothing in this run logs 'test/total'. Did you mean 'train/total'?",
            "It logs: train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total.",
        ),
        Planted(
            "the tracked metric is misspelt",
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
      mapping:
        accuracy:
          prediction: preds
          label: target
    tracked_metric_name: acuracy  # <-
""",
            2,
            "callbacks.metrics_callback.tracked_metric_name",
            "there is no metric 'acuracy' in validation. Did you mean 'accuracy'?",
            "Metrics: accuracy.",
        ),
        Planted(
            "a value of the validation, of which there is none",
            """\
data:
  val_ratio: 0
callbacks:
  model_checkpoint:
    monitor: train/total
  early_stopping:
    monitor: train/total
model:
  scheduler:
    monitor: val/total  # <-
""",
            2,
            "model.scheduler.monitor",
            "'val/total' is logged in validation, but this run has no validation batches.",
            (
                "Give the data a validation split (data.val_ratio above 0), or let everything look at the "
                "training loss: callbacks.model_checkpoint.monitor=train/total "
                "callbacks.early_stopping.monitor=train/total model.scheduler.monitor=train/total (the last for a"
                " plateau scheduler)."
            ),
        ),
        Planted(
            "a direction that does not exist",
            """\
callbacks:
  metrics_callback:
    mode: maximum  # <-
""",
            2,
            "callbacks.metrics_callback.mode",
            "is 'maximum'.",
            "Choices: min, max, null.",
        ),
    ),
    "Data": (
        Planted(
            "a validation share of all",
            """\
data:
  val_ratio: 1  # <-
""",
            1,
            "data.val_ratio",
            "is 1, but must be a share from 0 to below 1.",
        ),
        Planted(
            "a validation share below nothing",
            """\
data:
  val_ratio: -0.1  # <-
""",
            1,
            "data.val_ratio",
            "is -0.1, but must be a share from 0 to below 1.",
        ),
        Planted(
            "a validation share above all",
            """\
data:
  val_ratio: 1.5  # <-
""",
            1,
            "data.val_ratio",
            "is 1.5, but must be a share from 0 to below 1.",
        ),
        Planted(
            "an empty batch",
            """\
data:
  batch_size: 0  # <-
""",
            1,
            "data.batch_size",
            "is 0, but must be a whole number from 1 or a mapping.",
        ),
        Planted(
            "fewer workers than none",
            """\
data:
  num_workers: -1  # <-
""",
            1,
            "data.num_workers",
            "is -1, but must be a whole number from 0.",
        ),
        Planted(
            "a column to stratify by that does not exist",
            """\
data:
  stratify_by: lable  # <-
""",
            2,
            "data.stratify_by",
            "there is no column 'lable'. Did you mean 'label'?",
            "Columns: image, label.",
        ),
        Planted(
            "a data set without splits",
            """\
data:
  hf_dict_dataset:  # <-
    _target_: datasets.Dataset.from_list
    mapping: [{image: [0.0], label: 0}]
""",
            2,
            "data.hf_dict_dataset",
            "gave a Dataset, but must give named splits (a DatasetDict or mapping).",
            "Load without `split=`.",
        ),
    ),
    "Values that an object refuses": (
        Planted(
            "a negative learning rate",
            """\
model:
  optimizer:
    lr: -0.1  # <-
""",
            1,
            "model.optimizer.lr",
            "is -0.1, but must be a number from 0 or an object (a node with `_target_`).",
        ),
        Planted(
            "a scheduler's factor above one",
            """\
model:
  scheduler:  # <-
    factor: 2.0
""",
            2,
            "model.scheduler",
            "could not be built: ValueError: Factor should be < 1.0.",
        ),
        Planted(
            "an interval that does not exist",
            """\
model:
  scheduler:
    interval: batch  # <-
""",
            1,
            "model.scheduler.interval",
            "is 'batch' (text), but must be 'epoch' or 'step'.",
        ),
        Planted(
            "a frequency of nothing",
            """\
model:
  scheduler:
    frequency: 0  # <-
""",
            2,
            "model.scheduler.frequency",
            "is 0, but must be a whole number from 1.",
        ),
        Planted(
            "two times to save at",
            """\
callbacks:
  model_checkpoint:  # <-
    every_n_epochs: 1
    every_n_train_steps: 10
""",
            2,
            "callbacks.model_checkpoint",
            (
                "ml_core.callbacks.model_checkpoint.ModelCheckpoint could not be built: "
                "MisconfigurationException: Combination of parameters every_n_train_steps=10, every_n_epochs=1 "
                "and train_time_interval=None should be mutually exclusive."
            ),
        ),
        Planted(
            "a loss by the name of the sum",
            """\
model:
  criterions:
    criterions:
      total:  # <-
        _target_: torch.nn.CrossEntropyLoss
    mapping:
      total:
        output: input
        label: target
""",
            2,
            "model.criterions.criterions.total",
            "is taken: 'total' names the weighted sum.",
            "Rename this loss.",
        ),
        Planted(
            "a step with a dot in its name",
            """\
model:
  forward_fn:
    first.copy:  # <-
      _target_: ml_core.transforms.base.RenameTransform
      mapping:
        output: copy
""",
            2,
            "model.forward_fn.first.copy",
            "is no usable name: it holds a dot.",
        ),
        Planted(
            "a metric by a name that is taken",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        keys:  # <-
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_classes: 10
      mapping:
        keys:
          prediction: preds
          label: target
    tracked_metric_name: keys
""",
            2,
            "callbacks.metrics_callback.metrics.metrics.keys",
            "is a name that torchmetrics uses itself.",
            "Rename this metric.",
        ),
    ),
    "One step": (
        Planted(
            "a label that is none of the classes",
            """\
data:
  transform:
    shift:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.add
        _partial_: true
        other: 1
      mapping:
        label: input
      new_key: number
model:
  criterions:
    criterions:
      second:  # <-
        _target_: torch.nn.CrossEntropyLoss
    mapping:
      second:
        output: input
        number: target
""",
            3,
            "model.criterions.criterions.second",
            "'number' holds 10, but 'output' has 10 classes, 0 to 9. Rows in this batch: 7, 10, 17, 19, 41, 57.",
            (
                "Correct the data, give the network as many outputs as there are classes, or let the loss leave "
                "the value out: ignore_index (now -100)."
            ),
        ),
        Planted(
            "a loss that is not finite",
            """\
model:
  criterions:
    weights:  # <-
      ce: .inf
""",
            3,
            "model.criterions.weights",
            "the loss is not finite in this step: 'ce' is 2.367. Nothing after it is saved.",
            (
                "Lower model.optimizer.lr, set trainer.gradient_clip_val=1.0, or use trainer.precision=32-true; "
                "trainer.detect_anomaly=true finds the operation."
            ),
        ),
        Planted(
            "a step that makes nan",
            """\
model:
  forward_fn:
    logarithm:  # <-
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.log
        _partial_: true
      mapping:
        label: input
      new_key: logarithm
""",
            3,
            "model.forward_fn.logarithm",
            "makes nan or inf of finite values: 'logarithm' (8 of 64).",
        ),
        Planted(
            "a step that cuts the gradient off",
            """\
model:
  forward_fn:
    frozen:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.detach
        _partial_: true
      mapping:
        output: input
      new_key: output
  criterions:  # <-
    weights:
      ce: 1.0
""",
            3,
            "model.criterions",
            "depends on no weight that is trained, so nothing would be learnt.",
            "Look for detach(), no_grad() or argmax between the network and the loss.",
        ),
    ),
}
