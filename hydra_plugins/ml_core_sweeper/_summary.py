"""What came out of a search, for the terminal and for `optimization_results.yaml`?"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.ml_core_sweeper._job import as_job
from ml_core.utils.eval_command import eval_command, packages_to_trust, shown
from ml_core.utils.stored_config import read_config, read_content

log = logging.getLogger(__name__)

FOLDER, REASON = "folder", "reason"
"""User attributes of a trial."""
RESULTS = "optimization_results.yaml"
SHOWN = 50
"""Trials in the table, the newest ones."""


def tell(study: Study, config: DictConfig, directions: Sequence[str]) -> None:
    """Show all trials and the best one, and write the results into the sweep's folder."""
    trials = study.get_trials(deepcopy=False)
    best = study.best_trials if any(t.state == TrialState.COMPLETE for t in trials) else []
    log.info("%s", "\n".join([*_table(trials), *(line for trial in best[:1] for line in _best(trial, config))]))
    folder = Path(config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(results(study, trials, best, len(directions))), folder / RESULTS)


def results(
    study: Study, trials: Sequence[FrozenTrial], best: Sequence[FrozenTrial], num_values: int
) -> dict[str, Any]:
    """Return what `optimization_results.yaml` holds; the first keys are those of hydra-optuna-sweeper."""
    found: dict[str, Any] = {"name": "optuna"}
    if num_values > 1:
        found["solutions"] = [{"params": t.params, "values": t.values, **_place(t)} for t in best]
    else:
        found["best_params"] = best[0].params if best else None
        found["best_value"] = best[0].value if best else None
        found["best_trial"] = _place(best[0]) if best else None
    failed = [t for t in trials if t.state == TrialState.FAIL]
    found["study_name"], found["n_trials"] = study.study_name, len(trials)
    found["failed"] = [{**_place(t), "reason": t.user_attrs.get(REASON), "params": t.params} for t in failed]
    return found


def _place(trial: FrozenTrial) -> dict[str, Any]:
    return {"number": trial.number, "folder": trial.user_attrs.get(FOLDER)}


def _table(trials: Sequence[FrozenTrial]) -> list[str]:
    counts = {state: sum(t.state == state for t in trials) for state in TrialState}
    told = ", ".join(f"{count} {state.name.lower()}" for state, count in counts.items() if count)
    shown = trials[-SHOWN:]
    rest = f" The newest {SHOWN}:" if len(shown) < len(trials) else ""
    names = short_names({name for t in shown for name in t.params})
    rows = [("trial", "state", "value", "folder", "values searched, and why it failed")]
    rows += [_row(trial, names) for trial in shown]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows]
    return [f"{len(trials)} trials ({told or 'none'}).{rest}", *lines]


def _row(trial: FrozenTrial, names: Mapping[str, str]) -> tuple[str, str, str, str, str]:
    values = ", ".join(f"{value:.6g}" for value in trial.values or ())
    params = " ".join(f"{names[name]}={_short(value)}" for name, value in sorted(trial.params.items()))
    reason = trial.user_attrs.get(REASON, "")
    folder = shown(trial.user_attrs.get(FOLDER, ""))
    return str(trial.number), trial.state.name, values, folder, f"{params}  {reason}".strip()


def short_names(names: set[str]) -> dict[str, str]:
    """Return the last part of every name, or the whole name where that part is not its own."""
    last = [name.rpartition(".")[2] for name in names]
    return {name: short if last.count(short) == 1 else name for name, short in zip(names, last, strict=True)}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _best(trial: FrozenTrial, config: DictConfig) -> list[str]:
    params = " ".join(f"{name}={value}" for name, value in trial.params.items())
    lines = [f"Best: trial {trial.number} with {', '.join(f'{v:.6g}' for v in trial.values)}: {params}"]
    checkpoint = best_checkpoint(Path(trial.user_attrs.get(FOLDER, "")))
    return lines if checkpoint is None else [*lines, f"Evaluate it: {_evaluation(checkpoint, config)}"]


def _evaluation(checkpoint: Path, config: DictConfig) -> str:
    """Return the command that evaluates the checkpoint of a trial."""
    from ml_core.utils.lifecycle import guard_of_stored  # imports lightning

    stored = read_config(checkpoint)
    with as_job(config):
        trust = packages_to_trust(stored, guard_of_stored(stored)) if stored is not None else []
        return eval_command(str(checkpoint), trust)


def best_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of a run that its ModelCheckpoint calls the best; None where there is none."""
    last = folder / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return None
    states = read_content(last).get("callbacks", {}).values()
    paths = [state.get("best_model_path") for state in states if isinstance(state, Mapping)]
    beside = [last.parent / Path(path).name for path in paths if path]
    return next((path for path in beside if path.is_file()), last)
