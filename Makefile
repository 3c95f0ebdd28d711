# The book and its tests. `make help` lists what there is.

PYTHON_IN_VENV := .venv/bin/python

# The environment's own node, jupyter and kernels before any the machine may have.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export JUPYTER_PREFER_ENV_PATH := 1
# Not the user's own IPython settings and start-up files.
export IPYTHONDIR := $(CURDIR)/.venv/ipython
# One thread and no debugger: the same numbers and the same output everywhere.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.DEFAULT_GOAL := help
.PHONY: help environment book pdf test test-torch torch-reports check lint lab notebooks equations verify bench pages-cost clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | tr '@' '\t' | expand -t 20

environment: ## make or update .venv (PYTHON=... names the Python to use)
	@python="$$(sh tools/find_python.sh)" && "$$python" tools/environment.py

book: environment ## build the book into _build/html
	@$(PYTHON_IN_VENV) tools/book.py

pdf: book ## write the whole book as one PDF, _build/pdf/resnotes.pdf
	@$(PYTHON_IN_VENV) tools/pdf.py

test: book ## run every test: package, equations, notebooks, pages
	@$(PYTHON_IN_VENV) tools/run_tests.py

test-torch: ## test the report for PyTorch models, in an environment of its own (ARGS=... for pytest)
	@python="$$(sh tools/find_python.sh)" && "$$python" tools/torch_tests.py $(ARGS)

torch-reports: ## make the reports on PyTorch models that the book shows, chapters/reports
	@python="$$(sh tools/find_python.sh)" && "$$python" tools/torch_tests.py --reports

check: environment ## run the tests that need neither the book nor a browser
	@$(PYTHON_IN_VENV) tools/run_tests.py --check

lint: environment ## look for faults and layers crossed, see that all is formatted; the tests do the same
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/oxlint --config .oxlintrc.json

lab: environment ## open the chapters in JupyterLab
	@$(PYTHON_IN_VENV) -m jupyter lab --notebook-dir=. $(if $(filter 0,$(shell id -u)),--allow-root) chapters

notebooks: environment ## execute every chapter and store its outputs in normal form
	@$(PYTHON_IN_VENV) tools/notebooks.py

equations: environment ## write the derived equations into the chapters
	@$(PYTHON_IN_VENV) tools/equations.py

verify: environment ## check every equation against the numbers
	@$(PYTHON_IN_VENV) -m resnotes verify

bench: ## measure what things cost, beside the alternatives (WORKLOADS=... names some)
	@python="$$(sh tools/find_python.sh)" && "$$python" -m venv benchmarks/.venv
	@cd benchmarks && .venv/bin/python -m pip --disable-pip-version-check install -qq -r requirements.txt
	@cd benchmarks && .venv/bin/python -m pip --disable-pip-version-check install -qq --no-deps --no-build-isolation -e ..
	@benchmarks/.venv/bin/python benchmarks/run.py $(WORKLOADS)

pages-cost: book ## measure what the pages and the build cost, beside stock settings (PARTS=... names some)
	@$(PYTHON_IN_VENV) -m benchmarks.pages $(PARTS)

clean: ## delete what was built (not .venv)
	rm -rf _build .pytest_cache .hypothesis
