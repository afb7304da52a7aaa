# make study: the whole chain on the embedded data, to a verdict.   make test: every test.   Both set up .venv once.
STUDY ?= smoke
PYTHON ?= python3
CORES ?= all

# a local wheel folder (PIP_FIND_LINKS) is honoured by uv only when it is told so
FIND_LINKS = $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS))
READY = .venv/.ready

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: study test lint clean

study: $(READY)
	snakemake --cores $(CORES) --quiet --config study=$(STUDY)
	@labeldistill show $(STUDY)

test: $(READY)
	ruff check . && ruff format --check . && mypy
	pytest -q

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "Python 3.11 or 3.12 is needed; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "no venv module: apt-get install python3-venv" >&2; exit 2; }
	@.venv/bin/pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python $(FIND_LINKS) -c constraints.txt -e '.[dev,slurm,crate]'
	@touch $@

lint: $(READY)
	ruff check --fix . && ruff format . && mypy

clean:
	rm -rf .venv .snakemake
