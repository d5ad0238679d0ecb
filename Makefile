# make demo      build, start a local cluster of three nodes, run a program on it
# make test      every test, on a local cluster that the tests start themselves
# make test-python, make test-core    one half of them; FILTER=word takes the core's that have it
# make lint      formatting, style and types
# make bench     this client beside the official one
# make bench-core    what the core costs by itself, through the C library; ARGS="rounds records set"
# make wheels    wheels for every platform, built on this machine, in dist/
# make release   the wheels, the source and what they are made of (CycloneDX), in dist/
# make docs      the documentation, in site/
# make debug     a core that builds in seconds, for who works on it; `make safe` goes back
# make watch     runs tests whenever a source changes; ARGS=tests/unit says which
# make clean     remove what was built, and the virtual environment
#
# SERVER=host:port takes any running cluster instead, such as the one of docker-compose.yml:
# make test SERVER=127.0.0.1:3000. ARGS="..." goes to pytest or to the benchmark, and CHART=file.svg
# says where that draws.
# Each makes what it needs in .venv first; PYTHON=python3.12 says of which Python.

SERVER ?= embedded
ARGS ?=
FILTER ?=
CHART ?= .bench/bench.svg
export PYTHON ?= python3
ON_SERVER := $(if $(filter-out embedded,$(SERVER)),--server $(SERVER))

.PHONY: debug safe demo test test-python test-core lint bench bench-core wheels release watch docs clean compiler built development

demo: built
	.venv/bin/python examples/quickstart.py $(ON_SERVER)

test: development
	.venv/bin/python tests/run.py --server $(SERVER) $(ARGS)

test-python: development
	.venv/bin/python tests/run.py --part python --server $(SERVER) $(ARGS)

test-core: compiler
	.venv/bin/python tests/run.py --part core --filter "$(FILTER)"

lint: development
	.ci/lint

bench: built
	mkdir -p .bench
	.venv/bin/python bench/run.py --server $(SERVER) --json .bench/bench.json \
		--chart $(CHART) $(ARGS)

# On a local server, unless SERVER says otherwise.
bench-core: built
	mkdir -p .bench
	.venv/bin/python -m ziglang cc -std=c99 -D_POSIX_C_SOURCE=200809L -O2 bench/core.c \
		-I native/include aerospike_py/libaerospike_zig.so -Wl,-rpath,$(CURDIR)/aerospike_py \
		-o .bench/core
	.venv/bin/python bench/core.py $(ON_SERVER) $(ARGS)

wheels:
	@.ci/setup wheels
	.venv/bin/python scripts/wheels.py $(ARGS)
	.venv/bin/python scripts/try_wheels.py

release: wheels
	.venv/bin/python scripts/sbom.py

watch: development
	.venv/bin/python scripts/watch.py $(ARGS)

docs:
	@.ci/setup docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict $(ARGS)

compiler built development:
	@.ci/setup $@

debug safe:
	@AEROSPIKE_PY_OPTIMIZE=$@ .ci/setup development

clean:
	rm -rf .venv .bench build dist site *.egg-info
	rm -f $(foreach folder,aerospike_py aerospike_py/devserver,$(foreach kind,*.so *.dylib *.dll *.pyd _ffi.c,$(folder)/$(kind)))
