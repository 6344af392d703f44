"""Graphs that the tests of the drawing share."""

from __future__ import annotations

from ml_core.wiring.graph import Edge, Graph, Group, Node, Stage, Tensor

LABELLED: tuple[Stage, ...] = ("train", "val", "test")
INFERENCE: tuple[Stage, ...] = ("val", "test", "predict")


def tensor(dtype: str, *shape: int) -> Tensor:
    return Tensor(shape or None, dtype)


def example() -> Graph:
    """The wiring of `experiment=example`."""
    image, label = tensor("float32", 64, 1, 28, 28), tensor("int64", 64)
    output, prediction = tensor("float32", 64, 10), tensor("int64", 64)
    prefix = "callbacks.metrics_callback.metrics.metrics"
    return Graph(
        [
            Node(
                "data", "data", "mnist_mini", "ml_core.data.sources.mnist_mini", origin="configs/data/mnist_mini.yaml:6"
            ),
            Node("data.transform.to_tensor", "transform", "to_tensor", "torchvision.transforms.ToTensor"),
            Node("data.transform.normalize", "transform", "normalize", "torchvision.transforms.Normalize"),
            Node(
                "model.forward_fn.network",
                "network",
                "network",
                "ml_core.models.components.simple_dense_net.SimpleDenseNet",
                yaml="_target_: ml_core.transforms.base.WrapTransform\nmapping:\n  image: x\nnew_key: output\n",
                origin="configs/model/classifier.yaml:8",
                parameters=335_114,
            ),
            Node("model.forward_fn.argmax", "transform", "argmax", "torch.argmax"),
            Node("model.criterions.ce", "criterion", "ce", "torch.nn.CrossEntropyLoss", LABELLED),
            Node("model.criterions", "criterion", "total", "ml_core.models.utils.CriterionsComposition", LABELLED),
            Node(f"{prefix}.accuracy", "metric", "accuracy", "torchmetrics.Accuracy", LABELLED),
        ],
        [
            Edge("data", "data.transform.to_tensor", "image", "image", tensor("uint8", 64, 28, 28)),
            Edge("data.transform.to_tensor", "data.transform.normalize", "image", "image", image),
            Edge("data.transform.normalize", "model.forward_fn.network", "image", "x", image),
            Edge("model.forward_fn.network", "model.forward_fn.argmax", "output", "input", output),
            Edge("model.forward_fn.network", "model.criterions.ce", "output", "input", output),
            Edge("data", "model.criterions.ce", "label", "target", label),
            Edge("model.criterions.ce", "model.criterions", "ce", "1.0", tensor("float32")),
            Edge("model.forward_fn.argmax", f"{prefix}.accuracy", "prediction", "preds", prediction),
            Edge("data", f"{prefix}.accuracy", "label", "target", label),
        ],
        [Group("all", 335_114, {"lr": "0.002", "betas": "(0.9, 0.999)", "weight_decay": "0"})],
    )


def faulty() -> Graph:
    """The example with a misspelt key, a layer that does not fit, and an augmentation whose output nobody reads."""
    graph = example()
    network, ce = graph.node("model.forward_fn.network"), graph.node("model.criterions.ce")
    network.faults.append("MyNet.fc1 (Linear 783 -> 64) cannot take x: float32 [64, 784].")
    ce.faults.append(
        "reads 'lable', which no step makes. Did you mean 'label'? Keys: image, label, output, prediction."
    )
    graph.edges = [edge for edge in graph.edges if (edge.target, edge.key) != (ce.path, "label")]
    graph.edges.append(Edge(None, ce.path, "lable", "target"))
    crop = Node("data.augment.crop", "transform", "crop", "torchvision.transforms.v2.RandomCrop", ("train",))
    graph.nodes.insert(3, crop)
    graph.edges.append(Edge("data.transform.normalize", crop.path, "image", "image", tensor("float32", 64, 1, 28, 28)))
    graph.edges.append(Edge(crop.path, None, "cropped", "", tensor("float32", 64, 1, 24, 24)))
    return graph


