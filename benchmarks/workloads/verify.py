"""`python -m resnotes verify`: as a whole, and by equation and claim."""

import json
import subprocess
import sys
import time


def table():
    """Seconds of the whole command and of each check, slowest first."""
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "resnotes", "verify", "--json"], capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - began
    rows = sorted(json.loads(run.stdout), key=lambda row: -row["seconds"])
    return {"whole": whole, "checks": [{key: row[key] for key in ("name", "kind", "seconds")} for row in rows]}
