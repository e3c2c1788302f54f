PYTHON ?= python3
RUN = .venv/bin/
SEED ?= 1

.PHONY: run demo demo-rough test check chromium pictures sim fuzz crash deploys bench bench-seat clean

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

run: .venv/installed ; $(RUN)bridge demo --stay

demo: .venv/installed ; $(RUN)bridge demo

demo-rough: .venv/installed ; $(RUN)bridge demo --rough

check: .venv/installed ; $(RUN)ruff check . && $(RUN)ruff format --check . && $(RUN)mypy

test: check chromium ; $(RUN)pytest -n 3 && $(RUN)python -m tests.sim

# for tests/browser, which are skipped where it cannot be had
chromium:
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& apt-get -qq update && apt-get -qq -y install chromium > /dev/null; } || echo "no Chromium: tests/browser is skipped"

pictures: .venv/installed ; $(RUN)python -m tests.browser.pictures

sim: .venv/installed ; $(RUN)python -m tests.sim --schedules $(or $(N),2000) --seed $(SEED)

fuzz: .venv/installed ; $(RUN)python -m tests.fuzz --examples $(or $(N),200) --seed $(SEED)

crash: .venv/installed ; $(RUN)python -m tests.e2e.crash --engine $(or $(ENGINE),sqlite) --kills $(or $(N),100) --seed $(SEED)

deploys: .venv/installed ; $(RUN)python -m tests.e2e.deploy --deploys $(or $(N),20) --seed $(SEED)

.venv/bench: .venv/installed
	$(RUN)pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	touch $@

bench: .venv/bench ; $(RUN)python -m tests.bench $(ARGS)

bench-seat: .venv/installed ; $(RUN)python -m tests.bench.seat $(ARGS)

clean: ; rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
