PYTHON ?= python3
RUN = .venv/bin/
SEED ?= 1

.PHONY: run demo demo-rough test check sim fuzz crash deploys bench clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

run: .venv/installed ; $(RUN)bridge demo --stay

demo: .venv/installed ; $(RUN)bridge demo

demo-rough: .venv/installed ; $(RUN)bridge demo --rough

check: .venv/installed ; $(RUN)ruff check . && $(RUN)ruff format --check . && $(RUN)mypy

test: check ; $(RUN)pytest -n 3 && $(RUN)python -m tests.sim

sim: .venv/installed ; $(RUN)python -m tests.sim --schedules $(or $(N),2000) --seed $(SEED)

fuzz: .venv/installed ; $(RUN)python -m tests.fuzz --examples $(or $(N),200) --seed $(SEED)

crash: .venv/installed ; $(RUN)python -m tests.e2e.crash --engine $(or $(ENGINE),sqlite) --kills $(or $(N),100) --seed $(SEED)

deploys: .venv/installed ; $(RUN)python -m tests.e2e.deploy --deploys $(or $(N),20) --seed $(SEED)

.venv/bench: .venv/installed
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	touch $@

bench: .venv/bench ; $(RUN)python -m tests.bench $(ARGS)

clean: ; rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
