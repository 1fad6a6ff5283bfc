# make           build what you are working on (debug)
# make run       build and start the demo on http://127.0.0.1:8080
# make test      every Swift test, on SQLite and on PostgreSQL
# make check     what CI runs: format, lint, build without warnings, tests, end to end, browser
# make format    rewrite the sources as `.swift-format` wants them
# make bench     measure every row of docs/benchmarks.md beside its baseline; writes .build/bench.json
# make install   release binaries, unit, users and example below DESTDIR (PREFIX=/usr/local)
# make verifier  the auditor's program as one static file: .build/static/release/steward-verify
# make test-long like check, with more kills and bits, every disk fault, minutes of fuzzing, and the sanitizers: hours
# make clean     remove what was built

# The first start wants to be soon: a debug build of everything takes about two thirds of the time of a release build, and
# is the one `make test` uses too. `make run CONFIG=release` starts the fast one.
CONFIG ?= debug
LISTEN ?= 127.0.0.1:8080

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
# Where the binaries that are installed come from; `make install BINARIES=.build/debug` installs what is there already.
BINARIES ?= .build/release

BUILD_PACKAGES = libsqlite3-dev libargon2-dev libcurl4-openssl-dev libpq-dev pkg-config
TEST_PACKAGES = golang golang-golang-x-mod-dev postgresql
CHECK_PACKAGES = gcc python3 python3-venv chromium openssl curl patroni etcd-server haproxy softhsm2
BENCH_PACKAGES = python3 wrk restic gcc openssl postgresql time

.PHONY: help build run test check format lint bench release install verifier test-long clean clean-demo need-build need-test need-check need-bench

# `make` alone builds; `make help` prints the lines above.
build: need-build
	swift build

run: need-build
	swift build -c $(CONFIG) --product steward
	.build/$(CONFIG)/steward demo --data .demo --listen $(LISTEN) --credentials .demo-credentials.json

test: need-test
	swift build --build-tests
	python3 Tools/postgres run -- swift test --skip-build
	STEWARD_TEST_ENGINE=postgres SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 python3 Tools/postgres run -- swift test --skip-build

check: need-check
	python3 Tools/check.py

test-long: need-check
	python3 Tools/check.py --long

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	python3 Tools/lint --self-test
	python3 Tools/lint

bench: need-bench
	swift build -c release --product steward
	swift build -c release --product steward-bench
	swift build -c release --product steward-verify
	python3 Tools/bench

install: $(if $(filter .build/release,$(BINARIES)),release)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/steward $(DESTDIR)$(SYSCONFDIR)/steward
	install -s -m 0755 $(BINARIES)/steward $(BINARIES)/steward-verify $(DESTDIR)$(PREFIX)/bin
	sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@SYSCONFDIR@,$(SYSCONFDIR),g' Packaging/steward.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/steward.service
	install -m 0644 Packaging/steward.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/steward.conf
	install -m 0644 Packaging/steward.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/steward.conf
	install -m 0644 Packaging/steward.8 $(DESTDIR)$(PREFIX)/share/man/man8/steward.8
	install -m 0644 docs/operations/*.md docs/format.md $(DESTDIR)$(PREFIX)/share/doc/steward
	install -m 0644 Packaging/steward.yaml $(DESTDIR)$(PREFIX)/share/doc/steward/steward.yaml
	install -d $(DESTDIR)$(PREFIX)/share/doc/steward/postgresql
	install -m 0644 Packaging/postgresql/* $(DESTDIR)$(PREFIX)/share/doc/steward/postgresql
	test -e $(DESTDIR)$(SYSCONFDIR)/steward/steward.yaml || install -m 0644 Packaging/steward.yaml $(DESTDIR)$(SYSCONFDIR)/steward/steward.yaml

release: need-build
	swift build -c release --product steward
	swift build -c release --product steward-verify

verifier: need-build
	swift build -c release --product steward-verify -Xswiftc -static-executable --scratch-path .build/static
	@echo "The verifier is .build/static/release/steward-verify: one file that needs nothing else."

help:
	@sed -n 's/^# //p' Makefile | sed '/^The first/,$$d'

clean:
	rm -rf .build

clean-demo:
	rm -rf .demo .demo.keys .demo-credentials.json

need-build:
	@Tools/need.sh $(BUILD_PACKAGES)

need-test:
	@Tools/need.sh $(BUILD_PACKAGES) $(TEST_PACKAGES)

need-check:
	@Tools/need.sh $(BUILD_PACKAGES) $(TEST_PACKAGES) $(CHECK_PACKAGES)

need-bench:
	@Tools/need.sh $(BUILD_PACKAGES) $(BENCH_PACKAGES)
