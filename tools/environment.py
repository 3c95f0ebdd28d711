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
WINDOWS = os.name == "nt"


def program(environment, name="python"):
    """Where an environment has a program; Windows has another folder for them."""
    return environment / "Scripts" / f"{name}.exe" if WINDOWS else environment / "bin" / name


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
        done = subprocess.run([program(root / ".venv"), "-c", script], capture_output=True, text=True)
    except OSError:
        return False
    here = "{}.{}".format(*sys.version_info[:2])
    return done.returncode == 0 and done.stdout.strip() == here and read_stamp(root).get("root", str(root)) == str(root)


def pinned(root, name):
    """The line of requirements.txt that pins a package."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def install_with(installer, root):
    """Install the pinned requirements and, in place, the package; whether that went well."""
    ways = (
        ["--requirement", "requirements.txt"],
        # The build tool is among the requirements, so nothing unpinned is fetched for this step.
        ["--no-deps", "--no-build-isolation", "--editable", "."],
    )
    return all(subprocess.run([*installer, *way], cwd=root).returncode == 0 for way in ways)


def install(root):
    """Install everything: by uv, which takes seconds, or where that does not work by pip, which takes minutes."""
    python = program(root / ".venv")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    uv = [program(root / ".venv", "uv"), "pip", "install", "--quiet", "--python", python]
    fetched = subprocess.run([*pip, "--no-deps", pinned(root, "uv")], cwd=root).returncode == 0
    # uv does not read pip's settings, such as an index of one's own.
    if not (fetched and install_with(uv, root)):
        print("uv could not install them; trying pip, which takes a few minutes", flush=True)
        if not install_with(pip, root):
            sys.exit("The pinned requirements could not be installed; see above.")

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
        venv.create(environment, with_pip=True, symlinks=not WINDOWS)
    if read_stamp(ROOT) != wanted(ROOT):
        print("Installing the pinned requirements", flush=True)
        install(ROOT)
        (environment / "stamp.json").write_text(json.dumps(wanted(ROOT)), "utf-8")


if __name__ == "__main__":
    main()
