"""Programs that tests start: this checkout's, and those of the installed wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from setting import ROOT

UNSET = ("PROJECT_ROOT", "PL_GLOBAL_SEED", "HYDRA_FULL_ERROR", "PYTHONPATH")


def run(
    *words: str | Path, cwd: Path = ROOT, code: int = 0, stdin: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program and check its exit code."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment |= {"OMP_NUM_THREADS": "1", **variables}
    result = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
        check=False,
    )
    assert result.returncode == code, (result.stdout + result.stderr)[-3000:]
    return result


def run_python(*words: str | Path, **options) -> subprocess.CompletedProcess[str]:
    """Run `python <words>` in the checkout."""
    return run(sys.executable, *words, **options)


def install_wheel(folder: Path) -> Path:
    """Build the wheel, install it into an environment of its own and return the folder of its commands.

    The libraries are those of this environment; what its .pth files add, such as this checkout, is not there.
    """
    run_python("-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    run_python("-m", "venv", "--without-pip", folder / "env")
    python = folder / "env" / "bin" / "python"
    places = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    (Path(places) / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    (wheel,) = folder.glob("*.whl")
    run_python("-m", "uv", "pip", "install", "--offline", "--no-deps", "--no-cache", "--python", python, wheel)
    return python.parent
