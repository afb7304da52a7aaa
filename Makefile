# make study: the whole chain on the default study, to a verdict.     make test: every test.
# make check: lint, types and the quick tests (minutes).            All of them set up .venv once.
# make docs: the documentation as a site.
STUDY ?= quickstart
PYTHON ?= python3
CORES ?= all

# a local wheel folder (PIP_FIND_LINKS) is honoured by uv only when it is told so
FIND_LINKS = $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS))
READY = .venv/.ready

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

# One process per core; a file's tests stay together, so that what they share is made once.
PYTEST = pytest -q -n logical --dist loadfile

.PHONY: study test check lint docs fuzz clean

study: $(READY)
	snakemake --cores $(CORES) --config study=$(STUDY)
	@labeldistill show $(STUDY)

test: $(READY)
	ruff check . && ruff format --check . && mypy
	$(PYTEST)

check: $(READY)
	ruff check . && ruff format --check . && mypy
	$(PYTEST) -m "not slow"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "Python 3.11 or 3.12 is needed; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "no venv module: apt-get install python3-venv" >&2; exit 2; }
	@.venv/bin/pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python $(FIND_LINKS) -c constraints.txt -e '.[dev,slurm,crate,docs]'
	@touch $@

lint: $(READY)
	ruff check --fix . && ruff format . && mypy

# the documentation as a site, without network: open site/index.html
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

# attack every reader of files; what fails is kept in tests/fuzz/corpus and tried by the tests from then on
fuzz: $(READY)
	PYTHONPATH=tests/support python -m tests.fuzz --inputs 1000000

clean:
	rm -rf .venv .snakemake
