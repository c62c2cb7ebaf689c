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

GO ?= go
PYTHON ?= python3
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
AR ?= ar
INSTALL ?= install

BUILD := build
# Names resolve in Go: the C library's resolver would read files and load modules inside the host.
TAGS := netgo,osusergo
# What runs seldom, most of it TLS for volume plugins, and what decides rather than computes, is kept small, not fast.
SMALL := crypto/... vendor/... net/... math/big encoding/asn1 fmt time github.com/godbus/... \
	github.com/containernetworking/... github.com/libcni/libcni/core/volume github.com/libcni/libcni/core/internal/builtin/...
SIZE := $(foreach p,$(SMALL),-gcflags=$(p)=-l)
GOBUILD := $(GO) build -trimpath -buildvcs=false -tags $(TAGS) $(SIZE)
export CGO_ENABLED := 1

# The linker packs the library's relocations, and the library applies them (capi/relocate.c): a tenth of its size, and of the
# time to load it. A linker that cannot makes ordinary ones; "make PACK=" does without.
PACK := -Wl,-z,pack-relative-relocs -Wl,-init,libcni_relocate

LINK := $(PACK) -Wl,--version-script=capi/libcni.map -Wl,-soname,$(SONAME) -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-z,now \
	-Wl,-z,relro -Wl,-z,noexecstack -Wl,--no-undefined -Wl,--build-id=sha1

# Go's runtime as a guest: it leaves the host's SIGCHLD and SIGPROF alone (see capi/overlay; "make OVERLAY=" does without),
# and never interrupts its threads with SIGURG, whatever the host's GODEBUG says.
OVERLAY := $(CURDIR)/$(BUILD)/_overlay/overlay.json
AS_GUEST := $(if $(OVERLAY),-overlay $(OVERLAY))
GODEBUG_DEFAULT := -X=runtime.godebugDefault=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0

