# Everything installs itself: on a bare Debian 12, make, git and python3 are enough. `make` alone lists the targets.
# The Python side lives in .venv (scripts/venv.sh), the Docker side in scripts/engine.sh and base-images.sh.
SHELL := /bin/bash
BIN := .venv/bin
WITH_ENGINE := scripts/with-engine.sh

.DEFAULT_GOAL := help
.PHONY: help venv check engine test fuzz faults simulate swarm soak demo demo-down demo-migrations prove bench-own prove-own prove-migrations metrics exam exam-verify words pages bench-snippet bench conformance reach bake long clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

venv: ## Install Teal and its tools: .venv/bin/teal is the command
	@scripts/venv.sh

check: venv ## Style, types, architecture, unit tests: under a minute
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit tests/proof -m "not engine and not load"

engine: venv ## Install or start a Docker Engine, pull or build the base images
	@$(WITH_ENGINE) true

test: check ## Everything: check, then contract, end-to-end and load on the real engine, and the page in a browser
	@scripts/browser.sh >/dev/null
	$(WITH_ENGINE) scripts/sweep-tests.sh
	$(WITH_ENGINE) scripts/all-tests.sh; status=$$?; $(WITH_ENGINE) scripts/sweep-tests.sh; exit $$status

demo: venv ## Start the example, deploy a second release under load, roll back, report
	@$(WITH_ENGINE) $(BIN)/python -m proof.demo

demo-down: venv ## Stop the demo and remove what it made
	@$(WITH_ENGINE) $(BIN)/python -m proof.demo down

prove: venv ## 20 deploys and 5 rollbacks under load: 0 failed, 0 mixed
	@$(WITH_ENGINE) $(BIN)/python -m proof.prove

demo-migrations: venv ## Play five releases that change the schema, each rolled back meanwhile, under load
	@$(WITH_ENGINE) $(BIN)/python -m proof.migrations.demo

bench-own: venv ## What Teal's own proxy costs a request, side by side with none
	@$(WITH_ENGINE) $(BIN)/python -m proof.own_proxy

prove-own: venv ## Teal's own proxy before a lone stack, behind nginx, behind Traefik: 20 deploys each (N=…, TRAEFIK=IMAGE)
	@$(WITH_ENGINE) $(BIN)/python -m proof.own_fronts $(if $(N),--deploys $(N)) $(if $(TRAEFIK),--traefik $(TRAEFIK))

prove-migrations: venv ## The four changes of a column while writers never stop, also with faults
	@$(WITH_ENGINE) $(BIN)/python -m proof.migrations

metrics: venv ## The alert rules of docs/prometheus under Debian's Prometheus: checked, played, one fires
	@$(BIN)/pytest tests/engine/test_prometheus.py -m long

exam: venv ## The judge of SQL against its corpus and its exam: precision and recall (FOLDER=… for other questions)
	@$(WITH_ENGINE) $(BIN)/python -m tests.judge.exam $(FOLDER)

exam-verify: venv ## Play each question of the exam on a real server: each harm and each harmlessness is seen (FOLDER=…)
	@$(WITH_ENGINE) $(BIN)/python -m tests.judge.exam --verify $(FOLDER)

fuzz: venv ## Feed 10,000 odd examples to each reader of Teal, print the table (N=… for another number)
	@$(BIN)/python -m tests.fuzz $(or $(N),10000)

faults: venv ## Every fault on the real engine under load, print what users noticed (ROW=engine for one row)
	@$(WITH_ENGINE) scripts/sweep-tests.sh
	@$(WITH_ENGINE) $(BIN)/python -m tests.faults $(ROW); status=$$?; $(WITH_ENGINE) scripts/sweep-tests.sh; exit $$status

swarm: venv ## A stack on three machines made for it, under load, a node and the manager lost: the table (DEPLOYS=20)
	@$(WITH_ENGINE) $(BIN)/python -m tests.swarm

reach: venv ## What Teal makes of ordinary stacks with nothing edited: the figures (DEPLOY=1 deploys each that is ready)
	@$(WITH_ENGINE) $(BIN)/python -m tests.reach $(if $(DEPLOY),--deploy $(NAMES)) $(if $(AT),--at $(AT))

conformance: venv ## Every key of the Compose specification on each kind of service, plain and by Teal: the table
	@$(WITH_ENGINE) scripts/sweep-tests.sh
	@$(WITH_ENGINE) $(BIN)/python -m tests.conformance; status=$$?; $(WITH_ENGINE) scripts/sweep-tests.sh; exit $$status

words: venv ## The snippet in a real Caddy and Teal's reader of the state file agree on 10,000 random lines (N=…)
	@$(BIN)/python -m tests.caddy.words $(or $(N),10000)

bench-snippet: venv ## What each part of the snippet costs a request in CPU time, side by side with none
	@$(BIN)/python -m proof.proxy_cost

pages: venv ## What 50 browsers meet in 10 deploys of a single-page application, with `pages` and without (N=…)
	@$(WITH_ENGINE) $(BIN)/python -m tests.engine.leaf $(or $(N),10)

bench: venv ## How fast a deploy, a switch, a rollback and the commands are
	@$(WITH_ENGINE) $(BIN)/python -m proof.bench

bake: venv ## How often a good release is taken back, and how soon a bad one: bakes that are played (N=… for another number)
	@$(BIN)/python -m proof.bake $(N)

# What `make test` leaves out, since it takes long: every way in which a release goes back, HAProxy in front.
long: venv ## The long tests of the watch and of fronts on the real engine
	$(WITH_ENGINE) $(BIN)/pytest tests/engine/test_bake.py tests/engine/test_own_proxy_fronts.py -m "long or not long"

soak: venv ## 500 deploys and rollbacks under light load: nothing grows, slows down or is lost (N=… for another number)
	@$(WITH_ENGINE) $(BIN)/python -m proof.soak $(N)

simulate: venv ## Every crash point, healing's too, and 100,000 random schedules (SCHEDULES=, SEED=, MINUTES=); of a Swarm 20,000 (SWARM=)
	@nice -n 19 $(BIN)/python -m tests.simulation
	@nice -n 19 $(BIN)/python -m tests.simulation.swarm $(or $(SWARM),20000)

clean: ## Remove .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
