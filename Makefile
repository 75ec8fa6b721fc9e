# Every target makes .venv when it is missing; nothing else needs to be installed first.
PYTHON ?= python3
BIN := .venv/bin
ENVIRONMENT := OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
RUNS ?= runs
SOAK ?= --minutes 60
EXAMPLES ?= $(notdir $(wildcard docs/examples/*.py))

.PHONY: demo test lint types reproduce bench bench-check examples docs browse soak clean

demo: .venv/ready
	$(ENVIRONMENT) $(BIN)/pacesetter demo --runs $(RUNS)

# On two cores in half the time: what trains shows its progress, and what the rest said comes after.
STUDIES := tests/training/studies
REST := $(filter-out tests/training/ tests/__pycache__/,$(wildcard tests/*/)) $(wildcard tests/test_*.py)
test: .venv/ready
	@mkdir -p build
	@$(ENVIRONMENT) $(BIN)/python -m pytest $(REST) $(STUDIES) > build/tests.log 2>&1 & \
	rest=$$!; trap 'kill $$rest' INT TERM; \
	$(ENVIRONMENT) $(BIN)/python -m pytest tests/training --ignore=$(STUDIES); training=$$?; \
	wait $$rest; rest=$$?; cat build/tests.log; exit $$((training + rest))

lint: .venv/ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# Type checkers do not see the import hook of an editable install; they get a tree of links.
types: .venv/ready
	mkdir -p build/typing/pacesetter
	ln -sfn ../../../__init__.py build/typing/pacesetter/__init__.py
	for part in envs leaders training configs; do \
		ln -sfn ../../../$$part build/typing/pacesetter/$$part; done
	$(BIN)/mypy

# All tables of docs/results, with all seeds: a few hours on two cores.
reproduce: .venv/ready
	$(ENVIRONMENT) $(BIN)/pacesetter reproduce --all

# Everything by one command on one machine, which is to do nothing else: an hour and a half.
# PACESETTER_JAX names the Python of another environment for the contenders that need JAX.
bench: .venv/ready
	$(ENVIRONMENT) $(BIN)/pacesetter bench --slow --repeats 10 --json docs/results/bench.json
	$(ENVIRONMENT) $(BIN)/python -m pacesetter.training.bench.machine.profile --out docs/results

# Fails where a ratio of the committed table has become reproducibly lower, by more than 3 %.
bench-check: .venv/ready
	$(ENVIRONMENT) $(BIN)/pacesetter bench --check docs/results/bench.json

# Every example of docs/examples, as a user would run it: first as files, then as notebooks.
examples: .venv/ready
	@cd docs/examples && for file in $(EXAMPLES); do echo "== $$file"; \
		$(ENVIRONMENT) ../../$(BIN)/python $$file || exit 1; done
	$(ENVIRONMENT) $(BIN)/python docs/site/notebooks.py $(EXAMPLES:.py=)

# Short runs are disturbed at random, and held to undisturbed ones: SOAK="--minutes 10 --continue".
soak: .venv/ready
	$(ENVIRONMENT) $(BIN)/python -m pacesetter.training.soak $(SOAK)

# The site, offline and strict, into build/site.
docs: .venv/ready
	$(ENVIRONMENT) $(BIN)/python docs/site/build.py

# Every page of it in a browser (Chromium or Chrome), wide and narrow, light and dark; and the report
# of a run whose name is long.
SEEN := build/browse/a_run_with_a_name_as_long_as_the_names_of_runs_in_a_sweep_become_seed_0
browse: docs
	@rm -rf build/browse
	@$(ENVIRONMENT) $(BIN)/pacesetter train duopoly_fixed training.route=local \
		training.pretrain_iterations=2 --runs build/browse --name $(notdir $(SEEN)) --quiet > /dev/null
	@$(ENVIRONMENT) $(BIN)/pacesetter report --html $(SEEN) > /dev/null
	$(BIN)/python docs/site/browse.py --also $(SEEN)/report.html

.venv/ready: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
# Asked for alone and by its exact version, torch comes as the build for this machine.
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev,zoo,sb3,onnx,docs]'
	touch .venv/ready

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
