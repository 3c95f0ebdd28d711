"""The slow part of the build before any page is read, on all processors: notebooks, equations, sentences, claims.

Every notebook is executed anew. MyST-NB takes the outputs from its cache, which is emptied first: it knows cells
alone, and not the package that they call.
"""

from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from sphinx.errors import ExtensionError

from resnotes.book import EQUATIONS, STATEMENTS
from resnotes.book.claims import JUDGED

from . import audit, checked, stated
from .progress import say


def execute(path, timeout):
    """A notebook with new outputs, the seconds it took, and the traceback where a cell raised."""
    notebook = nbformat.read(path, as_version=4)
    # A kernel cuts what is printed as time has it; the pieces are put together as they were printed.
    result = single_nb_execution(notebook, path.parent, timeout, allow_errors=False, coalesce_streams=True)
    return result.nb, result.time, result.exc_string


def prepare(app):
    """Execute and check everything; what raises, fails or is not noticed ends the build."""
    app.resnotes_checked, app.resnotes_surveys, app.resnotes_examined, app.resnotes_stated = {}, {}, {}, {}
    if app.builder.format != "html":
        return
    config = app.env.mystnb_config
    formal = [name for name, claim in JUDGED.items() if claim.corrected_expression is not None]
    with ProcessPoolExecutor() as pool:

        def submit(call, names, *rest):
            return {name: pool.submit(call, name, *rest) for name in names}

        # The notebooks first, of which some take long; the checks fill what is left at the end.
        notebooks = submit(execute, to_execute(app.env), config.execution_timeout)
        checks, claims = submit(checked.run_check, EQUATIONS), submit(audit.examine, JUDGED)
        damage = submit(checked.run_damage, formal)
        sentences = submit(stated.run_statement, STATEMENTS)
        try:
            store(notebooks, config.execution_cache_path)
            for found, jobs in (
                ("checked", checks),
                ("examined", claims),
                ("surveys", damage),
                ("stated", sentences),
            ):
                setattr(app, f"resnotes_{found}", {name: job.result() for name, job in jobs.items()})
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    checked.refuse_survivors(app)
    checked.record(app)
    say(f"Checked {len(EQUATIONS)} equations, {len(STATEMENTS)} sentences and {len(JUDGED)} claims, and damaged forms")


def to_execute(env):
    """The notebooks whose stored outputs are not to be taken."""
    paths = [Path(env.doc2path(name)) for name in sorted(env.found_docs)]
    return [path for path in paths if path.suffix == ".ipynb" and env.mystnb_config.execution_mode == "cache"]


def store(notebooks, folder):
    """Put what was executed into an empty cache, as it comes."""
    cache = get_cache(folder)
    cache.clear_cache()
    paths = {job: path for path, job in notebooks.items()}
    for number, done in enumerate(as_completed(paths), 1):
        path, (notebook, seconds, error) = paths[done], done.result()
        if error:
            raise ExtensionError(f"{path.name}: a cell raised\n{error}")
        cache.cache_notebook_bundle(CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds}))
        say(f"Executed {path.name} in {seconds:.0f} s ({number} of {len(paths)})")


def setup(app):
    app.connect("env-before-read-docs", lambda app, env, names: prepare(app))
