# Everything sets itself up: `make run` and `make test` need Python 3.11 or later and nothing else.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && { echo $$p; break; }; done)
PORT ?= 8501
PY := .venv/bin/python
# One more than there are cores: a test in a browser mostly waits.
PYTEST = $(PY) -m pytest -n $(shell $(PY) -c "import os; print(min(os.cpu_count() + 1, 4))") --dist loadfile --no-loadscope-reorder

# Every process that the app and its tests start would compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test quick check format bench shots film demos clean

help:        ## this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: .venv/run.stamp  ## open the app on the bundled data
	$(PY) -m streamlit run app.py --server.port $(PORT)

test: .venv/test.stamp  ## every test, in a real browser too
	$(PYTEST)

quick: .venv/test.stamp  ## every test that needs no browser
	$(PYTEST) -m "not browser"

check: .venv/test.stamp  ## format, lint, types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

format: .venv/test.stamp  ## format the code and mend what lint can mend
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: .venv/test.stamp  ## the figures of docs/, beside their rivals
	$(PY) -m benchmarks

shots: .venv/test.stamp  ## screenshots of every page into shots/
	$(PY) -m tests.browser.shots

film: .venv/test.stamp  ## the animated picture of README again
	$(PY) -m tools.build_film

demos: .venv/test.stamp  ## build the bundled demos in assets/ again
	$(PY) -m tools.build_demos

clean:       ## remove the environment and what tools left behind
	rm -rf .venv shots .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found; name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt constraints.txt | .venv/bin/python
	$(PY) -m pip install --quiet -r requirements.txt -c constraints.txt
	@touch $@

.venv/test.stamp: tests/requirements.txt tests/browser/find_browser.py .venv/run.stamp
	$(PY) -m pip install --quiet -r tests/requirements.txt -c constraints.txt
	$(PY) -m tests.browser.find_browser --install
	@touch $@
