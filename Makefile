# The verbs. Each sets up what it needs: Python 3.11 or newer, git and make are enough.
# Everything installed lands in .venv; nothing outside this folder is touched.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SOAK   := $(addprefix tests/acceptance/,test_soak.py test_evidence_race.py test_nasty_jobs.py test_submissions.py)
LONGER := tests/acceptance/test_names.py tests/acceptance/test_many.py tests/acceptance/test_without_engine.py \
          tests/engine/test_spawning.py tests/engine/test_bad_company.py tests/engine/test_launcher.py \
          tests/language/test_fuzz.py tests/language/test_limits.py tests/mutation/test_mutation.py \
          tests/web/test_openapi.py tests/year
STORED := $(addprefix tests/engine/test_,engine.py past.py faults.py client.py) \
          $(addprefix tests/web/test_,access.py api.py changes_page.py hooks.py job_page.py jobs_page.py looks.py probes.py \
          run_page.py system_page.py today.py) tests/year
SHELLS := tests/language/test_corpus.py tests/language/test_shell.py

unexport PYTHONDONTWRITEBYTECODE
# Without compiled files each of the thousands of processes of a test run compiles a hundred modules again.

.PHONY: demo demo-hosts test check fix mutate bench soak lock clean

demo: $(READY)          ## the shop sample, live, in under a minute; KEEP=1 leaves its page up
	@$(BIN)/python samples/shop/demo.py $(if $(KEEP),--keep)

demo-hosts: $(READY)    ## the same on three hosts that share a ledger, one of which loses its power; root, PostgreSQL
	@$(BIN)/python samples/shop/demo_hosts.py

test: $(READY)          ## everything CI runs
	@# The checks run beside the tests. If the tests were never compiled, it is done once: each worker would do it again.
	@$(MAKE) --no-print-directory check > $(VENV)/check.out 2>&1 & checks=$$!; \
	  [ -e tests/__pycache__ ] || $(BIN)/python -m pytest -q --collect-only > /dev/null; \
	  $(BIN)/python -m pytest -q -n 5 --dist worksteal; tests=$$?; \
	  wait $$checks; checks=$$?; cat $(VENV)/check.out; [ $$tests = 0 ] && [ $$checks = 0 ]

check: $(READY)         ## format, lint, types, import contracts, dependencies, spelling
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > .import-lint.out 2>&1 || { cat .import-lint.out; rm -f .import-lint.out; exit 1; }; rm -f .import-lint.out
	@$(BIN)/deptry . > .deptry.out 2>&1 || { cat .deptry.out; rm -f .deptry.out; exit 1; }; rm -f .deptry.out
	@$(BIN)/codespell
	@echo "check: format, lint, types, imports, dependencies and spelling are good"

fix: $(READY)           ## let the formatter and the linter fix what they can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

soak: $(READY)          ## the extended fault tests, then kill everything at random for JOBFILE_SOAK_MINUTES
	@JOBFILE_SOAK=1 $(BIN)/python -m pytest -q -n 2 tests/faults $(LONGER)
	@JOBFILE_SOAK=1 $(BIN)/python -m pytest -q -n 2 -m hypothesis --timeout 3600
	@$(BIN)/python -m pytest -q -n 2 --store postgres $(STORED)
	@JOBFILE_SOAK=1 $(BIN)/python -m pytest -q -n 2 tests/hosts/test_chaos.py
	@JOBFILE_SOAK=1 $(BIN)/python -m pytest -q tests/hosts/test_namespaces.py
	@JOBFILE_SAMPLES=100000 $(BIN)/python -m pytest -q -n 2 tests/language/test_samples.py
	@JOBFILE_SHELL_FULL=1 $(BIN)/python -m pytest -q -n 2 $(SHELLS)
	@JOBFILE_SOAK_MINUTES=$${JOBFILE_SOAK_MINUTES:-30} $(BIN)/python -m pytest -q -s $(SOAK)

mutate: $(READY)         ## change the deciding modules a little, many times; do the tests notice? (see CONTRIBUTING.md)
	@$(BIN)/python -m tests.mutation

bench: $(READY)         ## measure against the references; prints ratios, writes bench/results.json
	@$(BIN)/python -m bench

clean:                  ## remove what the verbs made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results.json engine/supervisor/libplain.so

lock:                   ## find the newest versions that fit pyproject.toml, and write them to requirements/ with their hashes
	@# First those of development: what is shipped is what is tested, also if a tool allows no newer one.
	@$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/python -m pip install -q --disable-pip-version-check uv==0.13.9
	@for set in "dev --group dev" "run -c requirements/dev.txt" "postgres --extra postgres -c requirements/dev.txt" "build --group build -c requirements/dev.txt"; do set -- $$set; out=requirements/$$1.txt; shift; \
	  $(VENV)-lock/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate $$([ "$$2" = build ] || echo pyproject.toml) "$$@" -o $$out || exit 1; done
	@rm -rf $(VENV)-lock

$(READY): pyproject.toml requirements/dev.txt hatch_build.py engine/supervisor/plain.c
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1), and jobfile needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV), once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
