# What CI calls is what you call: `make ci` is the whole of it.

GO        ?= go
# A number of inputs and not a time: the end of a fuzzing time is at times
# reported as a failure of its own ("context deadline exceeded").
FUZZTIME  ?= 1000x
# Packages with goroutines of their own: what the race detector is for.
CONCURRENT = ./cmd/... ./ingest/... ./classify ./route/... ./internal/...

.PHONY: help build test short race vet fmt lint generate fuzz bench ci

help: ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

build: ## a static binary, ./earmark
	CGO_ENABLED=0 $(GO) build -trimpath -o earmark ./cmd/earmark

test: ## every test
	$(GO) test ./...

short: ## the quick tests, under a minute
	$(GO) test -short ./...

race: ## the quick tests under the race detector
	$(GO) test -race -short $(CONCURRENT)

vet: ## go vet
	$(GO) vet ./...

fmt: ## fail when gofmt would change a file
	@bad=$$(gofmt -l cmd ingest classify route configs internal); [ -z "$$bad" ] || { echo "gofmt would change:"; echo "$$bad"; exit 1; }

lint: ## staticcheck, at the version go.mod pins
	$(GO) tool staticcheck ./...

generate: ## fail when generated code is not what its generator writes
	$(GO) generate ./...
	@git diff --exit-code --stat -- '*_easyjson.go' configs || { echo "generated code was stale: commit what go generate wrote"; exit 1; }

fuzz: ## every fuzz target, FUZZTIME inputs each
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
	  done; \
	done

bench: ## every benchmark, once
	$(GO) test -run '^$$' -bench . -benchmem ./...

ci: fmt vet lint generate build test race fuzz ## all that CI runs
