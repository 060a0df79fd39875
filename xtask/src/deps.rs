//! `cargo xtask deps`: the architecture's edges, the crates that must stay out, and a word on each dependency.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    shell,
    workspace::{self, Workspace},
};

/// Which of our crates a crate may use: always, and in its tests besides.
type Edges = (&'static str, &'static [&'static str], &'static [&'static str]);

/// The allowed edges; ARCHITECTURE.md tells why. A role never knows another, and the emulator never knows the token engine.
const EDGES: &[Edges] = &[
    ("sidekey-jose", &[], &[]),
    ("sidekey-oauth", &[], &[]),
    ("sidekey-host", &[], &[]),
    ("sidekey-config", &[], &[]),
    ("sidekey-workload-api", &["sidekey-jose", "sidekey-host"], &[]),
    ("sidekey-entra", &["sidekey-jose", "sidekey-oauth", "sidekey-host", "sidekey-config"], &["sidekey-workload-api"]),
    ("sidekey-sidecar", &["sidekey-oauth", "sidekey-host", "sidekey-config", "sidekey-entra"], &["sidekey-jose"]),
    ("sidekey-emulator", &["sidekey-jose", "sidekey-oauth", "sidekey-host"], &[]),
    (
        "sidekey",
        &["sidekey-oauth", "sidekey-host", "sidekey-config", "sidekey-entra", "sidekey-sidecar", "sidekey-emulator"],
        &["sidekey-jose", "sidekey-workload-api"],
    ),
    // Over HTTP it knows nothing of ours; these are for what is measured in process.
    ("sidekey-bench", &["sidekey-jose", "sidekey-host", "sidekey-config", "sidekey-entra"], &[]),
    ("xtask", &[], &[]),
];

/// Crates that must not come in, not even through another one.
const BANNED: &[(&str, &str)] = &[
    ("rsa", "its private-key operations leak by time (RUSTSEC-2023-0071, no fix)"),
    ("ring", "aws-lc-rs is the one crypto library"),
    ("openssl", "aws-lc-rs is the one crypto library"),
    ("openssl-sys", "aws-lc-rs is the one crypto library"),
    ("native-tls", "rustls is the one TLS library"),
];

/// The platforms whose trees are looked at.
const TARGETS: &[&str] = &["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"];

/// Checks all three and lists every fault.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`deps` takes no arguments, found `{}`", arguments.join(" "));
    let workspace = Workspace::find()?;
    let manifest = workspace.root.join("Cargo.toml");
    let manifest = fs::read_to_string(&manifest).with_context(|| format!("cannot read `{}`", manifest.display()))?;
    let mut faults = uncommented(&manifest);
    faults.extend(forbidden_edges(&workspace::metadata(&workspace.root, &["--no-deps"])?, EDGES)?);
    for target in TARGETS {
        let faults_here = banned(&tree(&workspace, target)?, BANNED);
        faults.extend(faults_here.into_iter().map(|fault| format!("{fault} (on {target})")));
    }
    if !faults.is_empty() {
        bail!("{} in the dependencies:\n  {}", count(faults.len(), "fault"), faults.join("\n  "));
    }
    println!("edges, banned crates and comments are as they should be");
    Ok(())
}

/// Our crates' edges that the table does not allow.
fn forbidden_edges(metadata: &Value, table: &[Edges]) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("`cargo metadata` lists no packages")?;
    let ours: BTreeSet<&str> = packages.iter().map(name).collect();
    let mut faults = Vec::new();
    for package in packages {
        let from = name(package);
        let Some((_, always, in_tests)) = table.iter().find(|(row, ..)| *row == from) else {
            faults.push(format!("`{from}` is not in the table of edges\n  hint: add a row to xtask/src/deps.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = name(dependency);
            let test_only = dependency["kind"] == "dev";
            let allowed = always.contains(&to) || (test_only && in_tests.contains(&to));
            if ours.contains(to) && !allowed {
                let place = if test_only { "in its tests" } else { "at all" };
                faults.push(format!("`{from}` may not use `{to}` {place}"));
            }
        }
    }
    Ok(faults)
}

/// The banned crates in a tree as `cargo tree --prefix depth` prints it, each with a way that leads to it.
///
/// `cargo metadata` would not do: its graph also has the edges that only a feature nobody asked for would take.
fn banned(tree: &str, banned: &[(&str, &str)]) -> Vec<String> {
    let mut way: Vec<&str> = Vec::new();
    let mut faults = BTreeMap::new();
    for line in tree.lines() {
        let text = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let depth: usize = line[..line.len() - text.len()].parse().unwrap_or_default();
        way.truncate(depth);
        way.push(text.split(' ').next().unwrap_or_default());
        let found = banned.iter().find(|(name, _)| way.last() == Some(name));
        if let Some((name, reason)) = found {
            let fault = || format!("`{name}` is in the tree: {reason}; it comes by {}", way.join(" → "));
            faults.entry(*name).or_insert_with(fault);
        }
    }
    faults.into_values().collect()
}

fn tree(workspace: &Workspace, target: &str) -> Result<String> {
    let mut command = shell::cargo(&workspace.root);
    command.args(["tree", "--workspace", "--locked", "--edges", "normal,build,dev", "--target", target]);
    shell::output(command.args(["--prefix", "depth", "--format", "{p}"]))
}

/// Lines of `[workspace.dependencies]` that do not say what the dependency is for. Our own crates speak for themselves.
fn uncommented(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().zip(1..).skip_while(|(line, _)| line.trim() != "[workspace.dependencies]").skip(1);
    let table = lines.take_while(|(line, _)| !line.starts_with('['));
    let bare = table.filter(|(line, _)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.contains("path = ") && !line.contains(" # ")
    });
    bare.map(|(line, number)| format!("Cargo.toml:{number}: `{line}` lacks a comment that says what it is for"))
        .collect()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &[Edges] = &[("top", &["low"], &["side"]), ("side", &[], &[]), ("low", &[], &[])];

    fn edges(dependencies: &Value) -> Vec<String> {
        let packages = json!([
            {"name": "top", "dependencies": dependencies},
            {"name": "side", "dependencies": []},
            {"name": "low", "dependencies": [{"name": "serde", "kind": null}]},
        ]);
        forbidden_edges(&json!({ "packages": packages }), TABLE).unwrap()
    }

    #[test]
    fn allowed_edges_and_foreign_crates_pass() {
        assert!(edges(&json!([{"name": "low", "kind": null}, {"name": "side", "kind": "dev"}])).is_empty());
    }

    #[test]
    fn an_edge_for_tests_is_not_one_for_the_product() {
        assert_eq!(edges(&json!([{"name": "side", "kind": null}])), ["`top` may not use `side` at all"]);
        assert_eq!(edges(&json!([{"name": "side", "kind": "build"}])), ["`top` may not use `side` at all"]);
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_a_fault() {
        let metadata = json!({"packages": [{"name": "new", "dependencies": []}]});
        let faults = forbidden_edges(&metadata, TABLE).unwrap();
        assert!(faults[0].starts_with("`new` is not in the table"), "{faults:?}");
    }

    #[test]
    fn a_banned_crate_is_found_once_with_a_way_to_it() {
        let tree = "0a v1.0.0 (/a)\n1b v1.0.0\n2rsa v0.9.0\n1c v1.0.0\n\n0d v1.0.0 (/d)\n1rsa v0.9.0 (*)\n";
        assert_eq!(banned(tree, &[("rsa", "leaks")]), ["`rsa` is in the tree: leaks; it comes by a → b → rsa"]);
    }

    #[test]
    fn a_name_that_only_begins_like_a_banned_one_passes() {
        assert!(banned("0a v1.0.0 (/a)\n1rsa-like v0.9.0\n", &[("rsa", "leaks")]).is_empty());
    }

    #[test]
    fn a_dependency_without_a_comment_is_found_with_its_line() {
        let manifest = "[workspace.dependencies]\n# Data.\nserde = \"1\" # wire types\nours = { path = \"x\" }\nurl = \"2\"\n[profile.dev]\nx = 1\n";
        assert_eq!(uncommented(manifest), ["Cargo.toml:5: `url = \"2\"` lacks a comment that says what it is for"]);
    }
}