def multi_task() -> Graph:
    """Forty steps: text and image, a shared trunk, six heads with a loss and two metrics each, and so on."""
    tasks = ("topic", "sentiment", "toxicity", "language", "length", "quality")
    nodes = [
        Node("data", "data", "reviews", "datasets.load_dataset"),
        Node("data.transform.tokenize", "transform", "tokenize", "ml_core.transforms.text.Tokenize"),
        Node("data.transform.resize", "transform", "resize", "torchvision.transforms.v2.Resize"),
        Node("data.transform.normalize", "transform", "normalize", "torchvision.transforms.Normalize"),
        Node("data.transform.explain", "ai", "explain", "ml_core.transforms.ai_transform.AITransform"),
        Node("data.augment.mask", "transform", "mask", "ml_core.transforms.text.MaskTokens", ("train",)),
        Node("data.augment.erase", "transform", "erase", "torchvision.transforms.v2.RandomErasing", ("train",)),
        Node("model.forward_fn.text", "network", "text", "transformers.AutoModel", parameters=66_362_880),
        Node("model.forward_fn.vision", "network", "vision", "timm.create_model", parameters=5_717_416),
        Node(
            "model.forward_fn.fuse", "network", "fuse", "ml_core.models.components.CrossAttention", parameters=1_182_720
        ),
    ]
    ids, pixels = tensor("int64", 32, 256), tensor("float32", 32, 3, 224, 224)
    hidden, pooled = tensor("float32", 32, 256, 768), tensor("float32", 32, 768)
    edges = [
        Edge("data", "data.transform.tokenize", "text", "text", tensor("str")),
        Edge("data", "data.transform.explain", "text", "text", tensor("str")),
        Edge("data", "data.transform.resize", "image", "image", tensor("PIL.Image")),
        Edge("data", None, "review_id", "", tensor("int64", 32)),
        Edge("data.transform.tokenize", "data.augment.mask", "input_ids", "ids", ids),
        Edge("data.transform.tokenize", "model.forward_fn.text", "attention_mask", "attention_mask", ids),
        Edge("data.augment.mask", "model.forward_fn.text", "input_ids", "input_ids", ids),
        Edge("data.transform.resize", "data.transform.normalize", "image", "image", tensor("uint8", 32, 3, 224, 224)),
        Edge("data.transform.normalize", "data.augment.erase", "image", "image", pixels),
        Edge("data.augment.erase", "model.forward_fn.vision", "image", "x", pixels),
        Edge("data.transform.explain", None, "explanation", "", tensor("str")),
        Edge("model.forward_fn.text", "model.forward_fn.fuse", "hidden", "query", hidden),
        Edge("model.forward_fn.vision", "model.forward_fn.fuse", "patches", "context", tensor("float32", 32, 196, 192)),
    ]
    for task in tasks:
        head, loss = f"model.forward_fn.{task}", f"model.criterions.criterions.{task}"
        metrics = [f"callbacks.metrics_callback.metrics.metrics.{task}_{name}" for name in ("f1", "auroc")]
        logits, label = tensor("float32", 32, 8), tensor("int64", 32)
        nodes.append(Node(head, "network", f"{task}_head", "torch.nn.Linear", parameters=6_152))
        nodes.append(Node(loss, "criterion", task, "torch.nn.CrossEntropyLoss", LABELLED))
        nodes.append(Node(metrics[0], "metric", f"{task}_f1", "torchmetrics.F1Score", LABELLED))
        nodes.append(Node(metrics[1], "metric", f"{task}_auroc", "torchmetrics.AUROC", ("val", "test")))
        edges.append(Edge("model.forward_fn.fuse", head, "fused", "input", pooled))
        edges.append(Edge(head, loss, f"{task}_logits", "input", logits))
        edges.append(Edge("data", loss, task, "target", label))
        edges.append(Edge(loss, "model.criterions", f"{task}_loss", "0.5", tensor("float32")))
        for metric in metrics:
            edges.append(Edge(head, metric, f"{task}_logits", "preds", logits))
            edges.append(Edge("data", metric, task, "target", label))
    nodes.append(Node("model.criterions", "criterion", "total", "ml_core.models.utils.CriterionsComposition", LABELLED))
    sampler = "model.inference_fn.summarise"
    nodes.append(Node(sampler, "network", "summarise", "my_package.Summariser", INFERENCE, parameters=2_400_000))
    edges.append(Edge("model.forward_fn.fuse", sampler, "fused", "memory", pooled))
    edges.append(Edge(sampler, None, "summary", "", tensor("str")))
    nodes += [
        Node("model.optimizer", "optimizer", "optimizer", "torch.optim.AdamW", ("train",)),
        Node(
            "callbacks.model_checkpoint", "callback", "checkpoint", "ml_core.callbacks.model_checkpoint.ModelCheckpoint"
        ),
        Node("logger.csv", "logger", "csv", "lightning.pytorch.loggers.CSVLogger"),
        Node(
            "callbacks.early_stopping", "callback", "early_stopping", "ml_core.callbacks.early_stopping.EarlyStopping"
        ),
    ]
    edges.append(Edge("model.criterions", "model.optimizer", "total", "loss", tensor("float32")))
    groups = [
        Group("*.norm*|*.bias", 120_000, {"lr": "3e-4", "weight_decay": "0"}),
        Group("rest", 73_299_928, {"lr": "3e-4", "weight_decay": "0.05"}),
    ]
    order = {"data": 0, "transform": 0, "ai": 0, "network": 1, "criterion": 2, "metric": 3}
    nodes.sort(key=lambda node: order.get(node.kind, 4))
    return Graph(nodes, edges, groups)


