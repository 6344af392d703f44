"""Mistakes in an experiment's wiring, each with all that the check says of it: `name: (changes, messages)`."""

from __future__ import annotations

from wiring.planting import FLAT_DATA, WRAP

NETWORK = "model.forward_fn.network"
NET = f"{NETWORK}.transform"
LOSS = "model.criterions.criterions.ce"
MAPPING = "model.criterions.mapping.ce"
METRIC = "callbacks.metrics_callback.metrics"

Mistakes = dict[str, tuple[dict[str, str], list[str]]]


def module(transform: str, mapping: str, new_key: str) -> str:
    return f"{{{WRAP}, transform: {transform}, mapping: {mapping}, new_key: {new_key}}}"


def wrap(function: str, mapping: str, new_key: str) -> str:
    return module(f"{{_target_: {function}, _partial_: true}}", mapping, new_key)


def cast(dtype: str, mapping: str, new_key: str) -> str:
    return wrap(f"wiring.planted.cast, dtype: {dtype}", mapping, new_key)


WRITTEN_BY_A_MODEL = (
    "{_target_: ml_core.transforms.ai_transform.AITransformWrapper, "
    'transform_prompt: "def f(x): ...", mapping: {image: x}, new_key: halves}'
)

KEYS: Mistakes = {
    "a loss reads a misspelt column": (
        {MAPPING: "{output: input, lable: target}"},
        [
            (
                "model.criterions.mapping.ce: reads 'lable', which no step makes. Did you mean 'label'? Keys at this "
                "point: image, label, output, prediction. 'label' (int64 [64], a column of the data) fits "
                "torch.nn.CrossEntropyLoss.target."
            ),
        ],
    ),
    "a loss reads a key that goes by another name": (
        {MAPPING: "{logits: input, label: target}"},
        [
            (
                "model.criterions.mapping.ce: reads 'logits', which no step makes. Keys at this point: image, label, "
                "output, prediction. 'output' (float32 [64, 10], made by model.forward_fn.network) fits "
                "torch.nn.CrossEntropyLoss.input."
            ),
        ],
    ),
    "a metric reads a misspelt key": (
        {f"{METRIC}.mapping.accuracy": "{predictions: preds, label: target}"},
        [
            (
                "callbacks.metrics_callback.metrics.mapping.accuracy: reads 'predictions', which no step makes. Did "
                "you mean 'prediction'? Keys at this point: image, label, output, prediction. 'prediction' (int64 "
                "[64], made by model.forward_fn.argmax) fits torchmetrics.Accuracy.preds."
            ),
        ],
    ),
    "a transform of images reads a misspelt column": (
        {"data.transform.normalize.key": "img"},
        [
            (
                "data.transform.normalize.key: reads 'img', which no step makes. Did you mean 'image'? Keys at this "
                "point: image, label."
            ),
        ],
    ),
    "a step reads what a later one makes": (
        {f"{NETWORK}.mapping": "{prediction: x}"},
        [
            (
                "model.forward_fn.network.mapping: reads 'prediction', which model.forward_fn.argmax makes, but only "
                "after this step. Keys at this point: image, label. 'image' (float32 [64, 1, 28, 28], made by "
                "data.transform.normalize) fits ml_core.models.components.simple_dense_net.SimpleDenseNet.x."
            ),
        ],
    ),
    "a loss reads what only inference makes": (
        {
            "model.inference_fn": wrap("torch.softmax, dim: 1", "{output: input}", "probabilities"),
            MAPPING: "{probabilities: input, label: target}",
        },
        [
            (
                "model.criterions.mapping.ce: reads 'probabilities', which model.inference_fn makes, but only in val,"
                " test, predict; this step runs in train too. Keys at this point: image, label, output, prediction. "
                "'output' (float32 [64, 10], made by model.forward_fn.network) fits torch.nn.CrossEntropyLoss.input."
            ),
        ],
    ),
    "a network reads what only the augmentation makes": (
        {
            "data.augment": wrap("wiring.planted.scaled, factor: 2.0", "{image: x}", "noisy"),
            f"{NETWORK}.mapping": "{noisy: x}",
        },
        [
            (
                "model.forward_fn.network.mapping: reads 'noisy', which data.augment makes, but only in train; this "
                "step runs in val too. Keys at this point: image, label. 'image' (float32 [64, 1, 28, 28], made by "
                "data.transform.normalize) fits ml_core.models.components.simple_dense_net.SimpleDenseNet.x."
            ),
        ],
    ),
    "a split lacks a column": (
        {
            "data": FLAT_DATA % "{_target_: wiring.planted.rows, test_labels: false}",
        },
        [
            (
                "model.criterions.mapping.ce: reads 'label', which the data does not have in test. Keys at this "
                "point: image, output, prediction. 'prediction' (int64 [64], made by model.forward_fn.argmax) fits "
                "torch.nn.CrossEntropyLoss.target."
            ),
            (
                "callbacks.metrics_callback.metrics.mapping.accuracy: reads 'label', which the data does not have in "
                "test. Keys at this point: image, output, prediction."
            ),
        ],
    ),
    "two mappings are wrong": (
        {
            "model.forward_fn.argmax.mapping": "{outptu: input}",
            MAPPING: "{output: input, lable: target}",
        },
        [
            (
                "model.forward_fn.argmax.mapping: reads 'outptu', which no step makes. Did you mean 'output'? Keys at"
                " this point: image, label, output. 'output' (float32 [64, 10], made by model.forward_fn.network) "
                "fits torch.argmax.input."
            ),
            (
                "model.criterions.mapping.ce: reads 'lable', which no step makes. Did you mean 'label'? Keys at this "
                "point: image, label, output, prediction. 'label' (int64 [64], a column of the data) fits "
                "torch.nn.CrossEntropyLoss.target."
            ),
        ],
    ),
    "a step overwrites the result of another": (
        {
            "model.forward_fn.again": wrap("torch.argmax, dim: -1", "{image: input}", "output"),
        },
        [
            (
                "model.forward_fn.again.new_key: would overwrite 'output', which the step 'network' made. Give it a "
                "name of its own, or read that key in its mapping."
            ),
        ],
    ),
    "a transform returns no dict": (
        {"model.forward_fn.bad": "{_target_: wiring.planted.NoDict}"},
        [
            ("model.forward_fn.bad: returned a Tensor, but a transform must return a dict of its new keys."),
        ],
    ),
    "more keys are named than a step gives": (
        {f"{NETWORK}.new_key": "[output, hidden]"},
        [
            ("model.forward_fn.network.new_key: names 2 keys (output, hidden), but the result is Tensor."),
        ],
    ),
}
"""Keys that are not there."""

