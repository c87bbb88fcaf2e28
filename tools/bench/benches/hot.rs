//! The hot operations, at full scale: `cargo bench -p ztor-bench`.
#![allow(clippy::panic, reason = "a benchmark that cannot be set up has no result")]

use ztor_bench::hot::{OPERATIONS, Scale};

fn main() {
    divan::main();
}

#[divan::bench(args = OPERATIONS.iter().map(|operation| operation.name), max_time = 2)]
fn hot(bencher: divan::Bencher<'_, '_>, name: &str) {
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == name) else {
        panic!("there is no operation {name}");
    };
    let run = operation.make(Scale::FULL).unwrap_or_else(|error| panic!("{error:#}"));
    bencher.bench_local(run);
}
