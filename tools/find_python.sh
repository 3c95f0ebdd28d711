#!/bin/sh
# Print the first Python 3.11 to 3.13 that really runs and can make an environment.
# PYTHON=/path/to/python names the only candidate.
check='import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- .venv/bin/python python3.13 python3.12 python3.11 python3 python
fi
for candidate in "$@"; do
    if "$candidate" -c "$check" >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo "No Python 3.11, 3.12 or 3.13 that can make an environment was found. Tried: $*
Install one (on Debian and Ubuntu together with its python3-venv package),
or name one: make book PYTHON=/path/to/python3.12" >&2
exit 1
