# The book and its tests: what python tools/run.py does, for who likes make. `make help` lists what there is.

# Any Python that runs; tools/run.py looks for the one that a task needs. PYTHON=... names it.
START := $(firstword $(foreach python,$(PYTHON) python3 python,$(if $(shell "$(python)" -c "print(1)" 2>/dev/null),$(python))))
TASKS := help environment book pdf test check test-torch torch-reports lint lab notebooks downloads class equations statements verify wheels newest package release bench pages-cost clean

.DEFAULT_GOAL := help
.PHONY: $(TASKS)

$(TASKS):
	@$(or $(START),echo "Python is wanted (3.11 to 3.14), and none runs here;" && false) tools/run.py $@ $(ARGS)