TURNED: Mistakes = {
    "the mapping of a network is turned round": (
        {f"{NETWORK}.mapping": "{x: image}"},
        [
            (
                "model.forward_fn.network.mapping.x: ml_core.models.components.simple_dense_net.SimpleDenseNet has no"
                " parameter 'image'. A mapping reads {batch_key: parameter}, so turn it round: {image: x}. It takes: "
                "x."
            ),
        ],
    ),
    "the mapping of a function without a signature is turned round": (
        {"model.forward_fn.argmax.mapping": "{input: output}"},
        [
            (
                "model.forward_fn.argmax.mapping: is written the wrong way round: a mapping reads {batch_key: "
                "parameter}. Write {output: input}."
            ),
        ],
    ),
    "the mapping of a loss is turned round": (
        {MAPPING: "{input: output, target: label}"},
        [
            (
                "model.criterions.mapping.ce.input: torch.nn.modules.loss.CrossEntropyLoss has no parameter 'output'."
                " A mapping reads {batch_key: parameter}, so turn it round: {output: input}. It takes: input, target."
            ),
        ],
    ),
    "the mapping of a metric is turned round": (
        {f"{METRIC}.mapping.accuracy": "{preds: prediction, target: label}"},
        [
            (
                "callbacks.metrics_callback.metrics.mapping.accuracy.preds: "
                "torchmetrics.classification.stat_scores.MulticlassStatScores.update has no parameter 'prediction'. A"
                " mapping reads {batch_key: parameter}, so turn it round: {prediction: preds}. It takes: preds, "
                "target."
            ),
        ],
    ),
}
"""Mappings written the wrong way round."""

