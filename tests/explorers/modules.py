"""The explorers' modules under Node: what the tests ask of them."""

import json
import math
import subprocess
from pathlib import Path

from resnotes import explorers
from resnotes.explorers._base import node, rendered

MODULES = Path(explorers.__file__).parent

#: What is not finite, and a Float64Array, as JSON holds them.
PLAIN = """(key, value) => typeof value === "number" && !Number.isFinite(value) ? { "#": String(value) }
  : value instanceof Float64Array ? [...value] : value"""

#: Numbers, words and judgement in many states, which share the data that is carried beside them.
COMPUTE = """(module, [states, carried]) => states.map((state) => {
  const all = { ...carried, ...state };
  return { numbers: module.numbers(all), said: module.readout(all), problem: module.check(all) };
})"""


def run(module, function, data):
    """A JavaScript function of the module and of `data`, under Node.

    Parameters
    ----------
    module : str or Path
        A module's name, an address, or a file.
    function : str
    data : anything that JSON holds
    """
    url = module
    if isinstance(module, Path):
        url = module.as_uri()
    elif ":" not in module:
        url = (MODULES / f"{module}.js").as_uri()
    code = f"""
    let text = "";
    for await (const part of process.stdin) text += part;
    const [url, data] = JSON.parse(text);
    const found = await ({function})(await import(url), data);
    console.log(JSON.stringify(found, {PLAIN}));
    """
    command = [node(), "--no-warnings", "--input-type=module", "--eval", code]
    done = subprocess.run(command, input=json.dumps([url, data]), capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return decoded(json.loads(done.stdout))


def decoded(value):
    """Back from `PLAIN`: numbers that are not finite."""
    if isinstance(value, dict):
        return (
            float(value["#"].replace("Infinity", "inf")) if "#" in value else {k: decoded(v) for k, v in value.items()}
        )
    return [decoded(entry) for entry in value] if isinstance(value, list) else value


def computed(name, states, carried=None):
    """{"numbers", "said", "problem"} of the module in each state."""
    return run(name, COMPUTE, [list(states), carried or {}])


def numbers(explorer):
    """What the module computes for an explorer."""
    return shown(explorer)["numbers"]


def said(explorer):
    """What it says."""
    return shown(explorer)["said"]


def shown(explorer):
    """{"numbers", "said", "problem"} of an explorer in its state."""
    carried = {name: getattr(explorer, name) for name in explorer.carried}
    return computed(explorer.name, [explorer.state()], carried)[0]


def figures(explorer):
    """Its static pictures, as HTML."""
    carried = {name: getattr(explorer, name) for name in explorer.carried}
    return rendered(explorer.name, {**explorer.state(), **carried})["figures"]


def words(name, values):
    """Numbers as draw.js writes them: `name` is "number", "about", "words" or "share", these two for (sign, log10) pairs."""
    code = (
        f"(draw, all) => all.map((x) => draw.{name}(Array.isArray(x) ? {{ sign: x[0], log10: x[1] ?? -Infinity }} : x))"
    )
    plain = [[v[0], None if math.isinf(v[1]) else v[1]] if isinstance(v, (list, tuple)) else v for v in values]
    return run("draw", code, plain)
