"""Importing the package loads NumPy alone, and its root has the names that a user starts with."""

import subprocess
import sys

import pytest

import resnotes
from resnotes import npz, paths, recipes, reports, shortcuts


def loaded_by(statement):
    """Top-level modules in a fresh interpreter after `statement`."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_numpy_alone():
    # what numpy itself and an editable installation load is not ours
    extra = loaded_by("import resnotes") - loaded_by("import numpy, importlib.metadata, zipfile, decimal, fractions")
    assert {name for name in extra if name not in sys.stdlib_module_names and not name.startswith("_")} == {"resnotes"}
    assert loaded_by("import resnotes.figures") >= {"matplotlib"}, "this test sees what is loaded"


def test_report_is_the_function_and_not_a_module_too():
    assert loaded_by("import resnotes.npz, resnotes.reports; assert callable(resnotes.report)")
    assert resnotes.report is reports.report
    with pytest.raises(ModuleNotFoundError):
        __import__("resnotes.report")


def test_what_a_user_starts_with_is_in_the_root():
    for module, names in (
        (paths, ("jacobian_by_length", "gradient_by_shortcut")),
        (recipes, ("first_checks",)),
        (shortcuts, ("Identity", "Scale", "Diagonal", "Projection", "ZeroPad", "Absent", "StopGradient", "Gate")),
    ):
        for name in names:
            assert getattr(resnotes, name) is getattr(module, name) and name in resnotes.__all__
    assert npz.from_arrays is reports.from_arrays