SHAPES: Mistakes = {
    "a network takes another size": (
        {NET: "{_target_: wiring.planted.MyNet, size: 783}"},
        [
            (
                "model.forward_fn.network: MyNet.fc1 (Linear 783 -> 64) cannot take float32 [64, 784] (planted.py in "
                "MyNet.forward): addmm: mat1 and mat2 shapes cannot be multiplied (64x784 and 783x64). x comes from "
                "'image' (float32 [64, 1, 28, 28], made by data.transform.normalize). "
                "model.forward_fn.network.transform.size is 783; 784 would fit."
            ),
        ],
    ),
    "a layer inside does not fit": (
        {f"{NET}.input_size": "100"},
        [
            (
                "model.forward_fn.network: SimpleDenseNet.model.0 (Linear 100 -> 256) cannot take float32 [64, 784] "
                "(simple_dense_net.py in SimpleDenseNet.forward): addmm: mat1 and mat2 shapes cannot be multiplied "
                "(64x784 and 100x256). x comes from 'image' (float32 [64, 1, 28, 28], made by "
                "data.transform.normalize). model.forward_fn.network.transform.input_size is 100; 784 would fit."
            ),
        ],
    ),
    "a convolution takes other channels": (
        {
            NET: "{_target_: torch.nn.Conv2d, in_channels: 3, out_channels: 10, kernel_size: 28}",
            f"{NETWORK}.mapping": "{image: input}",
        },
        [
            (
                "model.forward_fn.network: Conv2d (3 -> 10) cannot take float32 [64, 1, 28, 28]: Given groups=1, "
                "weight of size [10, 3, 28, 28], expected input[64, 1, 28, 28] to have 3 channels, but got 1 channels"
                " instead. input comes from 'image' (float32 [64, 1, 28, 28], made by data.transform.normalize). "
                "model.forward_fn.network.transform.in_channels is 3; 1 would fit."
            ),
        ],
    ),
    "a network refuses what it gets": (
        {NET: "{_target_: wiring.planted.Angry}"},
        [
            (
                "model.forward_fn.network: Angry failed on float32 [64, 1, 28, 28] (planted.py in Angry.forward): "
                "only images of 32 x 32 are taken. x comes from 'image' (float32 [64, 1, 28, 28], made by "
                "data.transform.normalize)."
            ),
        ],
    ),
    "a key holds double precision": (
        {
            "model.forward_fn.wide": cast("float64", "{output: x}", "wide"),
            "model.forward_fn.head": module(
                "{_target_: torch.nn.Linear, in_features: 10, out_features: 3}", "{wide: input}", "wider"
            ),
        },
        [
            (
                "model.forward_fn.head: Linear (10 -> 3) cannot take float64 [64, 10]: mat1 and mat2 must have the "
                "same dtype, but got Double and Float. input comes from 'wide' (float64 [64, 10], made by "
                "model.forward_fn.wide)."
            ),
        ],
    ),
    "class numbers are int32": (
        {
            "model.forward_fn.small": cast("int32", "{label: x}", "small"),
            MAPPING: "{output: input, small: target}",
        },
        [
            (
                "model.criterions.mapping.ce: 'small' is int32 [64], but class numbers must be int64. Convert it in a"
                " transform, for example torch.Tensor.long."
            ),
        ],
    ),
    "a loss broadcasts": (
        {
            NET: "{_target_: wiring.planted.MyNet, classes: 1}",
            "model.forward_fn.number": cast("float32", "{label: x}", "number"),
            "model.criterions.criterions.ce": "{_target_: torch.nn.MSELoss}",
            MAPPING: "{output: input, number: target}",
        },
        [
            (
                "model.criterions.mapping.ce: compares every sample with every other, 4096 pairs, because the shapes "
                "differ: input: float32 [64, 1] from 'output', target: float32 [64] from 'number'. Give both the same"
                " shape."
            ),
        ],
    ),
    "a loss gives no single number": (
        {f"{LOSS}.reduction": "none"},
        [
            ("model.criterions.criterions.ce: gives a tensor [64], not one number. Set its reduction to mean."),
        ],
    ),
    "a label is none of the classes": (
        {"data": FLAT_DATA % "{_target_: wiring.planted.rows, wrong_label: 12}"},
        [
            (
                "model.criterions.criterions.ce: 'label' holds 12, but 'output' has 10 classes, 0 to 9. Rows in this "
                "batch: 1, 3, 5, 7, 9, 11, 13, 15, 24 more. Correct the data, give the network as many outputs as "
                "there are classes, or let the loss leave the value out: ignore_index (now -100)."
            ),
        ],
    ),
    "a network has too few outputs": (
        {f"{NET}.output_size": "5"},
        [
            (
                "model.criterions.criterions.ce: 'label' has 10 classes in the data set, but 'output' (float32 [64, "
                "5], made by model.forward_fn.network) scores 5. Make it 10."
            ),
        ],
    ),
    "a metric has too few classes": (
        {f"{METRIC}.metrics.accuracy.num_classes": "3"},
        [
            (
                "callbacks.metrics_callback.metrics.metrics.accuracy: 'label' has 10 classes in the data set, but "
                "num_classes is 3. Make it 10."
            ),
        ],
    ),
    "a metric takes another shape": (
        {f"{METRIC}.mapping.accuracy": "{image: preds, label: target}"},
        [
            (
                "callbacks.metrics_callback.metrics.metrics.accuracy: "
                "torchmetrics.classification.accuracy.MulticlassAccuracy failed: Either `preds` and `target` both "
                "should have the (same) shape (N, ...), or `target` should be (N, ...) and `preds` should be (N, C, "
                "...). preds comes from 'image' (float32 [64, 1, 28, 28], made by data.transform.normalize). target "
                "comes from 'label' (int64 [64], a column of the data)."
            ),
        ],
    ),
}
"""Values that do not fit."""

