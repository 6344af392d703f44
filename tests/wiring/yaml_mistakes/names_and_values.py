"""Which mistakes can stand in targets, interpolations and plain values?"""

from __future__ import annotations

from wiring.yaml_mistakes.planting import Planted

SECTIONS: dict[str, tuple[Planted, ...]] = {
    "Targets": (
        Planted(
            "a package that is not installed",
            """\
model:
  optimizer:
    _target_: torch_optimizer.Adamp  # <-
""",
            1,
            "model.optimizer._target_",
            "torch_optimizer.Adamp needs the package 'torch_optimizer'.",
            (
                "If it is a module of your own, put it beside your configurations or into the working folder; "
                "else: uv pip install torch-optimizer"
            ),
        ),
        Planted(
            "a call in place of a name",
            """\
model:
  optimizer:
    _target_: torch.optim.Adam()  # <-
""",
            1,
            "model.optimizer._target_",
            "is 'torch.optim.Adam()', which holds a call.",
            "Write torch.optim.Adam alone, and its arguments as keys.",
        ),
        Planted(
            "a misspelt package",
            """\
data:
  transform:
    normalize:
      transform:
        _target_: torchvison.transforms.Normalize  # <-
""",
            1,
            "data.transform.normalize.transform._target_",
            "torchvison.transforms.Normalize needs the package 'torchvison'. Did you mean 'torchvision'?",
            (
                "If it is a module of your own, put it beside your configurations or into the working folder; "
                "else: uv pip install torchvison"
            ),
        ),
        Planted(
            "a module that imports what is not there",
            """\
model:
  forward_fn:
    network:
      transform:
        _target_: wiring.imports_nothing.Net  # <-
""",
            2,
            "model.forward_fn.network.transform._target_",
            (
                "wiring.imports_nothing.Net cannot be imported: {tests}/wiring/imports_nothing.py imports 'nunpy', "
                "which is not there. Did you mean 'numpy'?"
            ),
            (
                "If it is a module of your own, put it beside your configurations or into the working folder; "
                "else: uv pip install nunpy"
            ),
        ),
        Planted(
            "a loss in the place of a metric",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:
          _target_: torch.nn.CrossEntropyLoss  # <-
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.metrics.accuracy._target_",
            "torch.nn.CrossEntropyLoss is no metric of torchmetrics.",
            "Losses stand under model.criterions.",
        ),
        Planted(
            "a package that belongs to an extra",
            """\
model:
  forward_fn:
    network:
      transform:
        _target_: mamba_ssm.Mamba  # <-
""",
            1,
            "model.forward_fn.network.transform._target_",
            "mamba_ssm.Mamba needs the package 'mamba_ssm'.",
            "Install the extra that holds it: uv pip install '.[mamba]'",
        ),
        Planted(
            "a module that does not exist",
            """\
model:
  forward_fn:
    network:
      transform:
        _target_: ml_core.models.components.simple_densenet.SimpleDenseNet  # <-
""",
            1,
            "model.forward_fn.network.transform._target_",
            (
                "there is no ml_core.models.components.simple_densenet.SimpleDenseNet: ml_core.models.components "
                "has no module 'simple_densenet'. Did you mean 'simple_dense_net'?"
            ),
            "Check the spelling, module by module.",
        ),
        Planted(
            "a class that does not exist",
            """\
model:
  optimizer:
    _target_: torch.optim.Addam  # <-
""",
            1,
            "model.optimizer._target_",
            "there is no torch.optim.Addam: torch.optim has no 'Addam'. Did you mean 'Adam'?",
            "Check the spelling, module by module.",
        ),
        Planted(
            "a class without its module",
            """\
model:
  optimizer:
    _target_: AdamW  # <-
""",
            1,
            "model.optimizer._target_",
            "is 'AdamW', which names no module.",
            "Write package.module.name, such as torch.optim.Adam.",
        ),
        Planted(
            "a module in the place of a class",
            """\
model:
  optimizer:
    _target_: torch.optim  # <-
""",
            1,
            "model.optimizer._target_",
            "there is no torch.optim: torch.optim is a module, which cannot be called.",
            "Check the spelling, module by module.",
        ),
        Planted(
            "a value that cannot be called",
            """\
model:
  forward_fn:
    argmax:
      transform:
        _target_: torch.float32  # <-
""",
            2,
            "model.forward_fn.argmax.transform._target_",
            "torch.float32 is of type dtype, which cannot be called.",
            "A `_target_` names a class or a function.",
        ),
        Planted(
            "a function that Hydra refuses",
            """\
model:
  forward_fn:
    argmax:
      transform:
        _target_: os.system  # <-
""",
            2,
            "model.forward_fn.argmax.transform._target_",
            (
                "os.system is refused: Target 'os.system' is blocklisted because it allows config data to control"
                " executable behavior or belongs to an execution-capable target family. It cannot be authorized "
                "with HYDRA_INSTANTIATE_ALLOWLIST_OVERRIDE."
            ),
        ),
    ),
    "What is missing": (
        Planted(
            "arguments of a step",
            """\
model:
  forward_fn:
    softmax:  # <-
      _target_: ml_core.transforms.base.WrapTransform
      mapping:
        output: input
""",
            1,
            "model.forward_fn.softmax",
            "ml_core.transforms.base.WrapTransform needs 'transform', 'new_key', which are not given.",
        ),
        Planted(
            "an argument of a scheduler",
            """\
model:
  scheduler:  # <-
    _target_: torch.optim.lr_scheduler.StepLR
""",
            1,
            "model.scheduler",
            "torch.optim.lr_scheduler.StepLR needs 'step_size', which is not given.",
        ),
        Planted(
            "`_partial_` of a function",
            """\
model:
  forward_fn:
    softmax:
      _target_: ml_core.transforms.base.WrapTransform
      transform:  # <-
        _target_: torch.softmax
        dim: -1
      mapping:
        output: input
      new_key: probability
""",
            1,
            "model.forward_fn.softmax.transform",
            "torch.softmax needs 'input', which is not given.",
        ),
        Planted(
            "a value that is required",
            """\
trainer:
  gradient_clip_val: ???  # <-
""",
            1,
            "trainer.gradient_clip_val",
            "is required and not given.",
            "Give it in a file, or type trainer.gradient_clip_val=<value>.",
        ),
        Planted(
            "the mapping of a loss",
            """\
model:
  criterions:
    criterions:
      second:  # <-
        _target_: torch.nn.CrossEntropyLoss
""",
            1,
            "model.criterions.mapping.second",
            "is missing: the loss 'second' needs {batch_key: parameter}.",
        ),
        Planted(
            "the optimizer",
            """\
model:
  optimizer: null  # <-
""",
            1,
            "model.optimizer",
            "is null, but must be a node with a `_target_`.",
            "Choose an option in the list `defaults`: - override /model/optimizer: <option>",
        ),
        Planted(
            "the data",
            """\
data: null  # <-
""",
            1,
            "data",
            "is null, but must be a node with a `_target_`.",
            "Choose an option in the list `defaults`: - override /data: <option>",
        ),
    ),
    "Interpolations": (
        Planted(
            "a path without brackets",
            """\
params:
  num_classes: 10
model:
  forward_fn:
    network:
      transform:
        output_size: params.num_classes  # <-
""",
            1,
            "model.forward_fn.network.transform.output_size",
            "is 'params.num_classes' (text), but must be a whole number.",
            "To point at that value, write ${params.num_classes}.",
        ),
        Planted(
            "to a key that does not exist",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_classes: ${params.num_classes}  # <-
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.metrics.accuracy.num_classes",
            "is ${params.num_classes}, but there is no key 'params.num_classes'.",
            "Point it at a key that exists.",
        ),
        Planted(
            "at the top level to a key that does not exist",
            """\
seed: ${params.sed}  # <-
""",
            1,
            "seed",
            "is ${params.sed}, but there is no key 'params.sed'.",
            "Point it at a key that exists.",
        ),
        Planted(
            "in a circle",
            """\
params:
  width: ${params.width}  # <-
""",
            1,
            "params.width",
            "is ${params.width}, which points back at itself.",
            "Break the circle.",
        ),
        Planted(
            "to a node that would be built twice",
            """\
model:
  inference_fn: ${model.forward_fn}  # <-
""",
            1,
            "model.inference_fn",
            "points at the node 'model.forward_fn', which has a `_target_`, so it would become a second object.",
            "Move that node to params.instances and point both places at it.",
        ),
        Planted(
            "to a variable of the environment that is not set",
            """\
logger:
  csv:
    save_dir: ${oc.env:NO_SUCH_VARIABLE}  # <-
""",
            1,
            "logger.csv.save_dir",
            "needs the environment variable NO_SUCH_VARIABLE, which is not set.",
            "Set it, in the shell or in .env, or give a default: ${oc.env:NO_SUCH_VARIABLE,null}",
        ),
        Planted(
            "to a resolver that does not exist",
            """\
trainer:
  max_epochs: ${eval:2*3}  # <-
""",
            1,
            "trainer.max_epochs",
            "is ${eval:2*3}, but there is no resolver 'eval'.",
            "YAML holds no arithmetic: write the value, or point at another key, ${params.name}.",
        ),
    ),
    "Values of the wrong kind": (
        Planted(
            "no space after a colon",
            """\
trainer:  # <-
  max_epochs:3
""",
            1,
            "trainer",
            "is 'max_epochs:3' (text), but must be a node with a `_target_`.",
            "A space is missing after the colon: max_epochs: 3",
        ),
        Planted(
            "text for a whole number",
            """\
trainer:
  max_epochs: ten  # <-
""",
            1,
            "trainer.max_epochs",
            "is 'ten' (text), but must be a whole number from -1 or null.",
        ),
        Planted(
            "a decimal comma",
            """\
model:
  optimizer:
    lr: 0,002  # <-
""",
            1,
            "model.optimizer.lr",
            "is '0,002' (text), but must be a number from 0 or an object (a node with `_target_`).",
        ),
        Planted(
            "a percentage",
            """\
data:
  val_ratio: 10%  # <-
""",
            1,
            "data.val_ratio",
            "is '10%' (text), but must be a share from 0 to below 1.",
        ),
        Planted(
            "a fraction for a whole number",
            """\
data:
  batch_size: 0.5  # <-
""",
            1,
            "data.batch_size",
            "is 0.5, but must be a whole number from 1 or a mapping.",
        ),
        Planted(
            "a number for a mapping",
            """\
model:
  criterions:
    weights: 2.0  # <-
""",
            1,
            "model.criterions.weights",
            "is 2.0, but must be a mapping or a list or null.",
            "It is annotated Mapping[str, LossWeight] | Sequence[LossWeight] | None.",
        ),
        Planted(
            "text for a weight",
            """\
model:
  criterions:
    weights:
      ce: high  # <-
""",
            1,
            "model.criterions.weights.ce",
            "is 'high', but must be a number.",
        ),
        Planted(
            "a number for a list",
            """\
model:
  optimizer:
    betas: 0.9  # <-
""",
            1,
            "model.optimizer.betas",
            "is 0.9, but must be a list.",
            "It is annotated tuple[float | Tensor, float | Tensor].",
        ),
        Planted(
            "a list for a number",
            """\
callbacks:
  early_stopping:
    patience: [3]  # <-
""",
            1,
            "callbacks.early_stopping.patience",
            "is [3], but must be a whole number.",
            "It is annotated int.",
        ),
        Planted(
            "a list for an object",
            """\
model:
  criterions:
    criterions:
      ce:
        weight: [1.0, 2.0]  # <-
""",
            1,
            "model.criterions.criterions.ce.weight",
            "is [1.0, 2.0], but must be an object (a node with `_target_`) or null.",
            "It is annotated Tensor | None.",
        ),
        Planted(
            "text for yes or no",
            """\
model:
  compile: when possible  # <-
""",
            1,
            "model.compile",
            "is 'when possible' (text), but must be true or false.",
            "It is annotated bool.",
        ),
        Planted(
            "a word that is none of the choices",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:
          _target_: torchmetrics.Accuracy
          task: multi-class  # <-
          num_classes: 10
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.metrics.accuracy.task",
            "is 'multi-class' (text), but must be 'binary' or 'multiclass' or 'multilabel'.",
        ),
        Planted(
            "a list for a share",
            """\
trainer:
  limit_val_batches: [1, 2]  # <-
""",
            1,
            "trainer.limit_val_batches",
            "is [1, 2], but must be a whole number from 0 or a share from 0 to 1 or null.",
        ),
        Planted(
            "tags as text",
            """\
tags: mnist  # <-
""",
            1,
            "tags",
            "is 'mnist' (text), but must be a list or null.",
        ),
        Planted(
            "text for a seed",
            """\
seed: random  # <-
""",
            1,
            "seed",
            "is 'random' (text), but must be a whole number or null.",
        ),
        Planted(
            "the name of an option for a node",
            """\
model: mnist  # <-
""",
            1,
            "model",
            "is 'mnist' (text), but must be a node with a `_target_`.",
            "Choose an option in the list `defaults`: - override /model: mnist",
        ),
        Planted(
            "the name of an option for a part of the model",
            """\
model:
  optimizer: sgd  # <-
""",
            1,
            "model.optimizer",
            "is 'sgd' (text), but must be a node with a `_target_`.",
            "Choose an option in the list `defaults`: - override /model/optimizer: sgd",
        ),
        Planted(
            "the name of a logger",
            """\
logger: tensorboard  # <-
""",
            1,
            "logger",
            "is 'tensorboard' (text), but must be a mapping of nodes with `_target_`, or null.",
            "Choose an option in the list `defaults`: - override /logger: tensorboard",
        ),
        Planted(
            "yes or no for a callback",
            """\
callbacks:
  early_stopping: false  # <-
""",
            1,
            "callbacks.early_stopping",
            "is false, but must be a node with a `_target_`, or null to switch it off.",
        ),
    ),
}
