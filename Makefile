# libcni: see "make help".
VERSION := $(shell sed -n 's/^.define CNI_VERSION "\(.*\)"/\1/p' include/cni.h)
SONAME := libcni.so.0
REAL := $(SONAME).$(shell echo $(VERSION) | cut -d. -f2-)

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d
UNITDIR ?= $(PREFIX)/lib/systemd/system

GO ?= go
PYTHON ?= python3
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
READELF ?= readelf
AR ?= ar
INSTALL ?= install

BUILD := build

# Names resolve in Go: the C library's resolver would read files and load modules inside the host.
# Volume plugins speak HTTP/1.
TAGS := netgo,osusergo,nethttpomithttp2
export CGO_ENABLED := 1

# A packager's flags: CFLAGS and CPPFLAGS reach the C files, LDFLAGS the link of the library.
# Link-time optimization is left out, since the C files are linked into one object first.
CFLAGS ?= -g -O2
LDFLAGS ?= $(CGO_LDFLAGS)
export CGO_CFLAGS = $(filter-out -flto%,$(CFLAGS))
export CGO_CPPFLAGS = $(CPPFLAGS) $(if $(filter stack,$(WITHOUT)),-DWITHOUT_STACK)

# "make DEBUG=1" keeps the symbols, which objcopy --only-keep-debug can take out.
STRIP := $(if $(DEBUG),,-s)
GO_LDFLAGS := $(if $(DEBUG),,-s -w )-buildid=

LINK := -nostartfiles -Wl,--version-script=capi/libcni.map -Wl,-soname,$(SONAME) -Wl,-Bsymbolic \
	-Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--no-undefined -Wl,--build-id=sha1

# How the build changes Go's runtime: capi/goruntime/README.md. "make WITHOUT='signals cgroup entry
# godebug stack'" leaves out those named. REPLACE="FILE=REPLACEMENT ..." replaces sources in tests.
WITHOUT :=
export WITHOUT AR OBJCOPY READELF
with = $(if $(filter $(1),$(WITHOUT)),,$(2))
comma := ,
GODEBUG_VALUE := asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0
GODEBUG_DEFAULT := $(call with,godebug,-X=runtime.godebugDefault=$(GODEBUG_VALUE))
WRAP := $(call with,stack,-Wl$(comma)--wrap=pthread_getattr_np)

# The underscore hides the directory from "./...".
GORUNTIME := $(abspath $(BUILD))/_goruntime
PREPARED := $(GORUNTIME)/overlay.json
GOBUILD := GOROOT=$(GORUNTIME)/goroot GOTOOLCHAIN=local $(GORUNTIME)/goroot/bin/go build \
	-trimpath -buildvcs=false -tags $(TAGS)

