# The words of this project. Continuous integration (.ci/run) uses the same ones.
# A fresh machine needs Python 3.11 or newer, make and git; everything else is fetched by `setup`.

PYTHON ?= python3
PORT ?= 8000
# Two: what the tests are timed for, and what one server process can keep busy.
WORKERS ?= 2

BIN := .venv/bin
RUNTIME := .venv/runtime
STAMP := .venv/stamp
TRIAL := DJANGO_DEBUG=1
DEMO := $(TRIAL) DATABASE_URL=sqlite:///var/demo.sqlite3 DEVELOPER_PAGES=1 \
	DEMOGRAPHICS_FILE=demo/demographics.yaml
# For every Python from 3.11 on at once, by markers.
LOCKER := var/locker
UV := uv==0.13.9
COMPILE := $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
# As in production, with a secret of the moment; no check connects to the database.
PRODUCTION := DJANGO_DEBUG=0 DJANGO_ALLOWED_HOSTS=practice.example \
	DATABASE_URL=postgresql://appointments@localhost/appointments \
	DJANGO_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')

.DEFAULT_GOAL := help
.PHONY: help setup lock run check fix test demo serve bench fuzz pages pictures clients versions installs image chaos load docs evidence release sbom traceability

help: ## List these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything the project and its developers use

# Byte code is made when it is first needed, which saves a third of the time.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes

$(RUNTIME): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 or newer is needed; `$(PYTHON)` is not.' \
			'Name another: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { \
		echo '`$(PYTHON) -m venv` failed; on Debian: apt-get install python3-venv' >&2; exit 1; }
	$(INSTALL) --requirement requirements.txt
	@# A setuptools that nobody pins: venv of Python 3.11 brings it, and nothing here needs it.
	@$(BIN)/python -m pip uninstall --quiet --quiet --yes setuptools
	@touch $@

$(STAMP): $(RUNTIME) requirements-dev.txt
	$(INSTALL) --requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

lock: ## Pin anew what pyproject.toml lists, with hashes (UPGRADE=1: the newest of everything)
	@mkdir -p var
	@test -x $(LOCKER)/bin/uv || $(PYTHON) -m venv $(LOCKER)
	$(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) --group dev --constraint requirements.txt --output-file requirements-dev.txt

run: $(RUNTIME) ## Serve your own database (DATABASE_URL, else db.sqlite3) for development
	$(TRIAL) $(BIN)/python manage.py migrate --verbosity 0
	$(TRIAL) $(BIN)/python manage.py runserver $(PORT)

check: setup ## Format, lint, types, Django's checks, migrations, licences, weaknesses (RELEASE=1: no skipping)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(TRIAL) $(BIN)/mypy .
	$(TRIAL) $(BIN)/python manage.py check --fail-level WARNING
	$(TRIAL) DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py collectstatic --noinput --verbosity 0
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/bandit --quiet --recursive config consumer demo deploy fhirapi practice -ll -ii
	$(BIN)/python -m tests.licences
	$(BIN)/python -m tests.advisories $(if $(RELEASE),--release)

fix: setup ## Put right what ruff can put right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## The tests, on SQLite and on a throw-away PostgreSQL server
	@echo '== on SQLite; of the browser tests the main journeys, if PostgreSQL will run them all'
	RESULT=test-sqlite BROWSER_TESTS_FOLLOW=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	@echo '== on PostgreSQL'
	RESULT=test-postgresql SQLITE_WENT_BEFORE=1 $(BIN)/python -m workbench.postgresql \
		$(if $(REQUIRE_POSTGRESQL),--required) -- \
		$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

demo: $(RUNTIME) ## Practices to look at, and a booking from 111 every minute (LIVE=0: none); in var/demo.sqlite3
	@mkdir -p var
	@$(DEMO) $(BIN)/python manage.py demo --port $(PORT) --serve $(if $(filter 0,$(LIVE)),--no-live)

