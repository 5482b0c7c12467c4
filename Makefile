# `make demo` and `make test` are all a new machine needs; each sets up .venv from the lock if it is missing.
# The newest Python that the lock has files for, of those that run under their own name.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11; do $$name -c '' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: install demo test check fuzz lock up down bench

install: $(STAMP)

$(STAMP): $(wildcard requirements*.lock) pyproject.toml
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: install one, or say where with make PYTHON=/path/to/python3." >&2; exit 1; }
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@# The lock has the build of torch for the CPU. Where pip finds no such build, the registry's is taken instead, which
	@# needs gigabytes of packages for GPUs.
	$(PIP) --require-hashes -r requirements.lock || { \
	  sed '/^torch==/,/[^\\]$$/d' requirements.lock > $(VENV)/without-torch.lock \
	  && $(PIP) --require-hashes -r requirements-torch-cuda.lock \
	  && $(PIP) --require-hashes -r $(VENV)/without-torch.lock; }
	$(PIP) --no-build-isolation -e .
	@touch $@

demo: $(STAMP)
	$(BIN)/precedent demo

# Three processes, each with a server of its own, because tests wait for a third of their time; the tests of one file
# stay together, for they share what they load. Files keep their order: by itself the plugin puts those with few tests
# last, and the browser tests are few and slow.
test: $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# So many generated cases, other ones each time; `make test` runs the same 2,000.
FUZZ ?= 200000
fuzz: $(STAMP)
	PRECEDENT_TEST_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz -n 2 --dist load

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The newest versions that pyproject.toml allows: make lock LOCK=--upgrade
lock: $(STAMP)
	$(BIN)/python .ci/lock.py $(LOCK)

up: $(STAMP)
	$(BIN)/precedent up

down: $(STAMP)
	$(BIN)/precedent down

bench: $(STAMP)
	$(BIN)/python -m benchmarks