SOURCES := go.mod go.sum include/cni.h api/cni.api.json $(wildcard capi/*.[ch] capi/libcni.map) \
	$(wildcard capi/goruntime/*[!d]) $(shell find api capi core -name '*.go' ! -name '*_test.go')
COMMAND_SOURCES := $(SOURCES) $(shell find cmd -name '*.go' ! -name '*_test.go' 2>/dev/null)

# Where the tests find the things under test.
export CNI_LIBRARY := $(abspath $(BUILD))/libcni.so
export CNI_COMMAND_PATH := $(abspath $(BUILD))/cni
export CNI_PEERS := $(abspath $(BUILD))/peers
ISOLATE := $(CURDIR)/test/isolate
VENV := $(BUILD)/venv
LINTER := $(BUILD)/lint/golangci-lint

.DELETE_ON_ERROR:
.PHONY: all check-deps generate install uninstall deps peers netavark test test-tools lint test-vm
.PHONY: build-matrix test-debian test-all test-faults test-matrix mutate fuzz demo bench bench-documents
.PHONY: bench-parts figures release help clean

# A recipe that takes seconds says what it does, and when it has done it how long that took.
begin = @echo "...  $(1)"; mkdir -p $(@D); date +%s >$@.began
done = @echo "ok   $(1) ($$(($$(date +%s) - $$(cat $@.began))) s)"; rm -f $@.began

all: $(BUILD)/libcni.so $(BUILD)/libcni.a $(BUILD)/cni $(BUILD)/libcni.pc ## build the library and the command; DEBUG=1 keeps symbols

# Go and the flags are looked at each time, since they may be others. "make install" of what is
# built looks at neither, and needs no Go.
CHANGEABLE := $(if $(filter-out install uninstall,$(or $(MAKECMDGOALS),all)),FORCE)
FORCE:

$(PREPARED): $(CHANGEABLE)
	@capi/goruntime/prepare $(GO) $(@D) $(REPLACE)

COMPILE_FLAGS := $(GORUNTIME)/compile-flags
LINK_FLAGS := $(GORUNTIME)/link-flags
$(COMPILE_FLAGS): export FLAGS = $(CC) $(CGO_CFLAGS) $(CGO_CPPFLAGS) $(GOARCH) $(DEBUG) $(WITHOUT)
$(LINK_FLAGS): export FLAGS = $(LDFLAGS)
$(COMPILE_FLAGS) $(LINK_FLAGS): $(CHANGEABLE)
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@

# One relocatable object, in which start.c runs Go's constructor, and not the loader. The second
# is for the benchmark: its runtime prints its goroutines, which no function of the library returns.
OBJECT := $(BUILD)/static/whole.o
LISTING := $(BUILD)/bench/listing/$(SONAME)
$(LISTING:.so.0=.o): GODEBUG_DEFAULT := $(GODEBUG_DEFAULT),schedtrace=100,scheddetail=1
$(OBJECT) $(LISTING:.so.0=.o): $(SOURCES) $(PREPARED) $(COMPILE_FLAGS)
	$(call begin,building the library; the first time takes a minute or two)
	$(GOBUILD) -overlay $(PREPARED) -buildmode=c-archive -ldflags '$(GO_LDFLAGS) $(GODEBUG_DEFAULT)' \
		-o $(@D)/go.a ./capi
	capi/goruntime/entry $(@D)/go.a
	$(CC) -nostdlib -r -o $@ -Wl,--build-id=none $(WRAP) -Wl,--whole-archive $(@D)/go.a
	$(call done,the library is built)

$(BUILD)/$(REAL): $(OBJECT)
$(LISTING): $(LISTING:.so.0=.o)
$(BUILD)/$(REAL) $(LISTING): capi/libcni.map $(LINK_FLAGS)
	$(CC) -shared -o $@ $(filter %.o,$^) -pthread $(LINK) $(STRIP) $(LDFLAGS)
	capi/goruntime/check $@ $(GODEBUG_VALUE)

$(BUILD)/libcni.so: $(BUILD)/$(REAL)
	ln -sf $(REAL) $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $@

# The same object, in which only the header's functions are global names.
$(BUILD)/libcni.a: $(OBJECT)
	sed -n 's/^\t\t\(cni_[a-z_]*\);$$/\1/p' capi/libcni.map >$(BUILD)/static/symbols
	$(OBJCOPY) $(if $(DEBUG),,--strip-debug) --keep-global-symbols=$(BUILD)/static/symbols \
		$(OBJECT) $(BUILD)/static/libcni.o
	rm -f $@
	$(AR) rcsD $@ $(BUILD)/static/libcni.o

$(BUILD)/cni: $(COMMAND_SOURCES) $(PREPARED) $(COMPILE_FLAGS)
	$(call begin,building the command)
	CGO_ENABLED=0 $(GOBUILD) -ldflags '$(GO_LDFLAGS)' -o $@ ./cmd/cni
	$(call done,the command is built)

# Made anew each time: PREFIX may have changed.
PKGCONFIG = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' capi/libcni.pc.in
$(BUILD)/libcni.pc: capi/libcni.pc.in include/cni.h
	mkdir -p $(BUILD)
	$(PKGCONFIG) >$@

MANUAL = $(wildcard docs/man/*.3)
UNITS = cni-repair-nftables.service cni-repair-firewalld.service

install: all ## install below PREFIX (default /usr/local), inside DESTDIR
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(BINDIR) \
		$(DESTDIR)$(DATADIR)/libcni $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man3 $(DESTDIR)$(UNITDIR)
	$(INSTALL) -m 755 $(BUILD)/$(REAL) $(DESTDIR)$(LIBDIR)/$(REAL)
	ln -sf $(REAL) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libcni.so
	$(INSTALL) -m 644 $(BUILD)/libcni.a $(DESTDIR)$(LIBDIR)/libcni.a
	$(PKGCONFIG) >$(DESTDIR)$(LIBDIR)/pkgconfig/libcni.pc
	$(INSTALL) -m 644 include/cni.h include/cni_dl.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 api/cni.api.json $(DESTDIR)$(DATADIR)/libcni/cni.api.json
	$(INSTALL) -m 755 $(BUILD)/cni $(DESTDIR)$(BINDIR)/cni
	$(INSTALL) -m 644 docs/man/cni.1 $(DESTDIR)$(MANDIR)/man1/cni.1
	$(INSTALL) -D -m 644 cmd/cni/completions/cni.bash $(DESTDIR)$(BASHDIR)/cni
	$(INSTALL) -D -m 644 cmd/cni/completions/_cni $(DESTDIR)$(ZSHDIR)/_cni
	$(INSTALL) -D -m 644 cmd/cni/completions/cni.fish $(DESTDIR)$(FISHDIR)/cni.fish
	$(INSTALL) -m 644 $(MANUAL) $(DESTDIR)$(MANDIR)/man3
	for unit in $(UNITS); do \
		sed 's|@BINDIR@|$(BINDIR)|' docs/systemd/$$unit.in >$(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(LIBDIR)/$(REAL) $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libcni.so \
		$(DESTDIR)$(LIBDIR)/libcni.a $(DESTDIR)$(LIBDIR)/pkgconfig/libcni.pc \
		$(DESTDIR)$(INCLUDEDIR)/cni.h $(DESTDIR)$(INCLUDEDIR)/cni_dl.h $(DESTDIR)$(DATADIR)/libcni/cni.api.json $(DESTDIR)$(BINDIR)/cni $(DESTDIR)$(MANDIR)/man1/cni.1 \
		$(DESTDIR)$(BASHDIR)/cni $(DESTDIR)$(ZSHDIR)/_cni $(DESTDIR)$(FISHDIR)/cni.fish \
		$(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(MANUAL))) $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	-rmdir $(DESTDIR)$(DATADIR)/libcni 2>/dev/null

deps: ## install the packages that the tests need, as root on Debian and Ubuntu
	@test/deps --packages

# The reference plugins need a newer Go than the project: a module of their own, as the linter's.
peers: $(BUILD)/peers/cnitool $(BUILD)/peers/volumeplugin ## build the programs that libcni is compared with
$(BUILD)/peers/cnitool: test/peers/go.mod test/peers/go.sum $(wildcard test/peers/*/*.go)
	$(call begin,building the programs that libcni is compared with)
	cd test/peers && GOTOOLCHAIN=auto CGO_ENABLED=0 $(GO) build -trimpath -o $(CNI_PEERS) tool
	touch $@
	$(call done,they are built)

