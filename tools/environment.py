"""Make or update `.venv`. Standard library only: this runs before anything is installed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("requirements.txt", "pyproject.toml")


def wanted(root):
    """What an environment for `root` was made from; it is up to date while its stamp says the same."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((root / name).read_bytes())
    # The root belongs to it: the scripts in a moved or copied environment name the old place.
    return {"root": str(root), "inputs": digest.hexdigest()}


def read_stamp(root):
    try:
        return json.loads((root / ".venv" / "stamp.json").read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def usable(root):
    """Whether `.venv` stands where it was made, with a Python that runs and is of the version asked for."""
    script = "import sys, pip; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run([root / ".venv/bin/python", "-c", script], capture_output=True, text=True)
    except OSError:
        return False
    here = "{}.{}".format(*sys.version_info[:2])
    return done.returncode == 0 and done.stdout.strip() == here and read_stamp(root).get("root", str(root)) == str(root)


def install(root):
    """Install the pinned requirements and, in place, the package."""
    pip = [root / ".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run([*pip, "--requirement", "requirements.txt"], cwd=root, check=True)
    # The build tool is among the requirements, so nothing unpinned is fetched for this step.
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", "."], cwd=root, check=True)

    # Kernels otherwise warn, once a notebook, that this machine can read what it sends to itself.
    profile = root / ".venv/ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("c = get_config()\nc.IPKernelApp.log_level = 'ERROR'\n", "utf-8")


def main():
    environment = ROOT / ".venv"
    if not usable(ROOT):
        print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
        # A link is taken away, never followed: what it points to is somebody else's.
        if environment.is_symlink():
            environment.unlink()
        elif environment.exists():
            shutil.rmtree(environment)
        venv.create(environment, with_pip=True, symlinks=os.name != "nt")
    if read_stamp(ROOT) != wanted(ROOT):
        print("Installing the pinned requirements (a few minutes the first time)", flush=True)
        install(ROOT)
        (environment / "stamp.json").write_text(json.dumps(wanted(ROOT)), "utf-8")


if __name__ == "__main__":
    main()