OBJECTS: Mistakes = {
    "a network cannot be built": (
        {NET: "{_target_: wiring.planted.MyNet, size: -3}", MAPPING: "{output: input, lable: target}"},
        [
            (
                "model.criterions.mapping.ce: reads 'lable', which no step makes. Did you mean 'label'? Keys at this "
                "point: image, label, output, prediction."
            ),
            (
                "model.forward_fn.network.transform: wiring.planted.MyNet could not be built: RuntimeError: Trying to"
                " create tensor with negative dimension -3: [64, -3]"
            ),
        ],
    ),
    "an optimizer refuses its values": (
        {"model.optimizer.lr": "-1"},
        [
            ("model.optimizer: could not be built: ValueError: Invalid learning rate: -1"),
        ],
    ),
    "a scheduler refuses its values": (
        {"model.scheduler.factor": "2.0"},
        [
            ("model.scheduler: could not be built: ValueError: Factor should be < 1.0."),
        ],
    ),
    "a callback is given what cannot be": (
        {"callbacks.model_checkpoint.save_top_k": "-3"},
        [
            (
                "callbacks.model_checkpoint: ml_core.callbacks.model_checkpoint.ModelCheckpoint could not be built: "
                "MisconfigurationException: Invalid value for save_top_k=-3. Must be >= -1"
            ),
        ],
    ),
    "an instance cannot be built": (
        {
            "params.instances.net": "{_target_: wiring.planted.MyNet, size: -3}",
            NET: "${params.instances.net}",
            "model.forward_fn.twice": module("'${params.instances.net}'", "{image: x}", "again"),
        },
        [
            (
                "params.instances.net: wiring.planted.MyNet could not be built: RuntimeError: Trying to create tensor"
                " with negative dimension -3: [64, -3]"
            ),
        ],
    ),
    "a function is not written yet": (
        {
            "model.forward_fn.ai": WRITTEN_BY_A_MODEL,
        },
        [
            (
                "model.forward_fn.ai.transform_prompt: there is no file for this prompt yet "
                "(ai_generations/d194a9efc8da/f.py, key d194a9efc8da), and OPENAI_API_KEY is not set to have one "
                "written. Set it and run `python ml_core/ai.py generate experiment=<name>`, or commit the generated "
                "file."
            ),
        ],
    ),
    "data cannot be made": (
        {"data.hf_dict_dataset": "{_target_: wiring.planted.broken}"},
        [
            ("data.hf_dict_dataset: wiring.planted.broken could not be built: ValueError: no such year: 3000"),
        ],
    ),
    "a split is empty": (
        {"data": FLAT_DATA % "{_target_: wiring.planted.rows, count: 0}"},
        [
            ("data: the train split is empty."),
        ],
    ),
}
"""Objects that cannot be."""

MONITORS: Mistakes = {
    "a checkpoint looks at a misspelt value": (
        {"callbacks.model_checkpoint.monitor": "val/acuracy"},
        [
            (
                "callbacks.model_checkpoint.monitor: nothing in this run logs 'val/acuracy'. "
                "Did you mean 'val/accuracy'? It logs: "
                "train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total."
            ),
        ],
    ),
    "a scheduler looks at a misspelt value": (
        {"model.scheduler.monitor": "val/totl"},
        [
            (
                "model.scheduler.monitor: nothing in this run logs 'val/totl'. Did you mean 'val/total'? It logs: "
                "train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total."
            ),
        ],
    ),
    "a search looks at a misspelt value": (
        {"optimized_metric": "val/bst"},
        [
            (
                "optimized_metric: nothing in this run logs 'val/bst'. Did you mean 'val/best'? It logs: "
                "test/accuracy, test/ce, test/total, "
                "train/accuracy, train/ce, train/total, val/accuracy, val/best, val/ce, val/total."
            ),
        ],
    ),
    "a callback tracks a metric that is not there": (
        {"callbacks.metrics_callback.tracked_metric_name": "acuracy"},
        [
            (
                "callbacks.metrics_callback.tracked_metric_name: there is no metric 'acuracy' in validation. Did you "
                "mean 'accuracy'? Metrics: accuracy."
            ),
        ],
    ),
    "there is no validation": (
        {"data.val_ratio": "0", "model.scheduler": "null", "callbacks.early_stopping": "null"},
        [
            (
                "callbacks.model_checkpoint.monitor: 'val/best' is logged in validation, but this run has no "
                "validation batches. Give the data a validation split (data.val_ratio above 0), or let everything "
                "look at the training loss: callbacks.model_checkpoint.monitor=train/total "
                "callbacks.early_stopping.monitor=train/total model.scheduler.monitor=train/total (the last for a "
                "plateau scheduler)."
            ),
        ],
    ),
}
"""Values that nothing logs."""
