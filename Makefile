# Everything runs in .venv, which is made on first use from requirements.lock.

PYTHON ?= python3
NOTEBOOKS ?= $(sort $(wildcard notebooks/*.ipynb))
NOTEBOOK ?=
ANSWERS ?= yes
LAB_ARGS ?=
PYTEST_ARGS ?=
MUTANTS ?= --minutes 60
BENCH ?= movielens_small defaults evaluation_and_import growth time_to_quality paper ratings social three_graphs knowledge rivals league new_users cold_users cold_items own_data serving_latency serving_index explanations speed

ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python
else
VENV_PYTHON := .venv/bin/python
endif
READY := .venv/ready-for-gnnrec
SITE_READY := .venv/ready-for-the-site

# .venv is good while its Python runs and says that it was made for this folder. If not, it is
# made anew: the folder was moved or copied, Python was upgraded, or a set-up was interrupted.
ifneq ($(shell $(VENV_PYTHON) -c "print(open('$(READY)').read())" 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
FRESH := --clear
endif

# JupyterLab refuses to run as root (in a container, say) unless asked to.
ALLOW_ROOT := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)

# Outputs are stored and compared under the same conditions: Python's own choice of warnings, and
# one thread a process, so that two test workers on two cores do not get in each other's way. Bars
# of progress never compare equal.
CONDITIONS := PYTHONWARNINGS= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE GNNREC_PROGRESS=0

# Learners work on copies in my/, which git ignores. -P: the modules beside it are not importable.
MY_COPY = $(VENV_PYTHON) -P gnnrec_helpers/course/my_copy.py

.PHONY: help lab fresh test test-browser check mutants execute bench site clean

help: ## list these targets
	@echo "gnnrec: graph neural networks for recommender systems"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# Threads that wait do not spin: beside a browser or a video call, spinning takes several times the
# processor's time. .jupyterlab holds settings: no news, no look for updates, nothing else.
lab: $(READY) ## open your copy of the first notebook in JupyterLab (LAB_ARGS="--no-browser")
	@$(MY_COPY)
	@echo "Starting JupyterLab; Ctrl+C twice ends it."
	@OMP_WAIT_POLICY=PASSIVE $(VENV_PYTHON) -m jupyterlab \
		--ServerApp.ip=localhost --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/my/01_recommender_systems.ipynb \
		--LabApp.app_settings_dir="$(CURDIR)/.jupyterlab" --Application.log_level=WARN \
		$(ALLOW_ROOT) $(LAB_ARGS)

fresh: $(READY) ## a new copy of a notebook beside yours (NOTEBOOK=03; ANSWERS=no: none filled in)
	@$(MY_COPY) --fresh "$(NOTEBOOK)" --answers "$(ANSWERS)"

test: $(READY) ## unit tests, doctests, every notebook strictly (PYTEST_ARGS="-k lightgcn")
	@echo "Testing the package, and every notebook against its stored outputs."
	@$(CONDITIONS) $(VENV_PYTHON) -m pytest -n 2 --dist loadscope \
		--nbval --nbval-current-env --nbval-cell-timeout=300 \
		--ignore tests/browser gnnrec_helpers tests $(wildcard notebooks) $(PYTEST_ARGS)

# Playwright is not in requirements.lock: nothing else needs it.
test-browser: $(READY) ## answer an exercise in JupyterLab, in the Chromium of this machine
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check \
		-c requirements.lock playwright==1.65.2
	@$(CONDITIONS) $(VENV_PYTHON) -m pytest tests/browser $(PYTEST_ARGS)

check: $(READY) ## ruff, mypy and the unit tests without the slow ones, in about two minutes
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@$(CONDITIONS) $(VENV_PYTHON) -m pytest -q -n 2 --dist loadscope -m "not mutation" \
		--ignore tests/test_setup.py --ignore tests/test_notebooks.py --ignore tests/browser \
		gnnrec_helpers tests $(PYTEST_ARGS)

# mutmut is not in requirements.lock: nothing else needs it, and it does not run on Windows.
mutants: $(READY) ## break the package at random, see what tests notice (MUTANTS="--minutes 30 data")
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check \
		-c requirements.lock mutmut==3.8.1
	@$(VENV_PYTHON) -m tests.mutation_score $(MUTANTS)

execute: $(READY) ## run notebooks and store their outputs (NOTEBOOKS="notebooks/06_lightgcn.ipynb")
	@set -e; for notebook in $(NOTEBOOKS); do \
		echo "Executing $$notebook"; \
		$(CONDITIONS) PYTHONHASHSEED=0 $(VENV_PYTHON) -m nbconvert \
			--to notebook --execute --output-dir .venv/executed --log-level WARN \
			--ExecutePreprocessor.kernel_name=python3 --ExecutePreprocessor.timeout=600 \
			--ExecutePreprocessor.record_timing=False "$$notebook"; \
		mv ".venv/executed/$${notebook##*/}" "$$notebook"; \
	done

bench: $(READY) ## measure, eleven hours in all (BENCH="growth"; some need GNNREC_DATA)
	@set -e; for name in $(BENCH); do $(VENV_PYTHON) benchmarks/$$name.py; done

# Notebooks are not executed: the pages show the outputs that are stored in them.
site: $(SITE_READY) ## build the course site in docs/_build/html, without executing notebooks
	@rm -rf docs/_build
	@$(VENV_PYTHON) docs/sources.py
	@$(CONDITIONS) $(VENV_PYTHON) -m sphinx -q -W --keep-going -c docs \
		-d docs/_build/doctrees docs/_build/source docs/_build/html
	@$(VENV_PYTHON) docs/verify.py
	@echo "Open docs/_build/html/index.html in a browser."

clean: ## remove .venv, caches and build leftovers, never data, notebooks or my/
	@echo "Removing .venv, caches and build leftovers."
	@rm -rf .venv .pytest_cache .hypothesis .mypy_cache .ruff_cache build dist htmlcov docs/_build
	@rm -f .coverage .coverage.* coverage.xml
	@find . -path ./my -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

$(READY): requirements.lock requirements-torchrec.lock pyproject.toml
	@echo "Making .venv from requirements.lock (a few minutes the first time)."
	@rm -f $@
	@$(PYTHON) -m venv $(FRESH) .venv
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check \
		--no-deps -r requirements-torchrec.lock || \
		echo "TorchRec could not be installed. Only training by parallel='nodes' needs it."
	@printf '%s' "$(CURDIR)" > $@

# Nothing but the site needs these: make test does without.
$(SITE_READY): docs/requirements.txt $(READY)
	@echo "Adding Sphinx to .venv."
	@$(VENV_PYTHON) -m pip install -qq --disable-pip-version-check \
		-c requirements.lock -r docs/requirements.txt
	@touch $@