SOURCES := go.mod go.sum include/cni.h api/cni.api.json $(shell find api capi core -name '*.go' ! -name '*_test.go') \
	$(wildcard capi/*.[ch] capi/libcni.map) capi/overlay
COMMAND_SOURCES := $(SOURCES) $(shell find cmd -name '*.go' ! -name '*_test.go' 2>/dev/null)

# What the tests are told: where the things under test are.
export CNI_LIBRARY := $(CURDIR)/$(BUILD)/libcni.so
export CNI_COMMAND_PATH := $(CURDIR)/$(BUILD)/cni
export CNI_PEERS := $(CURDIR)/$(BUILD)/peers
ISOLATE := $(CURDIR)/test/isolate
VENV := $(BUILD)/venv
LINTER := $(BUILD)/lint/golangci-lint

.DELETE_ON_ERROR:
.PHONY: all generate install uninstall deps peers test lint test-vm test-faults mutate fuzz demo
.PHONY: bench bench-parts figures help clean

all: $(BUILD)/libcni.so $(BUILD)/libcni.a $(BUILD)/cni $(BUILD)/libcni.pc ## build library, command and pkg-config file in build/

# Looked at each time, since Go may be another one; written only if it changed. The underscore hides it from "./...".
ifneq ($(OVERLAY),)
$(OVERLAY): FORCE
	capi/overlay $(GO) $(@D)
FORCE:
endif

# Answered in capi/memory.c.
WRAP := -Wl,--wrap=mmap -Wl,--wrap=pthread_getattr_np

# One relocatable object. The build takes Go's constructors out of the list that the loader runs: start.c runs them.
# The second is the benchmark's: its runtime lists its goroutines, which no function of the library tells.
OBJECT := $(BUILD)/static/whole.o
LISTING := $(BUILD)/bench/listing/$(SONAME)
$(LISTING:.so.0=.o): GODEBUG_DEFAULT := $(GODEBUG_DEFAULT),schedtrace=100,scheddetail=1
$(OBJECT) $(LISTING:.so.0=.o): $(SOURCES) $(OVERLAY)
	mkdir -p $(@D)
	$(GOBUILD) $(AS_GUEST) -buildmode=c-archive -ldflags '-s -w -buildid= $(GODEBUG_DEFAULT)' -o $(@D)/go.a ./capi
	cd $(@D) && $(AR) x go.a go.o && $(OBJCOPY) --rename-section .init_array=libcni_start go.o && $(AR) rD go.a go.o
	$(CC) -nostdlib -r -Wl,-d -o $@ -Wl,--build-id=none $(WRAP) -Wl,--whole-archive $(@D)/go.a

$(BUILD)/$(REAL): $(OBJECT)
$(LISTING): $(LISTING:.so.0=.o)
$(BUILD)/$(REAL) $(LISTING): capi/libcni.map
	$(CC) -shared -o $@ $(filter %.o,$^) -pthread $(LINK) -s $(CGO_LDFLAGS)
	$(if $(PACK),GOOS= GOARCH= CGO_ENABLED=0 $(GO) run ./capi/pack $@)

$(BUILD)/libcni.so: $(BUILD)/$(REAL)
	ln -sf $(REAL) $(BUILD)/$(SONAME)
	ln -sf $(SONAME) $@

# The object again, so that nothing but the header's functions can clash with names of the host.
$(BUILD)/libcni.a: $(OBJECT)
	sed -n 's/^\t\t\(cni_[a-z_]*\);$$/\1/p' capi/libcni.map >$(BUILD)/static/symbols
	$(OBJCOPY) --strip-debug --keep-global-symbols=$(BUILD)/static/symbols $(OBJECT) $(BUILD)/static/libcni.o
	rm -f $@
	$(AR) rcsD $@ $(BUILD)/static/libcni.o

$(BUILD)/cni: $(COMMAND_SOURCES)
	CGO_ENABLED=0 $(GOBUILD) -ldflags '-s -w -buildid=' -o $@ ./cmd/cni

# Made anew each time: PREFIX may have changed.
PKGCONFIG = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' capi/libcni.pc.in
$(BUILD)/libcni.pc: capi/libcni.pc.in include/cni.h
	mkdir -p $(BUILD)
	$(PKGCONFIG) >$@

install: all ## install below PREFIX (default /usr/local), inside DESTDIR
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(BINDIR) \
		$(DESTDIR)$(DATADIR)/libcni $(DESTDIR)$(MANDIR)/man1
	$(INSTALL) -m 755 $(BUILD)/$(REAL) $(DESTDIR)$(LIBDIR)/$(REAL)
	ln -sf $(REAL) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libcni.so
	$(INSTALL) -m 644 $(BUILD)/libcni.a $(DESTDIR)$(LIBDIR)/libcni.a
	$(PKGCONFIG) >$(DESTDIR)$(LIBDIR)/pkgconfig/libcni.pc
	$(INSTALL) -m 644 include/cni.h include/cni_dl.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 api/cni.api.json $(DESTDIR)$(DATADIR)/libcni/cni.api.json
	$(INSTALL) -m 755 $(BUILD)/cni $(DESTDIR)$(BINDIR)/cni
	$(INSTALL) -m 644 docs/man/cni.1 $(DESTDIR)$(MANDIR)/man1/cni.1

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(LIBDIR)/$(REAL) $(DESTDIR)$(LIBDIR)/$(SONAME) $(DESTDIR)$(LIBDIR)/libcni.so \
		$(DESTDIR)$(LIBDIR)/libcni.a $(DESTDIR)$(LIBDIR)/pkgconfig/libcni.pc $(DESTDIR)$(INCLUDEDIR)/cni.h $(DESTDIR)$(INCLUDEDIR)/cni_dl.h \
		$(DESTDIR)$(DATADIR)/libcni/cni.api.json $(DESTDIR)$(BINDIR)/cni $(DESTDIR)$(MANDIR)/man1/cni.1
	-rmdir $(DESTDIR)$(DATADIR)/libcni 2>/dev/null

deps: $(LINTER) ## get what the tests need beyond Go, gcc, make, Python 3 and git
	test/deps $(VENV)

peers: $(BUILD)/peers/cnitool $(BUILD)/peers/volumeplugin ## build the programs that libcni is compared with
$(BUILD)/peers/cnitool: test/peers/go.mod test/peers/go.sum $(wildcard test/peers/*/*.go)
	mkdir -p $(BUILD)/peers
	cd test/peers && CGO_ENABLED=0 $(GO) build -trimpath -o $(CNI_PEERS) tool
	touch $@