# Only the benchmark uses it. Cargo checks each source against the lock file of the crate.
NETAVARK := $(BUILD)/netavark
NETAVARK_VERSION := $(shell sed -n 's/^const netavarkVersion = "\(.*\)"/\1/p' bench/sides.go)
netavark: $(NETAVARK)/$(NETAVARK_VERSION) ## build netavark, with which the benchmark compares libcni: eight minutes, needs cargo and protoc
$(NETAVARK)/$(NETAVARK_VERSION):
	@command -v cargo >/dev/null && command -v protoc >/dev/null || \
		{ echo "netavark needs cargo 1.88 or newer and protoc (Debian's protobuf-compiler)" >&2; exit 1; }
	$(call begin,building netavark $(NETAVARK_VERSION); this takes eight minutes)
	cargo install netavark --version '=$(NETAVARK_VERSION)' --locked --bin netavark --force \
		--root $(NETAVARK) --target-dir $(NETAVARK)/target
	rm -rf $(NETAVARK)/target
	touch $@
	$(call done,netavark is built)

$(BUILD)/peers/volumeplugin: $(shell find test/volumeplugins -type f)
	$(call begin,building the volume plugins that libcni is tested with)
	cd test/volumeplugins && CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o $(CNI_PEERS) tool
	touch $@
	$(call done,they are built)

