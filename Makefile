# Everything runs in .venv, made on first use: a machine needs Python 3.11 or newer, and make.
# Another interpreter: make PYTHON=python3.13 test

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Bytecode is kept: every worker and every command that a test starts would else compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test slow thorough check docs gallery bench clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) ## train five networks on handwritten digits, write a report
	$(BIN)/convatlas compare

test: $(READY) ## the quick tests, every core at work
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

slow: $(READY) ## the tests that take longer
	$(BIN)/python -m pytest -m "slow and not thorough" -n auto --maxprocesses 4 --dist worksteal

thorough: $(READY) ## before a release: every variant, at full size
	$(BIN)/python -m pytest -m thorough -n auto --maxprocesses 4 --dist worksteal

check: $(READY) ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(READY) ## write the generated tables of the docs again
	$(BIN)/python docs/write/generate.py
	$(BIN)/python docs/write/checkpoints.py
	$(BIN)/python docs/write/verdicts.py
	$(BIN)/python docs/write/looks.py

gallery: $(READY) ## draw the pictures of docs/gallery again
	$(BIN)/python docs/write/gallery.py

bench: $(READY) ## our training loop beside the tutorials' loop
	$(BIN)/python bench/train_loop.py

clean: ## remove .venv and every cache; runs/ stays
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests docs bench examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp is written last, so an installation that was cut short is finished by the next call. uv takes a quarter of pip's
# time; pip takes over where uv fails, such as behind an index that only pip's settings name. Neither compiles bytecode: Python
# does, of what is imported.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "ConvAtlas needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo not installed)."; \
		echo "Name another one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; } >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	{ $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt uv && \
		$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[dev]'; } || \
		$(BIN)/python -m pip install --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@touch $@
