# `make book` builds the site, `make test` runs all tests; `make help` lists the rest.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/installed
PIP := $(PYTHON) -m pip install --quiet --disable-pip-version-check
PORT ?= 8000

# the first interpreter for which all pinned packages exist
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
SYSTEM_PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)

export OMP_NUM_THREADS = 1
export PYTHONHASHSEED = 0
ifdef BOOK_DATA  # absolute, since notebooks run in a folder of their own
export BOOK_DATA := $(shell cd "$(BOOK_DATA)" 2>/dev/null && pwd || echo "$(BOOK_DATA)")
endif

.PHONY: book test pdf question notebooks results again reproduce bench \
	bench-training bench-site bench-scale links serve clean help

book: $(INSTALLED)  ## execute the notebooks and build the site in _build/html
	@$(PYTHON) tools/build.py

test: book  ## run all tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pytest -q -n 2 --dist loadfile
	$(PYTHON) -m pytest -q --nbval-lax --nbval-sanitize-with tests/nbval.ini \
		--nbval-cell-timeout=600 -n 2 --dist loadscope notebooks

pdf: book  ## print the whole book into _build/deep-learning-solutions.pdf
	@$(PYTHON) tools/pdf.py

question: $(INSTALLED)  ## begin a new question: ID=gr-5-1 [TITLE=] [SET=] [AFTER=]
	@$(PYTHON) tools/question.py --id "$$ID" --title "$$TITLE" --set "$$SET" \
		--after "$$AFTER"

notebooks: $(INSTALLED)  ## write notebooks/*.ipynb anew from notebooks/*.md
	@$(PYTHON) tools/execute.py
	@$(PYTHON) tools/lower.py

results: $(INSTALLED)  ## run the full studies (or ONLY=name) and record them in results/
	@$(PYTHON) tools/execute.py --scale full $(if $(ONLY),--only '$(ONLY)')

again: $(INSTALLED)  ## make one run of each study (or ONLY=name) again and compare it
	@$(PYTHON) tools/again.py $(if $(ONLY),--only '$(ONLY)')

reproduce: $(INSTALLED)  ## execute [ONLY=notebook] in other [SETTING=name] and compare
	@$(PYTHON) tools/reproduce.py $(if $(ONLY),--only '$(ONLY)') \
		$(if $(SETTING),--setting '$(SETTING)')

bench: bench-training bench-site bench-scale  ## measure training, pages and growth

bench-training: $(INSTALLED)
	@$(PYTHON) tools/bench.py

bench-site: book
	@$(PYTHON) tools/bench_site.py

bench-scale: $(INSTALLED)
	@$(PYTHON) tools/bench_scale.py

links: $(INSTALLED)  ## look for external links that are dead
	@$(PYTHON) tools/build.py --links

serve: $(INSTALLED)  ## show the site at http://localhost:8000 (or PORT=...), build on save
	@$(PYTHON) tools/serve.py --port $(PORT)

clean:  ## remove all that was built; the environment in .venv stays
	rm -rf _build

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

$(INSTALLED): requirements.txt pyproject.toml
	@test -n "$(SYSTEM_PYTHON)" || { \
	  echo "The book needs Python 3.11, 3.12 or 3.13; python3 here is:"; \
	  python3 --version; \
	  echo "Install one, or name it: make SYSTEM_PYTHON=/path/to/python3.11"; \
	  exit 1; }
	@echo "Installing requirements.txt into $(VENV): once, some minutes ..."
	@test -x $(PYTHON) || $(SYSTEM_PYTHON) -m venv $(VENV)
	@$(PIP) --requirement requirements.txt
	@$(PIP) --no-deps --editable .
	@touch $@
