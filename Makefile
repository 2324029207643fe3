# setup: a virtual environment with everything. demo: the site with a fleet of agents. run: the site alone.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup demo run test check bench soak lock
setup: .venv/ready
.venv/ready: requirements.lock
	@echo "Installing the packages into .venv. The first time this takes a minute or so."
	@test -x .venv/bin/uv || { python3 -m venv .venv && .venv/bin/python -m pip install -q uv==0.13.9; }
	@.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock && touch $@

demo: setup
	@python manage.py migrate -v 0 && exec python manage.py up --demo

run: setup
	@python manage.py migrate -v 0 && exec python manage.py up

test: setup
	python -m pytest -n auto
	TEST_DATABASE=postgresql TEST_REDIS=redis python -m pytest -n auto

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

lock:
	uv pip compile -q --generate-hashes --no-emit-index-url --no-header requirements.txt -o requirements.lock
