# `make book` builds the site, `make test` runs all tests; `make help` lists the rest.

FOLDER := $(or $(BOOK_BUILD),.)
VENV := $(FOLDER)/.venv
PYTHON := $(VENV)/bin/python
TOOL = @"$(PYTHON)" -m tools
PORT ?= 8000
# the workflows install from requirements.lock, which has the hash of each package
REQUIREMENTS ?= requirements.txt

# all pinned packages exist for these
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHONS := "$(PYTHON)" python3 python3.11 python3.12 python3.13

export OMP_NUM_THREADS = 1
export PYTHONHASHSEED = 0

# absolute, since notebooks run in a folder of their own; also where make is told
absolute = $(shell case "$(1)" in ([/~]*) echo "$(1)";; (*) echo "$$PWD/$(1)";; esac)
ifneq ($(BOOK_DATA),)
override export BOOK_DATA := $(call absolute,$(BOOK_DATA))
endif
ifneq ($(BOOK_CACHE),)
override export BOOK_CACHE := $(call absolute,$(BOOK_CACHE))
endif

.PHONY: installed book test pdf question notebooks results again reproduce mutants \
	bench bench-training bench-site bench-scale bench-build links lock colab serve \
	clean help

book: installed  ## execute the notebooks and build the site in _build/html
	$(TOOL) book

test: book  ## run all tests
	"$(PYTHON)" -m ruff check --no-cache .
	"$(PYTHON)" -m pytest -q -n 3 --dist loadfile
	"$(PYTHON)" -m pytest -q --nbval-lax --nbval-sanitize-with tests/nbval.ini \
		--nbval-current-env --nbval-cell-timeout=600 -n 2 --dist loadscope notebooks

pdf: book  ## print the whole book into _build/deep-learning-solutions.pdf
	$(TOOL) pdf

question: installed  ## begin a new question: ID=gr-5-1 [TITLE=] [SET=] [AFTER=]
	$(TOOL) question --id "$$ID" --title "$$TITLE" --set "$$SET" --after "$$AFTER"

notebooks: installed  ## write notebooks/*.ipynb anew from notebooks/*.md
	$(TOOL) execute
	$(TOOL) notebooks

results: installed  ## run the full studies (or ONLY=name) and record them in results/
	$(TOOL) results $(if $(ONLY),--only '$(ONLY)')

mutants: installed  ## alter claims and programs and see checks refuse (or SHARE=0.1)
	$(TOOL) mutants $(if $(SHARE),--share $(SHARE))

again: installed  ## make one run of each study (or ONLY=name) again and compare it
	$(TOOL) again $(if $(ONLY),--only '$(ONLY)')

reproduce: installed  ## execute [ONLY=notebook] in other [SETTING=name] and compare
	$(TOOL) reproduce $(if $(ONLY),--only '$(ONLY)') \
		$(if $(SETTING),--setting '$(SETTING)')

bench: bench-training bench-site bench-scale bench-build  ## measure speed and growth

bench-site: book
bench-training bench-scale bench-build: installed
bench-training bench-site bench-scale bench-build:
	$(TOOL) $@

links: installed  ## look for external links that are dead
	$(TOOL) book --links

lock: installed  ## write requirements.lock anew from requirements.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" "$(VENV)/bin/uv" pip compile --quiet \
		--universal --python-version 3.11 --generate-hashes --no-annotate \
		requirements.txt --output-file requirements.lock

colab: installed  ## run the notebooks as Colab does, with the newest releases
	$(TOOL) colab

serve: installed  ## show the site at http://localhost:8000 (or PORT=...), build on save
	$(TOOL) serve --port $(PORT)

clean:  ## remove all that was built; the environment in .venv stays
	rm -rf "$(FOLDER)/_build"

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

installed:
	@for python in $(if $(SYSTEM_PYTHON),"$(SYSTEM_PYTHON)",$(PYTHONS)); do \
	  "$$python" -c '$(SUPPORTED)' 2>/dev/null && \
	    exec "$$python" -m tools install "$(VENV)" "$(REQUIREMENTS)"; \
	done; \
	python="$(or $(SYSTEM_PYTHON),python3)"; \
	echo "The book needs Python 3.11, 3.12 or 3.13; $$python here is:"; \
	"$$python" --version; \
	echo "Install one, or name it: make SYSTEM_PYTHON=/path/to/python3.11"; \
	exit 1
