# `just` lists the commands, `just check` runs what a pull request must pass, without what .ci/run installs.

_default:
    @just --list

# Serve the example
run:
    cargo run --release

# Format, lint, docs, tests
check: lint test

# Format and lint
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items

# Every test, or those whose names contain a word: `just test preview`
test *words:
    cargo test --workspace -- {{words}}

# Format the code
fmt:
    cargo fmt --all

# Write down what the code says of itself: the GraphQL schema, and docs/reference
schema:
    UPDATE=1 cargo test --workspace --test it schema
    cargo run -- reference docs/reference

# How fast it is; `just bench costly` for what requests cost at worst
bench *arguments:
    cargo bench -p tests -- {{arguments}}

# Dependencies: licences, sources, known weaknesses, and those that nothing uses
dependencies:
    cargo deny check
    cargo machete
