"""Which command installs a package."""

import re
import tomllib

import pytest
from setting import ROOT

from ml_core.utils.packages import EXTRAS, imports, install_hint, missing_package, needs

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
DISTRIBUTIONS = {
    "hydra_plugins": "hydra-submitit-launcher",
    "sklearn": "scikit-learn",
    "submitit": "hydra-submitit-launcher",
    "tensorboardX": "tensorboard",
}


@pytest.mark.parametrize("package", EXTRAS)
def test_the_extra_of_a_package_holds_it(package):
    distribution = DISTRIBUTIONS.get(package, package.replace("_", "-"))
    declared = [re.split(r"[\[<>=;! ]", entry)[0] for entry in DECLARED[EXTRAS[package]]]

    assert distribution in declared
    assert install_hint(package) == f"Install the extra that holds it: uv pip install '.[{EXTRAS[package]}]'"


def test_any_other_package_is_installed_by_name():
    assert install_hint("torch_geometric") == (
        "If it is a module of your own, put it beside your configurations or into the working folder; "
        "else: uv pip install torch-geometric"
    )


def test_a_package_that_is_nearly_spelt_like_one_that_is_there_is_told_with_it():
    assert needs("torchvison.ops.nms", "torchvison") == (
        "torchvison.ops.nms needs the package 'torchvison'. Did you mean 'torchvision'?"
    )
    assert needs("quite.other", "quite") == "quite.other needs the package 'quite'."
    assert needs("mlflow.x", "mlflow") == "mlflow.x needs the package 'mlflow'."


def test_an_import_that_fails_is_told_with_its_line():
    assert imports("nets.Net", "nets.py:3", "nunpy") == (
        "nets.Net cannot be imported: nets.py:3 imports 'nunpy', which is not there. Did you mean 'numpy'?"
    )


@pytest.mark.parametrize(
    ("error", "package"),
    [
        (ModuleNotFoundError("No module named 'mlflow.tracking'", name="mlflow.tracking"), "mlflow"),
        (
            ModuleNotFoundError("Requirement 'mlflow>=1.0.0' not met. HINT: Try `pip install -U 'mlflow>=1.0.0'`"),
            "mlflow",
        ),
        (ModuleNotFoundError("Please install comet-ml to use it"), "comet_ml"),
        (ImportError("cannot import it"), None),
    ],
)
def test_an_import_error_tells_its_package(error, package):
    assert missing_package(error) == package
