//! Bounded runs of the fuzz targets on a stable compiler, as part of the tests of each crate that has some: every seed, then
//! seeds that proptest changed. `PROPTEST_CASES` makes the run longer.

use std::{fs, path::Path};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};

/// Holds a target to its seeds and to what is close to them. The target panics where something is wrong.
pub(crate) fn run(target: &str, property: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        property(seed);
    }
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&changed(seeds), |input| {
        property(&input);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{target}: {error}");
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// The end of another seed.
    Splice(Index, Index, Index),
}

fn changed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), vec(change(), 0..6)).prop_map(move |(seed, changes)| {
        let mut input = seeds[seed.index(seeds.len())].clone();
        for change in changes {
            apply(&mut input, change, &seeds);
        }
        input
    })
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (place(), vec(byte(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (place(), 1..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (place(), 1..40_usize, 1..20_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (place(), place(), place()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
    ]
}

/// The bytes that parsers look for, as often as all others together.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), select(b"\"'\\{}[]<>()|,:;=&%./?#@ \t\r\n\0-_+~0123456789".to_vec())]
}

fn apply(input: &mut Vec<u8>, change: Change, seeds: &[Vec<u8>]) {
    let within = |at: Index| at.index(input.len() + 1);
    let end = |at: usize, length: usize| input.len().min(at + length);
    match change {
        Change::Replace(at, byte) => {
            let at = within(at);
            input.splice(at..end(at, 1), [byte]);
        }
        Change::Insert(at, bytes) => {
            let at = within(at);
            input.splice(at..at, bytes);
        }
        Change::Remove(at, length) => {
            let at = within(at);
            input.drain(at..end(at, length));
        }
        Change::Repeat(at, length, times) => {
            let at = within(at);
            let repeated = input[at..end(at, length)].repeat(times);
            input.splice(at..at, repeated);
        }
        Change::Splice(at, seed, from) => {
            let (at, seed) = (within(at), &seeds[seed.index(seeds.len())]);
            input.truncate(at);
            input.extend_from_slice(&seed[from.index(seed.len() + 1)..]);
        }
    }
}