def with_callbacks() -> Graph:
    """The example with callbacks of which some are joined to nothing, as the check finds them."""
    graph = example()
    names = ("metrics_callback", "model_checkpoint", "early_stopping", "model_summary", "rich_progress_bar")
    graph.nodes += [Node("model.optimizer", "optimizer", "optimizer", "torch.optim.Adam", ("train",))]
    graph.nodes += [Node(f"callbacks.{name}", "callback", name) for name in names]
    graph.nodes += [Node("logger.csv", "logger", "csv", "lightning.pytorch.loggers.CSVLogger")]
    graph.edges += [Edge("model.criterions", "model.optimizer", "total", "loss")]
    graph.edges += [Edge(f"callbacks.{names[0]}", f"callbacks.{name}", "val/best", "monitor") for name in names[1:3]]
    return graph


def circular() -> Graph:
    """Two steps that wait for each other, and one that reads what it makes."""
    nodes = [Node(f"model.forward_fn.{name}", "transform", name) for name in ("first", "second", "own")]
    first, second, own = (node.path for node in nodes)
    edges = [
        Edge(first, second, "a", "x"),
        Edge(second, first, "b", "x"),
        Edge(own, own, "c", "x"),
        Edge(own, None, "d"),
    ]
    return Graph(nodes, edges)


def hostile() -> Graph:
    """Texts that mean something to XML, HTML, Mermaid, JSON, rich or Graphviz, and a character XML cannot hold."""
    nodes = [
        Node(f"data.{HOSTILE}", "data", HOSTILE, f"a.{HOSTILE}", yaml=HOSTILE, origin=HOSTILE),
        Node("model.x", "ai", HOSTILE, HOSTILE, faults=[f"{HOSTILE}\n{HOSTILE}"]),
    ]
    edges = [
        Edge(nodes[0].path, "model.x", HOSTILE, HOSTILE, tensor(HOSTILE)),
        Edge(None, "model.x", "unmade" + HOSTILE),
        Edge("model.x", None, HOSTILE),
    ]
    return Graph(nodes, edges, [Group(HOSTILE, 1, {HOSTILE: HOSTILE})])


HOSTILE = """</script><script>alert('1')</script> {{data}} [red]`b` #35; "q" ]]> --> \\N & \u6f22\u5b57 \x08"""


def wide(num_heads: int) -> Graph:
    """A trunk with heads, each with a loss and a metric of its own: three steps a head, and two."""
    nodes = [Node("data", "data", "data"), Node("model.forward_fn.trunk", "network", "trunk", "my.Trunk", parameters=1)]
    edges = [Edge("data", "model.forward_fn.trunk", "x", "x", tensor("float32", 8, 16))]
    for index in range(num_heads):
        head, loss, metric = f"model.forward_fn.h{index}", f"model.criterions.l{index}", f"metrics.m{index}"
        nodes += [
            Node(head, "network", f"h{index}"),
            Node(loss, "criterion", f"l{index}"),
            Node(metric, "metric", f"m{index}"),
        ]
        edges.append(Edge("model.forward_fn.trunk", head, "features", "x", tensor("float32", 8, 16)))
        edges.append(Edge(head, loss, f"out{index}", "input", tensor("float32", 8)))
        edges.append(Edge(head, metric, f"out{index}", "preds", tensor("float32", 8)))
        edges.append(Edge("data", loss, f"y{index}", "target", tensor("float32", 8)))
        edges.append(Edge("data", metric, f"y{index}", "target", tensor("float32", 8)))
    return Graph(nodes, edges)


SAMPLES = {
    "example": example,
    "faulty": faulty,
    "multi_task": multi_task,
    "with_callbacks": with_callbacks,
    "circular": circular,
    "hostile": hostile,
    "wide": lambda: wide(12),
    "one": lambda: Graph([Node("data", "data", "data")]),
    "empty": Graph,
}
