# setup: a virtual environment with everything. demo: the site with a fleet of agents. run: the site alone.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Without it each of the hundreds of processes that tests start compiles anew what it imports.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
IS_NEW_ENOUGH = 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python " + sys.version.split()[0] + ", and 3.11 or later is needed: name another one, as in PYTHON=python3.12 make demo")'

.PHONY: setup demo run screenshots test test-servers test-long test-long-servers check bench soak lock
setup: .venv/ready
.venv/ready: requirements.lock
	@echo "Installing the packages into .venv. The first time this takes a minute or so."
	@test -x .venv/bin/uv || { $(PYTHON) -c $(IS_NEW_ENOUGH) && $(PYTHON) -m venv .venv && .venv/bin/python -m pip install -q uv==0.13.9; }
	@.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock && touch $@

demo: setup
	@python manage.py migrate -v 0 && exec python manage.py up --demo

run: setup
	@python manage.py migrate -v 0 && exec python manage.py up

# While `make demo` runs in another terminal, with its agents waiting for answers.
screenshots: setup
	python -m tests.browser.pictures

# Browser tests have a run of their own: Playwright leaves its event loop in the thread. Chosen by their folder, so
# that neither run imports the tests of the other.
PYTEST = python -m pytest -n auto --dist worksteal
BROWSER = tests/browser
WITHOUT_BROWSER = --ignore=$(BROWSER) -p no:playwright
SERVERS = TEST_DATABASE=postgresql TEST_REDIS=redis
test: setup
	$(PYTEST) -m "not long" $(WITHOUT_BROWSER)
	$(PYTEST) -m "not long" $(BROWSER)

test-servers: setup
	$(SERVERS) $(PYTEST) -m "not long" $(WITHOUT_BROWSER)

test-long: setup
	$(PYTEST) -m long $(WITHOUT_BROWSER)
	$(PYTEST) -m long $(BROWSER)

# Kills and restarts once more, on PostgreSQL and Redis.
test-long-servers: setup
	$(SERVERS) $(PYTEST) -m long tests/faults tests/history/backups

check: setup
	ruff check . && ruff format --check . && mypy
	python manage.py check && python manage.py makemigrations --check --dry-run

bench: setup
	python -m tests.bench

# With TEST_DATABASE=postgresql it runs on PostgreSQL.
MINUTES ?= 5
ENTRIES ?= 100000
soak: setup
	python -m tests.faults.soak $(MINUTES) $(ENTRIES)

# For every Python from 3.11 on and every system, not only for the one that writes it.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements.txt -o requirements.lock
