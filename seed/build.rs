//! Has Cargo notice files that come to or go from `data`: the embedding macro follows only those that it has seen.

fn main() {
    println!("cargo::rerun-if-changed=data");
}