generate: ## write the files that are generated from api/cni.api.json
	$(GO) run ./api/generate
	$(GO) test -count=1 -tags $(TAGS) -run 'TestManualPageIsCurrent|TestCompletionsAreCurrent' ./cmd/cni -update

check-deps: ## name the packages that the tests need and that are missing
	@test/deps --check
	@$(ISOLATE) --check

# STEPS="abi python" runs only those.
test: check-deps ## run every test, in network namespaces of their own
	@$(MAKE) --no-print-directory all peers test-tools
	@$(PYTHON) test/run $(STEPS)

# A file of its own: the environment's python is a link to the system's, whose time touch would set.
TOOLS := $(BUILD)/test-tools
NEWEST_NFT := $(BUILD)/nft/version
test-tools: $(TOOLS) $(LINTER) $(NEWEST_NFT) ## get the tools of the tests, into build/

lint: $(TOOLS) $(LINTER) ## run the linters, which are part of "make test"
	$(PYTHON) test/run gofmt vet golangci clang-format mypy ruff

# The linter needs a newer Go than the project: a module of its own, for which Go may fetch its
# toolchain.
$(LINTER): test/lint/go.mod test/lint/go.sum
	$(call begin,building the linter)
	cd test/lint && GOTOOLCHAIN=auto CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o $(CURDIR)/$(@D)/ tool
	touch $@
	$(call done,the linter is built)

# WORDS="clang bfd" runs the combinations whose names have all of them.
build-matrix: ## build and test with each Go from the oldest to the newest, gcc and clang, four linkers, and for arm64
	@$(PYTHON) test/toolchains/run $(WORDS)

# WORDS="12 demo" runs the jobs whose names have all of them.
test-debian: ## do what the README says in fresh Debian 12 and 13, as root and as an ordinary user
	@$(PYTHON) test/debian/run $(WORDS)

test-all: ## list the tests that take longer than "make test", and where their last results are
	@sed -n 's/^| `\(make [a-z-]*\)` | \(.*\) | \(.*\) |$$/\1\t\2 (\3)/p' docs/contributing/long-tests.md | \
		expand -t 20
	@echo "The last results are in docs/contributing/long-tests.md."

test-vm: ## run the tests for kernel features that this machine may lack, in a virtual machine
	$(PYTHON) test/vm/run

# About half an hour; "make test" has a sample.
test-faults: all ## kill and fail calls at every one of their system calls, and let crowds loose for a minute
	CNI_FAULTS=all CNI_CROWD_SECONDS=60 $(GO) test -count=1 -timeout 3h -tags $(TAGS) -exec $(ISOLATE) ./test/faults

# WORDS="policy isolated, backend nftables" runs the settings that have all of these.
test-matrix: $(BUILD)/cni peers ## try every connection between host, LAN and containers in every setting
	CNI_MATRIX="$(or $(WORDS),all)" $(GO) test -count=1 -timeout 3h -tags $(TAGS) -exec $(ISOLATE) ./test/matrix

