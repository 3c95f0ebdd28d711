"""Measure the networks of the explorer "before or after" anew and store them beside it.

Usage: python tools/activation_arrays.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "src" / "resnotes" / "explorers" / "activation.bin"


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say how far it is from what is measured here."""
    if not STORED.exists():
        STORED.write_bytes(b"")  # the explorer's module reads it when it is imported
    from resnotes.explorers import activation

    measured = activation.arrays()
    if "--check" in arguments:
        stored = np.frombuffer(STORED.read_bytes(), "<i2").reshape(measured.shape)
        difference = np.abs(stored.astype(int) - measured.astype(int))
        print(
            f"{(difference > 0).sum()} of {difference.size} entries differ, by up to {difference.max() / activation.STEPS} decades"
        )
        return int((difference > 1).any())
    STORED.write_bytes(measured.tobytes())
    print(f"{STORED.name}: {STORED.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
