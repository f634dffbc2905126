# `make book` builds the site, `make test` runs all tests; `make help` lists the rest.

FOLDER := $(or $(BOOK_BUILD),.)
VENV := $(FOLDER)/.venv
PYTHON := $(VENV)/bin/python
PORT ?= 8000
# the workflows install from requirements.lock, which has the hash of each package
REQUIREMENTS ?= requirements.txt

# all pinned packages exist for these
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHONS := "$(PYTHON)" python3 python3.11 python3.12 python3.13

export OMP_NUM_THREADS = 1
export PYTHONHASHSEED = 0
ifdef BOOK_DATA  # absolute, since notebooks run in a folder of their own
export BOOK_DATA := $(shell cd "$(BOOK_DATA)" 2>/dev/null && pwd || echo "$(BOOK_DATA)")
endif

.PHONY: installed book test pdf question notebooks results again reproduce mutants \
	bench bench-training bench-site bench-scale links lock colab serve clean help

book: installed  ## execute the notebooks and build the site in _build/html
	@"$(PYTHON)" tools/build.py

test: book  ## run all tests
	"$(PYTHON)" -m ruff check --no-cache .
	"$(PYTHON)" -m pytest -q -n 3
	"$(PYTHON)" -m pytest -q --nbval-lax --nbval-sanitize-with tests/nbval.ini \
		--nbval-cell-timeout=600 -n 2 --dist loadscope notebooks

pdf: book  ## print the whole book into _build/deep-learning-solutions.pdf
	@"$(PYTHON)" tools/pdf.py

question: installed  ## begin a new question: ID=gr-5-1 [TITLE=] [SET=] [AFTER=]
	@"$(PYTHON)" tools/question.py --id "$$ID" --title "$$TITLE" --set "$$SET" \
		--after "$$AFTER"

notebooks: installed  ## write notebooks/*.ipynb anew from notebooks/*.md
	@"$(PYTHON)" tools/execute.py
	@"$(PYTHON)" tools/lower.py

results: installed  ## run the full studies (or ONLY=name) and record them in results/
	@"$(PYTHON)" tools/execute.py --scale full $(if $(ONLY),--only '$(ONLY)')

mutants: installed  ## alter each claim and see its check refuse (or SHARE=0.1 of them)
	@"$(PYTHON)" tools/mutants.py $(if $(SHARE),--share $(SHARE))

again: installed  ## make one run of each study (or ONLY=name) again and compare it
	@"$(PYTHON)" tools/again.py $(if $(ONLY),--only '$(ONLY)')

reproduce: installed  ## execute [ONLY=notebook] in other [SETTING=name] and compare
	@"$(PYTHON)" tools/reproduce.py $(if $(ONLY),--only '$(ONLY)') \
		$(if $(SETTING),--setting '$(SETTING)')

bench: bench-training bench-site bench-scale  ## measure training, pages and growth

bench-training: installed
	@"$(PYTHON)" tools/bench.py

bench-site: book
	@"$(PYTHON)" tools/bench_site.py

bench-scale: installed
	@"$(PYTHON)" tools/bench_scale.py

links: installed  ## look for external links that are dead
	@"$(PYTHON)" tools/build.py --links

lock: installed  ## write requirements.lock anew from requirements.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" "$(VENV)/bin/uv" pip compile --quiet \
		--universal --python-version 3.11 --generate-hashes --no-annotate \
		requirements.txt --output-file requirements.lock

colab: installed  ## run the notebooks as Colab does, with the newest releases
	@"$(PYTHON)" tools/colab.py

serve: installed  ## show the site at http://localhost:8000 (or PORT=...), build on save
	@"$(PYTHON)" tools/serve.py --port $(PORT)

clean:  ## remove all that was built; the environment in .venv stays
	rm -rf "$(FOLDER)/_build"

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

installed:
	@for python in $(if $(SYSTEM_PYTHON),"$(SYSTEM_PYTHON)",$(PYTHONS)); do \
	  "$$python" -c '$(SUPPORTED)' 2>/dev/null && \
	    exec "$$python" tools/install.py "$(VENV)" "$(REQUIREMENTS)"; \
	done; \
	python="$(or $(SYSTEM_PYTHON),python3)"; \
	echo "The book needs Python 3.11, 3.12 or 3.13; $$python here is:"; \
	"$$python" --version; \
	echo "Install one, or name it: make SYSTEM_PYTHON=/path/to/python3.11"; \
	exit 1
