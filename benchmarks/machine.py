"""What the numbers were measured on: no names of machines, no paths."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("numpy", "torch", "jax", "autograd", "sympy")


def described(packages=PACKAGES):
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }


def processor():
    """The processor's name with family and model, which clouds leave as the only hint of its kind."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    found = {}
    for line in info.read_text("utf-8").splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name", platform.processor())
    return f"{name}, family {found.get('cpu family')}, model {found.get('model')}"
