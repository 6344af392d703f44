"""Which mistakes can stand in mappings, and in what they lead where?"""

from __future__ import annotations

import torch
from wiring.yaml_mistakes.planting import Planted, takes

SECTIONS: dict[str, tuple[Planted, ...]] = {
    "Mappings": (
        Planted(
            "a parameter that the callable lacks",
            """\
model:
  forward_fn:
    flatten:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Flatten
      mapping:
        image: inputs  # <-
      new_key: flat
""",
            1,
            "model.forward_fn.flatten.mapping.image",
            "torch.nn.Flatten has no parameter 'inputs'. Did you mean 'input'?",
            takes(torch.nn.Flatten.forward, without=("self",)),
        ),
        Planted(
            "written the wrong way round",
            """\
model:
  forward_fn:
    flatten:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Flatten
      mapping:
        input: image  # <-
      new_key: flat
""",
            1,
            "model.forward_fn.flatten.mapping.input",
            (
                "torch.nn.Flatten has no parameter 'image'. A mapping reads {batch_key: parameter}, so turn it "
                "round: {image: input}."
            ),
            takes(torch.nn.Flatten.forward, without=("self",)),
        ),
        Planted(
            "a parameter that nothing feeds",
            """\
model:
  criterions:
    criterions:
      distance:
        _target_: torch.nn.MSELoss
    mapping:
      distance:  # <-
        output: input
""",
            1,
            "model.criterions.mapping.distance",
            "torch.nn.MSELoss needs 'target', which no key feeds.",
            takes(torch.nn.MSELoss.forward, without=("self",)),
        ),
        Planted(
            "a parameter that is fed twice",
            """\
model:
  forward_fn:
    argmax:
      mapping:
        image: input  # <-
""",
            1,
            "model.forward_fn.argmax.mapping.image",
            "feeds the parameter 'input', which 'output' feeds already.",
            "A mapping is joined with the one that it changes; 'output: []' takes 'output' out of it.",
        ),
        Planted(
            "the key alone",
            """\
model:
  forward_fn:
    network:
      mapping: image  # <-
""",
            1,
            "model.forward_fn.network.mapping",
            "is 'image', but must read {batch_key: parameter}.",
        ),
        Planted(
            "a number for a parameter",
            """\
model:
  forward_fn:
    flatten:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Flatten
      mapping:
        image: 0  # <-
      new_key: flat
""",
            1,
            "model.forward_fn.flatten.mapping.image",
            "is 0, but must name a parameter.",
        ),
        Planted(
            "a parameter that a built-in function lacks",
            """\
model:
  forward_fn:
    absolute:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.abs
        _partial_: true
      mapping:
        output: x  # <-
      new_key: absolute
""",
            1,
            "model.forward_fn.absolute.mapping.output",
            "torch.abs has no parameter 'x'.",
            "It takes: input, out.",
        ),
        Planted(
            "a parameter that a metric lacks",
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
          prediction: pred  # <-
          label: target
""",
            1,
            "callbacks.metrics_callback.metrics.mapping.accuracy.prediction",
            "torchmetrics.Accuracy has no parameter 'pred'. Did you mean 'preds'?",
            "It takes: preds, target.",
        ),
        Planted(
            "a loss that does not exist",
            """\
model:
  criterions:
    mapping:
      cross_entropy:  # <-
        output: input
        label: target
""",
            1,
            "model.criterions.mapping.cross_entropy",
            "names no loss.",
            "There are: ce.",
        ),
        Planted(
            "a weight for a loss that does not exist",
            """\
model:
  criterions:
    weights:
      cross_entropy: 2.0  # <-
""",
            1,
            "model.criterions.weights.cross_entropy",
            "names no loss.",
            "There are: ce.",
        ),
        Planted(
            "a stage that does not exist",
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
      stages:
        accuracy: [validation]  # <-
""",
            1,
            "callbacks.metrics_callback.metrics.stages.accuracy",
            "names 'validation', which is no stage.",
            "Stages: train, val, test.",
        ),
        Planted(
            "stages of a metric that does not exist",
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
      stages:
        f1: [val]  # <-
""",
            1,
            "callbacks.metrics_callback.metrics.stages.f1",
            "names no metric.",
            "There are: accuracy.",
        ),
    ),
    "Keys of the batch": (
        Planted(
            "a key by the name of the total loss",
            """\
model:
  forward_fn:
    surprise:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.exp
        _partial_: true
      mapping:
        output: input
      new_key: loss  # <-
""",
            1,
            "model.forward_fn.surprise.new_key",
            "is 'loss', the name under which a step returns its total loss.",
            "Choose another name.",
        ),
        Planted(
            "a step reads a misspelt column",
            """\
model:
  forward_fn:
    flatten:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Flatten
      mapping:  # <-
        imgae: input
      new_key: flat
""",
            2,
            "model.forward_fn.flatten.mapping",
            (
                "reads 'imgae', which no step makes. Did you mean 'image'? Keys at this point: image, label, "
                "output, prediction."
            ),
            "'image' (float32 [64, 1, 28, 28], made by data.transform.normalize) fits torch.nn.Flatten.input.",
        ),
        Planted(
            "a loss reads a key that goes by another name",
            """\
model:
  criterions:
    criterions:
      other:
        _target_: torch.nn.CrossEntropyLoss
    mapping:
      other:  # <-
        logits: input
        label: target
""",
            2,
            "model.criterions.mapping.other",
            "reads 'logits', which no step makes. Keys at this point: image, label, output, prediction.",
            "'output' (float32 [64, 10], made by model.forward_fn.network) fits torch.nn.CrossEntropyLoss.input.",
        ),
        Planted(
            "a metric reads a misspelt key",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        hits:
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_classes: 10
      mapping:
        hits:  # <-
          predictions: preds
          label: target
    tracked_metric_name: hits
""",
            2,
            "callbacks.metrics_callback.metrics.mapping.hits",
            (
                "reads 'predictions', which no step makes. Did you mean 'prediction'? Keys at this point: image, "
                "label, output, prediction."
            ),
            "'prediction' (int64 [64], made by model.forward_fn.argmax) fits torchmetrics.Accuracy.preds.",
        ),
        Planted(
            "a transform of the data reads a misspelt column",
            """\
data:
  transform:
    normalize:
      key: images  # <-
""",
            2,
            "data.transform.normalize.key",
            "reads 'images', which no step makes. Did you mean 'image'? Keys at this point: image, label.",
        ),
        Planted(
            "an augmentation reads a misspelt column",
            """\
data:
  augment:
    _target_: ml_core.transforms.image.TorchVisionTransform
    transform:
      _target_: torchvision.transforms.RandomHorizontalFlip
    key: picture  # <-
""",
            2,
            "data.augment.key",
            "reads 'picture', which no step makes. Keys at this point: image, label.",
        ),
        Planted(
            "an augmentation reads masks under a misspelt key",
            """\
data:
  augment:
    _target_: ml_core.transforms.image.TorchVisionTransform
    transform:
      _target_: torchvision.transforms.v2.RandomHorizontalFlip
    key: image
    mask_key: lable  # <-
""",
            2,
            "data.augment.mask_key",
            "reads 'lable', which no step makes. Did you mean 'label'? Keys at this point: image, label.",
        ),
        Planted(
            "a step reads what a later one makes",
            """\
model:
  forward_fn:
    softmax:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Softmax
        dim: -1
      mapping:  # <-
        scaled: input
      new_key: probability
    scale:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.BatchNorm1d
        num_features: 10
      mapping:
        output: input
      new_key: scaled
""",
            2,
            "model.forward_fn.softmax.mapping",
            (
                "reads 'scaled', which model.forward_fn.scale makes, but only after this step. Keys at this "
                "point: image, label, output, prediction."
            ),
            (
                "'image' (float32 [64, 1, 28, 28], made by data.transform.normalize) and 'output' (float32 [64, "
                "10], made by model.forward_fn.network) fit torch.nn.Softmax.input."
            ),
        ),
        Planted(
            "a loss reads what only inference makes",
            """\
model:
  inference_fn:
    _target_: ml_core.transforms.base.WrapTransform
    transform:
      _target_: torch.nn.Softmax
      dim: -1
    mapping:
      output: input
    new_key: probability
  criterions:
    criterions:
      second:
        _target_: torch.nn.CrossEntropyLoss
    mapping:
      second:  # <-
        probability: input
        label: target
""",
            2,
            "model.criterions.mapping.second",
            (
                "reads 'probability', which model.inference_fn makes, but only in val, test, predict; this step "
                "runs in train too. Keys at this point: image, label, output, prediction."
            ),
            "'output' (float32 [64, 10], made by model.forward_fn.network) fits torch.nn.CrossEntropyLoss.input.",
        ),
        Planted(
            "a step overwrites the result of another",
            """\
model:
  forward_fn:
    raw:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Flatten
      mapping:
        image: input
      new_key: output  # <-
""",
            2,
            "model.forward_fn.raw.new_key",
            "would overwrite 'output', which the step 'network' made.",
            "Give it a name of its own, or read that key in its mapping.",
        ),
        Planted(
            "more keys are named than a step gives",
            """\
model:
  forward_fn:
    best:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.max
        _partial_: true
        dim: -1
      mapping:
        output: input
      new_key: [value, index, count]  # <-
""",
            2,
            "model.forward_fn.best.new_key",
            "names 3 keys (value, index, count), but the result is 2 values.",
        ),
        Planted(
            "a key is named twice",
            """\
model:
  forward_fn:
    best:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.max
        _partial_: true
        dim: -1
      mapping:
        output: input
      new_key: [value, value]  # <-
""",
            2,
            "model.forward_fn.best.new_key",
            "names a key twice: value, value.",
        ),
        Planted(
            "a field that the result does not have",
            """\
model:
  forward_fn:
    best:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.max
        _partial_: true
        dim: -1
      mapping:
        output: input
      new_key: {value: best}  # <-
""",
            2,
            "model.forward_fn.best.new_key",
            "max has no field 'value'. Did you mean 'values'?",
            "Fields: values, indices.",
        ),
        Planted(
            "a step that does not take a batch",
            """\
data:
  transform:
    gray:  # <-
      _target_: torchvision.transforms.Grayscale
""",
            2,
            "data.transform.gray",
            (
                "torchvision.transforms.transforms.Grayscale failed: TypeError: img should be PIL Image. Got "
                "<class 'dict'>."
            ),
        ),
    ),
    "Shapes and types": (
        Planted(
            "a network of another input size",
            """\
model:
  forward_fn:
    network:  # <-
      transform:
        input_size: 783
""",
            2,
            "model.forward_fn.network",
            (
                "SimpleDenseNet.model.0 (Linear 783 -> 256) cannot take float32 [64, 784] (simple_dense_net.py in"
                " SimpleDenseNet.forward): addmm: mat1 and mat2 shapes cannot be multiplied (64x784 and 783x256)."
            ),
            (
                "x comes from 'image' (float32 [64, 1, 28, 28], made by data.transform.normalize). "
                "model.forward_fn.network.transform.input_size is 783; 784 would fit."
            ),
        ),
        Planted(
            "a convolution of other channels",
            """\
model:
  forward_fn:
    stem:  # <-
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Conv2d
        in_channels: 3
        out_channels: 8
        kernel_size: 3
      mapping:
        image: input
      new_key: features
""",
            2,
            "model.forward_fn.stem",
            (
                "Conv2d (3 -> 8) cannot take float32 [64, 1, 28, 28]: Given groups=1, weight of size [8, 3, 3, "
                "3], expected input[64, 1, 28, 28] to have 3 channels, but got 1 channels instead."
            ),
            "input comes from 'image' (float32 [64, 1, 28, 28], made by data.transform.normalize).",
        ),
        Planted(
            "a normalisation of other channels",
            """\
data:
  transform:
    normalize:  # <-
      transform:
        mean: [0.5, 0.5, 0.5]
        std: [0.5, 0.5, 0.5]
""",
            2,
            "data.transform.normalize",
            (
                "Normalize failed on float32 [64, 1, 28, 28]: output with shape [64, 1, 28, 28] doesn't match the"
                " broadcast shape [64, 3, 28, 28]."
            ),
            "It reads 'image' (float32 [64, 1, 28, 28], made by data.transform.to_tensor).",
        ),
        Planted(
            "a dimension that does not exist",
            """\
model:
  forward_fn:
    argmax:  # <-
      transform:
        dim: 5
""",
            2,
            "model.forward_fn.argmax",
            "torch.argmax failed: Dimension out of range (expected to be in range of [-2, 1], but got 5).",
            "input comes from 'output' (float32 [64, 10], made by model.forward_fn.network).",
        ),
        Planted(
            "fewer outputs than classes",
            """\
model:
  forward_fn:
    network:
      transform:
        output_size: 9
  criterions:
    criterions:
      ce:  # <-
        label_smoothing: 0.1
""",
            2,
            "model.criterions.criterions.ce",
            (
                "'label' has 10 classes in the data set, but 'output' (float32 [64, 9], made by "
                "model.forward_fn.network) scores 9."
            ),
            "Make it 10.",
        ),
        Planted(
            "a metric of fewer classes",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        accuracy:  # <-
          _target_: torchmetrics.Accuracy
          task: multiclass
          num_classes: 9
      mapping:
        accuracy:
          prediction: preds
          label: target
""",
            2,
            "callbacks.metrics_callback.metrics.metrics.accuracy",
            "'label' has 10 classes in the data set, but num_classes is 9.",
            "Make it 10.",
        ),
        Planted(
            "a metric of another shape",
            """\
callbacks:
  metrics_callback:
    metrics:
      _target_: ml_core.models.utils.MetricsComposition
      metrics:
        error:  # <-
          _target_: torchmetrics.MeanSquaredError
      mapping:
        error:
          output: preds
          label: target
    tracked_metric_name: error
""",
            2,
            "callbacks.metrics_callback.metrics.metrics.error",
            (
                "torchmetrics.regression.mse.MeanSquaredError failed: Predictions and targets are expected to "
                "have the same shape, but got torch.Size([64, 10]) and torch.Size([64])."
            ),
            (
                "preds comes from 'output' (float32 [64, 10], made by model.forward_fn.network). target comes "
                "from 'label' (int64 [64], a column of the data)."
            ),
        ),
        Planted(
            "a loss of another shape",
            """\
model:
  criterions:
    criterions:
      distance:  # <-
        _target_: torch.nn.L1Loss
    mapping:
      distance:
        output: input
        label: target
""",
            2,
            "model.criterions.criterions.distance",
            (
                "torch.nn.modules.loss.L1Loss failed: The size of tensor a (10) must match the size of tensor b "
                "(64) at non-singleton dimension 1."
            ),
            (
                "input comes from 'output' (float32 [64, 10], made by model.forward_fn.network). target comes "
                "from 'label' (int64 [64], a column of the data)."
            ),
        ),
        Planted(
            "class numbers of another type",
            """\
data:
  transform:
    halves:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.div
        _partial_: true
        other: 2
      mapping:
        label: input
      new_key: half
model:
  criterions:
    criterions:
      second:  # <-
        _target_: torch.nn.CrossEntropyLoss
    mapping:
      second:
        output: input
        half: target
""",
            2,
            "model.criterions.criterions.second",
            ("torch.nn.modules.loss.CrossEntropyLoss failed: expected target dtype to be Long or Byte, but got Float."),
            (
                "input comes from 'output' (float32 [64, 10], made by model.forward_fn.network). target comes "
                "from 'half' (float32 [64], made by data.transform.halves)."
            ),
        ),
        Planted(
            "an image of whole numbers",
            """\
data:
  transform:
    to_tensor:
      transform:
        _target_: torchvision.transforms.PILToTensor
    normalize:  # <-
      key: image
""",
            2,
            "data.transform.normalize",
            (
                "Normalize failed on uint8 [64, 1, 28, 28]: TypeError: Input tensor should be a float tensor. Got"
                " torch.uint8."
            ),
            "It reads 'image' (uint8 [64, 1, 28, 28], made by data.transform.to_tensor).",
        ),
        Planted(
            "a loss that gives a number for each sample",
            """\
model:
  criterions:
    criterions:
      ce:  # <-
        reduction: none
""",
            2,
            "model.criterions.criterions.ce",
            "gives a tensor [64], not one number.",
            "Set its reduction to mean.",
        ),
        Planted(
            "a loss that compares every sample with every other",
            """\
model:
  forward_fn:
    first:
      _target_: ml_core.transforms.base.WrapTransform
      transform:
        _target_: torch.nn.Linear
        in_features: 10
        out_features: 1
      mapping:
        output: input
      new_key: number
  criterions:
    criterions:
      distance:
        _target_: torch.nn.L1Loss
    mapping:
      distance:  # <-
        number: input
        label: target
""",
            2,
            "model.criterions.mapping.distance",
            (
                "compares every sample with every other, 4096 pairs, because the shapes differ: input: float32 "
                "[64, 1] from 'number', target: int64 [64] from 'label'."
            ),
            "Give both the same shape.",
        ),
        Planted(
            "a reduction that does not exist",
            """\
model:
  criterions:
    criterions:
      ce:  # <-
        reduction: average
""",
            2,
            "model.criterions.criterions.ce",
            "torch.nn.modules.loss.CrossEntropyLoss failed: average is not a valid value for reduction.",
            (
                "input comes from 'output' (float32 [64, 10], made by model.forward_fn.network). target comes "
                "from 'label' (int64 [64], a column of the data)."
            ),
        ),
    ),
}
