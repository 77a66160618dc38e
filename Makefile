# The front door; meson.build holds the rules.
#   make          the library, the command and the Python package, in build/
#   make demo     the whole story on a real ResNet-18
#   make test     every test;  make test SAN=1  the C side under AddressSanitizer and UBSan
#   make test-ops     every operator of torch's own database in every type, with more samples (docs/conformance.md)
#   make test-stablehlo STABLEHLO=...  openxla/stablehlo's own bytecode and text, of a checkout of it; WRITE=1: test/stablehlo.txt too
#   make test-models  every model family, into docs/models.md;  JOBS=2  so many at a time
#   make test-large   with weights of several GB;  make test-core-aten CORE_ATEN=...  pytorch/xla's own op tests
#   make test-torch-xla TORCH_XLA=...  pytorch/xla's own test/stablehlo/, of a checkout of it, into docs/torch_xla.md
#   make fuzz     each fuzz target (or those of FUZZ) for FUZZ_SECONDS;  make bench  the figures;  make size  lines per module
BUILD        := $(if $(SAN),build-san,build)
PY           := .venv/bin/python
MESON        := .venv/bin/meson
FUZZ_SECONDS ?= 20
# gcc warns of things that only its own sanitizer checks bring in, so warnings are errors in the plain build alone.
comma        := ,
SETUP        := $(if $(SAN),-Db_sanitize=address$(comma)undefined -Db_lundef=false -Dbuildtype=debugoptimized,$(if $(CI),-Dwerror=true))
export PATH  := $(CURDIR)/.venv/bin:$(PATH)
export TORCH_STABLEHLO_BUILD := $(CURDIR)/$(BUILD)
export PYTHONPATH := $(CURDIR)/python:$(CURDIR)/test
export OMP_WAIT_POLICY := PASSIVE
export UBSAN_OPTIONS := halt_on_error=1:print_stacktrace=1
export SAN

# What tests need may come after the build was set up (make demo, then make test): then the build looks for it again.
.PHONY: all demo test test-ops test-core-aten test-torch-xla test-stablehlo test-models test-large fuzz bench size clean
all:
	@tools/setup build
	@test -f $(BUILD)/build.ninja || $(MESON) setup $(BUILD) $(SETUP)
	@for s in .venv/.test-*; do [ ! $$s -nt $(BUILD)/build.ninja ] || $(MESON) setup --reconfigure $(BUILD) >/dev/null; done
	@ninja -C $(BUILD)

demo:
	@tools/setup demo
	@$(MAKE) --no-print-directory all
	@$(PY) examples/demo.py

test:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(MESON) test -C $(BUILD) --print-errorlogs
	@$(PY) -m pytest -q test --ignore=test/large

test-ops:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@TSHLO_ALL_OPS=1 $(PY) -m pytest -q test/test_ops.py

test-core-aten:
	@test -f "$(CORE_ATEN)" || { echo 'CORE_ATEN names no file, wanted pytorch/xla'"'"'s test/test_core_aten_ops.py'; exit 2; }
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) test/core_aten/run.py "$(CORE_ATEN)"

test-torch-xla:
	@test -d "$(TORCH_XLA)/test/stablehlo" || { echo 'TORCH_XLA names no checkout of pytorch/xla'; exit 2; }
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) test/torch_xla_tests/run.py "$(TORCH_XLA)" --write

test-stablehlo:
	@test -d "$(STABLEHLO)" || { echo 'STABLEHLO names no directory, wanted a checkout of openxla/stablehlo'; exit 2; }
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@STABLEHLO="$(abspath $(STABLEHLO))" WRITE=$(WRITE) $(PY) -m pytest -q test/test_stablehlo_files.py

test-models:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) test/models/run.py --write --jobs $(or $(JOBS),1)

test-large:
	@tools/setup test
	@$(MAKE) --no-print-directory all
	@$(PY) -m pytest -q test/large

fuzz:
	@tools/setup fuzz
	@tools/fuzz $(FUZZ_SECONDS) "$(FUZZ)"

bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@$(PY) bench/run.py --write

size:
	@for d in src/*/; do printf '%-16s %6d lines\n' "$$d" "$$(cat $$d*.[ch] $$d*.def 2>/dev/null | wc -l)"; done

clean:
	rm -rf build build-san build-fuzz
