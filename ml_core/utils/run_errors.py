"""What went wrong in a run outside of its steps: in the backward pass, in Lightning, on the disk?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from omegaconf import DictConfig, OmegaConf

from ml_core.errors import ConfigError, NumericsError, UserError, listed
from ml_core.machine_errors import machine_error
from ml_core.models.state_fit import WeightsMismatchError
from ml_core.step_errors import text_of
from ml_core.utils.other_ranks import end_others, lost_peer
from ml_core.utils.rich_utils import mask_secrets
from ml_core.utils.storage import storage_error
from ml_core.utils.stored_config import read_config

MOST_SHOWN = 4
COMPARED = ("model", "params")
NOT_FINITE = re.compile(r"Function '(\w+)' returned nan values in its \d+th output")
NO_GRADIENT = "does not require grad and does not have a grad_fn"
OTHER_OPTIMIZER = re.compile(
    r"loaded state dict (contains a parameter group|has a different number of parameter groups)"
)
NOT_AVAILABLE = re.compile(r"(Early stopping|ReduceLROnPlateau) conditioned on metric|could not find the monitored key")
NOT_DETERMINISTIC = "does not have a deterministic implementation"


@contextlib.contextmanager
def explaining(cfg: DictConfig, trainer: Trainer, ckpt_path: str | None) -> Iterator[None]:
    """Turn what can be explained of a run's failures into errors that say what to do; the rest goes on as it is.

    The processes that the trainer started end with this one.

    Args:
        cfg: The run's configuration.
        trainer: It runs inside of the block.
        ckpt_path: The checkpoint that it loads, if any.
    """
    try:
        yield
    except Exception as error:
        failed = end_others(trainer)
        if isinstance(error, WeightsMismatchError):
            error.fix = f"{_differences(cfg, ckpt_path)}{error.fix}"
        known = None if isinstance(error, UserError) else run_error(error, cfg) or lost_peer(error, failed)
        if known is None:
            raise
        raise known from error


def run_error(error: Exception, cfg: DictConfig) -> UserError | None:
    """Return the error that explains a failure; None where there is nothing to add to it."""
    text = str(error)
    for cause in _causes(error):  # TensorBoard's logger tells a full disk as a value that it cannot log
        if isinstance(cause, OSError) and (full := storage_error(cause, str(cfg.paths.output_dir))):
            return full
    if known := machine_error(error, "trainer", size=cfg.data.get("batch_size")):
        return known
    if found := NOT_FINITE.search(text):
        return NumericsError(
            "model.forward_fn",
            f"the gradient of {found.group(1)} is nan (trainer.detect_anomaly).",
            "The traceback in the log names the line of the forward pass that it belongs to.",
        )
    return _of_configuration(error, text)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _of_configuration(error: Exception, text: str) -> ConfigError | None:
    if NO_GRADIENT in text:
        return ConfigError(
            "model.criterions",
            "no loss depends on a weight that is trained, so there is no gradient.",
            "Look for a step between network and loss that cuts it: argmax, detach, no_grad, whole numbers.",
        )
    if OTHER_OPTIMIZER.search(text):
        return ConfigError(
            "model.optimizer",
            f"does not fit the optimizer in the checkpoint: {text_of(error)}",
            "Resume with the optimizer and the weights that the checkpoint was made with.",
        )
    if NOT_DETERMINISTIC in text:
        return ConfigError("trainer.deterministic", text_of(error), "Set trainer.deterministic to warn or false.")
    if NOT_AVAILABLE.search(text) or isinstance(error, MisconfigurationException):
        return ConfigError("callbacks" if NOT_AVAILABLE.search(text) else "trainer", text_of(error))
    return None


def _differences(cfg: DictConfig, ckpt_path: str | None) -> str:
    """Return the values of model and params in which a run differs from the one that made a checkpoint."""
    stored = read_config(ckpt_path) if ckpt_path and Path(ckpt_path).is_file() else None
    if stored is None:
        return ""
    there, here = _values(stored), _values(cfg)
    unequal = [key for key in {**there, **here} if there.get(key) != here.get(key)]
    shown = [f"{k} is {there.get(k, 'not given')} there, {here.get(k, 'not given')} here" for k in unequal]
    more = [f"{len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
    return f"The configurations differ: {listed([*shown[:MOST_SHOWN], *more])}. " if shown else ""


def _values(cfg: DictConfig) -> dict[str, Any]:
    plain: Any = mask_secrets(OmegaConf.to_container(cfg, resolve=False))
    return {key: value for section in COMPARED for key, value in _leaves(plain.get(section), section)}


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}")
    elif node is not None:
        yield path, node
