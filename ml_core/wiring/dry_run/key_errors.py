"""How is it told that a step reads a key which is not there, and what would do instead?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from torch import Tensor

from ml_core.batch import Pairs
from ml_core.errors import BatchKeyError, ConfigError, listed, nearest
from ml_core.utils.signatures import accepted
from ml_core.wiring.dry_run.keys import Keys
from ml_core.wiring.dry_run.steps import Step, called
from ml_core.wiring.graph import Stage

MOST_TRIED = 12
MOST_OFFERED = 2

Trial = Callable[[Pairs], bool]


def missing_keys(step: Step, keys: Keys, missing: Sequence[str], why: str, fix: str) -> ConfigError:
    """Word that a step reads what is not there.

    Args:
        step: The step.
        keys: What is there.
        missing: What is not.
        why: See `why_missing`.
        fix: See `fitting`.
    """
    hint = nearest(missing[0], keys.values) if len(missing) == 1 else ""
    names = listed(repr(key) for key in missing)
    return BatchKeyError(
        _asked_by(step, missing), f"reads {names}, {why}.{hint} Keys at this point: {listed(keys.values)}.", fix
    )


def _asked_by(step: Step, missing: Sequence[str]) -> str:
    """Return the YAML path of the parameter that names what is missing: a transform may have a second one for masks."""
    is_mask = list(missing) == [getattr(step.run, "mask_key", None)]
    return f"{step.path}.mask_key" if is_mask else step.mapping_path


def turned_round(step: Step, keys: Keys) -> ConfigError | None:
    """Return the error for a mapping of `{parameter: key}`, with the right form; None for any other."""
    pairs = step.pairs or ()
    wrong = [(key, parameter) for key, parameter in pairs if key not in keys and parameter in keys]
    takes = accepted(called(step))
    if not wrong or (takes is not None and not takes.is_open and any(key not in takes.names for key, _ in wrong)):
        return None
    right = [(parameter, key) if (key, parameter) in wrong else (key, parameter) for key, parameter in pairs]
    return ConfigError(
        step.mapping_path,
        "is written the wrong way round: a mapping reads {batch_key: parameter}.",
        f"Write {{{listed(f'{key}: {parameter}' for key, parameter in right)}}}.",
    )


def why_missing(
    step: Step, missing: Sequence[str], stage: Stage, makers: Sequence[Step], columns: Mapping[Stage, Collection[str]]
) -> str:
    """Say who makes what is missing: nobody, a later step, one that runs in other stages, another split.

    Args:
        step: Who reads it.
        missing: The keys.
        stage: Where they are missing.
        makers: The steps of all stages that make keys.
        columns: The columns of each stage's split.
    """
    makes = [maker for maker in makers if maker is not step and set(missing) & set(maker.writes or ())]
    here = [maker.path for maker in makes if stage in maker.stages]
    if here:
        return f"which {here[0]} makes, but only after this step"
    if makes:
        return f"which {makes[0].path} makes, but only in {listed(makes[0].stages)}; this step runs in {stage} too"
    if any(set(missing) & set(found) for found in columns.values()):
        return f"which the data does not have in {stage}"
    return "which no step makes"


def fitting(step: Step, keys: Keys, missing: Sequence[str], target: str, works: Trial) -> str:
    """Return which of the keys would do in the place of the only missing one: those that the step runs with."""
    if len(missing) != 1 or not step.pairs:
        return ""
    taken = {key for key, _ in step.pairs if key in keys}
    tried = [key for key, value in keys.values.items() if isinstance(value, Tensor) and key not in taken]
    fits = [key for key in tried[-MOST_TRIED:] if works(_with(step.pairs, missing[0], key))]
    fits = [key for key in fits if f"'{key}'" in nearest(missing[0], fits)] or fits
    if not 0 < len(fits) <= MOST_OFFERED:  # what takes anything tells nothing
        return ""
    parameter = step.parameters_of(missing[0])[0]
    offers = " and ".join(f"'{key}' ({keys.told(key)})" for key in fits)
    return f"{offers} {'fits' if len(fits) == 1 else 'fit'} {target}.{parameter}."


def _with(pairs: Pairs, missing: str, key: str) -> Pairs:
    return tuple((key if read == missing else read, parameter) for read, parameter in pairs)
