"""What the numbers were measured on: no names of machines, no paths."""

import importlib.metadata
import os
import platform
import time
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
    lines = (line.split(":", 1) for line in info.read_text("utf-8").splitlines() if ":" in line)
    found = {}
    for key, value in lines:
        found.setdefault(key.strip(), value.strip())
    return (
        f"{found.get('model name', platform.processor())}, family {found.get('cpu family')}, model {found.get('model')}"
    )


class Company:
    """Other work on this machine since the object was made."""

    def __init__(self):
        self._began = self._now()

    def _now(self):
        """Seconds: the clock, all processors at work, and what of it was ours (children that have ended count)."""
        stat = Path("/proc/stat")
        if not stat.exists():
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text("ascii").split(maxsplit=9)[1:9])
        return (
            time.monotonic(),
            (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"),
            sum(os.times()[:4]),
        )

    def share(self):
        """The part of all processors' time that others took, from 0 to 1; None where the system does not tell."""
        if self._began is None:
            return None
        seconds, busy, ours = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return round(max(0, busy - ours) / (seconds * os.cpu_count()), 3)