serve: $(RUNTIME) ## Serve as in production; the environment is yours to set (docs/reference/configuration.md)
	$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	$(BIN)/python -m gunicorn config.wsgi --bind 127.0.0.1:$(PORT)

bench: setup ## What things cost, as ratios in one run (PARTS="search growth", AGAINST=an older revision)
	$(BIN)/python -m benchmarks $(PARTS) $(if $(AGAINST),--against $(AGAINST))

versions: setup ## The main journeys on other Pythons, PostgreSQLs and Firefox (KINDS="journeys firefox")
	$(BIN)/python -m workbench.versions $(KINDS)

fuzz: setup ## Send 20,000 spoilt requests (INPUTS, SEED), and 2,000 through nginx: answers by code
	RESULT=fuzz FUZZ_INPUTS=$(or $(INPUTS),20000) FUZZ_SEED=$(or $(SEED),$$(date +%Y%m%d%H%M)) \
		$(BIN)/python -m pytest tests/fhirapi/test_fuzz.py tests/test_unread_requests.py -q \
		--show-capture=no
	RESULT=described DESCRIBED_INPUTS=$(or $(DESCRIBED),10) FUZZ_SEED=$(or $(SEED),$$(date +%Y%m%d%H%M)) \
		$(BIN)/python -m pytest tests/fhirapi/developer/test_schemathesis.py -q --show-capture=no

pages: setup ## Open every page at three sizes, light and dark (PICTURES=a folder for what it looks like)
	RESULT=pages PICTURES=$(PICTURES) $(BIN)/python -m pytest tests/browser/test_every_page.py -m pages -q -s

pictures: setup ## Draw those pictures of the documents whose pages have changed (ALL=1: all)
	ALL=$(ALL) $(BIN)/python -m pytest tests/browser/test_pictures.py -m pictures -n 0 -q -s \
		--show-capture=no

clients: setup ## FHIR libraries of Node and Java against a live server (fetched into var/clients)
	RESULT=clients $(BIN)/python -m pytest tests/consumer/test_foreign_clients.py -m clients -n 0 -q -rs

installs: setup ## Install into a bare Debian 12, upgrade, remove, and build the image (as root)
	RESULT=installs $(BIN)/python -m pytest tests/deploy -m installs -n 0 -q -rs -s

image: setup ## Build the image of a container into var/image (as root, with mmdebstrap and buildah)
	PYTHON=$(BIN)/python deploy/image/build.sh var/image

chaos: setup ## Break databases and processes for real, and say what held
	RESULT=chaos $(BIN)/python -m pytest tests/chaos -m chaos -q --show-capture=no
	RESULT=interruptions $(BIN)/python -m workbench.postgresql -- \
		$(BIN)/python -m pytest tests/test_interruptions.py -m chaos -q --show-capture=no

load: setup ## Drive nginx, gunicorn and PostgreSQL (STAGE=load, ramp or soak; default: the first two)
	$(BIN)/python -m benchmarks.load $(foreach stage,$(STAGE),--stage $(stage)) $(LOAD)

docs: setup ## The documents as a site, in var/site
	$(TRIAL) $(BIN)/python -m workbench.site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --config-file docs/mkdocs.yml
	@echo 'open var/site/index.html'

evidence: setup ## For assessors: requirement, test, exchange, hazards, results, in var/evidence (DRAFT=1: with gaps)
	$(BIN)/python -m tests.evidence $(if $(DRAFT),--draft) --workers $(WORKERS)

release: setup ## Build what is released, into var/release; refuses what was not tried as it is
	@test -x $(LOCKER)/bin/uv || { $(PYTHON) -m venv $(LOCKER) && \
		$(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check $(UV); }
	$(BIN)/python -m workbench.release

sbom: setup ## Bills of materials of what is installed, as CycloneDX files in var/sbom
	$(BIN)/python -m workbench.sbom

traceability: setup ## Which requirements have tests, and which have none
	$(BIN)/python -m tests.traceability
