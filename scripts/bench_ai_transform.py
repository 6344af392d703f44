"""Print what a call of the shipped AI transform takes, as a ratio to a `WrapTransform` around the same function.

Run: python scripts/bench_ai_transform.py
"""

from __future__ import annotations

import os
import statistics
import sys
import timeit
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PROJECT_ROOT"] = str(ROOT)

import torch  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

from ml_core.transforms.ai_transform import AITransformWrapper  # noqa: E402
from ml_core.transforms.base import WrapTransform  # noqa: E402

ROUNDS, CALLS = 21, 500


def add_moments(x: torch.Tensor) -> torch.Tensor:
    """Do what the generated function does."""
    mean = x.mean(dim=1, keepdim=True)
    spread = x.std(dim=1, keepdim=True, correction=0)
    return torch.cat([x, mean, spread], dim=1)


def main() -> None:
    """Time both in turns and print the ratio of the medians."""
    node = OmegaConf.load(ROOT / "configs" / "experiment" / "ai_transform.yaml").data.transform
    ours = AITransformWrapper(node.transform_prompt, node.new_key, node.mapping, path=node.path)
    plain = WrapTransform(add_moments, node.new_key, node.mapping)
    batch = {"features": torch.rand(32, 8)}
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        times["ours"].append(timeit.timeit(lambda: ours(batch), number=CALLS))
        times["plain"].append(timeit.timeit(lambda: plain(batch), number=CALLS))
    print(f"{statistics.median(times['ours']) / statistics.median(times['plain']):.2f}")


if __name__ == "__main__":
    main()