$(BUILD)/peers/volumeplugin: $(shell find test/volumeplugins -type f)
	mkdir -p $(BUILD)/peers
	cd test/volumeplugins && CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o $(CNI_PEERS) tool
	touch $@

generate: ## write the files that are generated from api/cni.api.json
	$(GO) run ./api/generate

# STEPS="abi python" runs only those.
test: all peers $(VENV)/bin/python $(LINTER) ## run every test, in network namespaces of their own
	$(PYTHON) test/run $(STEPS)

lint: $(VENV)/bin/python $(LINTER) ## run the linters, which are part of "make test"
	$(PYTHON) test/run gofmt vet golangci clang-format mypy ruff

# The linter needs a newer Go than the project: a module of its own, for which Go may fetch its toolchain.
$(LINTER): test/lint/go.mod test/lint/go.sum
	mkdir -p $(@D)
	cd test/lint && GOTOOLCHAIN=auto CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o $(CURDIR)/$(@D)/ tool
	touch $@

test-vm: ## run the tests for kernel features that this machine may lack, in a virtual machine
	$(PYTHON) test/vm/run

# About half an hour; "make test" has a sample.
test-faults: all ## kill and fail calls at every one of their system calls, and let crowds loose for a minute
	CNI_FAULTS=all CNI_CROWD_SECONDS=60 $(GO) test -count=1 -timeout 3h -tags $(TAGS) -exec $(ISOLATE) ./test/faults

# WORDS="gc.go map" makes only the changes whose file or name holds one of them.
mutate: all peers ## take one thing out of the sources at a time, and list what no test notices
	$(PYTHON) test/mutate/run $(WORDS)

$(VENV)/bin/python:
	test/deps $(VENV)

FUZZTIME ?= 30s
fuzz: ## look for input that breaks a parser, FUZZTIME (default 30s) for each
	@grep -ro --include='*_test.go' 'func Fuzz[A-Za-z0-9_]*' core cmd capi | sed 's|^\(.*\)/[^/]*:func \(.*\)$$|\1 \2|' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$package" || exit 1; \
	done

demo: $(BUILD)/libcni.so ## attach, check and detach a container with a C program, in a network namespace of its own
	$(CC) -O2 -Wall -Iinclude -o $(BUILD)/demo examples/quickstart.c -L$(BUILD) -lcni -pthread -Wl,-rpath,$(CURDIR)/$(BUILD)
	$(ISOLATE) $(BUILD)/demo

# BASELINE=old/libcni.so compares that build with this one instead, turn by turn.
bench: $(BUILD)/libcni.so $(LISTING) peers ## time libcni beside its peers, or beside another build: QUICK=1, ONLY="full chain", BASELINE=old/libcni.so
	bench/deps
	CGO_ENABLED=0 $(GO) build -o $(BUILD)/bench/bench ./bench
	$(ISOLATE) $(BUILD)/bench/bench $(if $(QUICK),-quick) -only "$(ONLY)" \
		$(if $(BASELINE),-baseline "$(abspath $(BASELINE))") $(if $(CHART),-chart "$(CHART)")

# PARTS=Derive runs those whose name holds that.
PARTS ?= .
bench-parts: ## time single parts of the library, and count what they allocate, with Go's benchmarks
	$(GO) test -run '^$$' -bench '$(PARTS)' -benchmem -tags $(TAGS) -exec $(ISOLATE) \
		$$(grep -rl --include='*_test.go' '^func Benchmark' core | sed 's|[^/]*$$||; s|^|./|' | sort -u)

DIR ?= .
figures: ## print measures of the sources, or of another checkout: DIR=../old
	@$(GO) run ./test/figures $(DIR)

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

clean: ## remove build/
	rm -rf $(BUILD)
