//! Every fuzz target has seeds, and a test that replays them on a stable compiler.

use std::{fs, path::Path};

#[test]
fn every_fuzz_target_is_also_run_by_the_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let names = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let targets: Vec<&str> = names.filter(|name| *name != "sidekey-fuzz").collect();
    assert!(targets.len() > 20, "{targets:?}");
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let tests: String =
        crates.filter_map(|folder| fs::read_to_string(folder.unwrap().path().join("src/fuzzing.rs")).ok()).collect();
    for target in targets {
        let code = fs::read_to_string(root.join(format!("fuzz/fuzz_targets/{target}.rs"))).unwrap();
        assert!(code.contains(&format!("::fuzzing::{target}(input)")), "{target}");
        assert!(tests.contains(&format!("replay::run(\"{target}\", {target})")), "no test replays {target}");
        let seeds = fs::read_dir(root.join("fuzz/seeds").join(target)).unwrap();
        assert!(seeds.count() > 0, "{target} has no seeds");
    }
}
