"""The explorers that the shared tests run on: each module here but `case` holds a `CASE`."""

import pkgutil
from importlib import import_module

NAMES = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "case")
CASES = {name: import_module(f"{__name__}.{name}").CASE for name in NAMES}
