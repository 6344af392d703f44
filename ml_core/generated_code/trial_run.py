"""What does a function do with inputs that are made up? Run as a program, with limits, by `validation.py`.

Reads a job as JSON from stdin and writes two lines of JSON: which limits are on, and what is wrong.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ml_core.generated_code import isolation


def main() -> None:
    """Limit this process, try the function, and tell."""
    job = json.loads(sys.stdin.read())
    answer = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    on = ["no network"] if isolation.cut_network() else []
    import torch

    from ml_core.generated_code.contract import faults_of

    torch.set_num_threads(1)
    torch.rand(2) @ torch.rand(2)  # what is loaded at first use, is loaded before the limits
    if isolation.give_up_rights(str(torch.__file__)):
        on.append("no rights")
    on += isolation.limit(job["limits"])
    answer.write(json.dumps(on) + "\n")
    answer.flush()
    answer.write(json.dumps(faults_of(job)) + "\n")
    answer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