# WORDS="lifecycle map" makes only the changes whose place or name holds one of them.
mutate: all peers ## take one thing out of the sources at a time, and list what no test notices
	$(GO) run ./test/mutate $(WORDS)

$(TOOLS): test/deps test/generators/package-lock.json
	$(call begin,getting the tools of the tests)
	GO=$(GO) test/deps $(VENV)
	touch $(TOOLS)
	$(call done,they are in $(BUILD))

# The newest nft that Debian has, beside the system's.
$(NEWEST_NFT): test/newest/nft
	$(call begin,getting the newest nft)
	test/newest/nft $(@D)
	touch $@
	$(call done,it is in $(@D))

FUZZTIME ?= 30s
fuzz: ## look for input that breaks a parser, FUZZTIME (default 30s) for each
	@grep -ro --include='*_test.go' 'func Fuzz[A-Za-z0-9_]*' core cmd capi | sed 's|^\(.*\)/[^/]*:func \(.*\)$$|\1 \2|' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$package" || exit 1; \
	done

demo: ## attach, check and detach a container with a C program, in a network namespace of its own
	@$(ISOLATE) --check
	@$(MAKE) --no-print-directory $(BUILD)/libcni.so
	$(CC) -O2 -Wall -Iinclude -o $(BUILD)/demo examples/quickstart.c -L$(BUILD) -lcni -pthread \
		-Wl,-rpath,$(abspath $(BUILD))
	$(ISOLATE) $(BUILD)/demo

# BASELINE=old/libcni.so compares that build with this one instead, turn by turn.
bench: $(BUILD)/libcni.so $(LISTING) peers ## time libcni beside its peers, or beside another build: QUICK=1, ONLY="full chain", BASELINE=old/libcni.so
	bench/deps
	CGO_ENABLED=0 $(GO) build -o $(BUILD)/bench/bench ./bench
	$(ISOLATE) $(BUILD)/bench/bench $(if $(QUICK),-quick) -only "$(ONLY)" \
		$(if $(BASELINE),-baseline "$(abspath $(BASELINE))")

bench-documents: ## write the figures of the last full run of "make bench" into README and docs
	$(GO) run ./bench -document $(BUILD)/bench/results.json

# PARTS=Derive runs those whose name holds that.
PARTS ?= .
bench-parts: ## time single parts of the library, and count what they allocate, with Go's benchmarks
	$(GO) test -run '^$$' -bench '$(PARTS)' -benchmem -tags $(TAGS) -exec $(ISOLATE) \
		$$(grep -rl --include='*_test.go' '^func Benchmark' core | sed 's|[^/]*$$||; s|^|./|' | sort -u)

# Of the last commit, not of what is uncommitted. Built twice, in different folders: the bytes must
# be the same.
RELEASE := $(BUILD)/release
release: $(TOOLS) ## make every artefact of a release in build/release, and check them
	git diff --quiet HEAD || echo "uncommitted changes are left out" >&2
	rm -rf $(RELEASE) $(BUILD)/_release
	for copy in first/libcni-$(VERSION) second/folder/libcni-$(VERSION); do \
		mkdir -p $(BUILD)/_release/$$copy && \
		git archive HEAD | tar -x -C $(BUILD)/_release/$$copy && \
		SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) release/build $(BUILD)/_release/$$copy \
			$(VENV)/bin/python $(BUILD)/_release/$${copy%%/*}.out || exit 1; \
	done
	diff -r $(BUILD)/_release/first.out $(BUILD)/_release/second.out
	@echo "ok   both builds are identical"
	mv $(BUILD)/_release/first.out $(RELEASE)
	rm -rf $(BUILD)/_release
	release/check $(RELEASE) $(VENV)/bin/python

DIR ?= .
figures: ## print measures of the sources, or of another checkout: DIR=../old
	@$(GO) run ./test/figures $(DIR)

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 17

clean: ## remove build/
	rm -rf $(BUILD)
