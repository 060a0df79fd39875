//! `docs/threat-model.md` against the sources: every class of attack has its row, every row its tests, and every test that is
//! named is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The classes that must have a row each, under these words. Others may join them.
const CLASSES: &[&str] = &[
    "`alg` none and confusion",
    "key and `alg` mismatch",
    "embedded `jwk` and `x5c`",
    "`jku` and `x5u` fetches",
    "`kid` injection",
    "`crit` and `b64`",
    "duplicate JSON keys",
    "claim type confusion",
    "audience, issuer and tenant confusion",
    "JWE bombs",
    "padding oracles",
    "deep or huge JSON",
    "unknown-`kid` floods",
    "JWKS poisoning",
    "cache confusion",
    "override confused deputy",
    "SSRF by `RelativePath`",
    "redirects with tokens",
    "header injection and smuggled names",
    "forwarded-header trust",
    "request smuggling",
    "rebinding",
    "replay",
    "log leakage",
    "memory hygiene",
    "token-file tricks",
    "timing",
];

/// One row: an attack, what is done about it, and the tests that hold that.
#[derive(Debug, PartialEq, Eq)]
struct Row<'d> {
    class: &'d str,
    defence: &'d str,
    tests: Vec<&'d str>,
}

/// The rows of the tables with three columns.
fn rows(document: &str) -> Vec<Row<'_>> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter_map(|cells| match cells[..] {
        [class, defence, tests] if class != "class" && !class.starts_with("---") => {
            let tests = tests.split('`').filter(|name| name.contains("::")).collect();
            Some(Row { class, defence, tests })
        }
        _ => None,
    });
    rows.collect()
}

/// What is wrong with a document; `source` gives the text of the file in which a named test should be.
fn faults(document: &str, source: impl Fn(&Place<'_>) -> Option<String>) -> Vec<String> {
    let rows = rows(document);
    let missing = CLASSES.iter().filter(|class| rows.iter().all(|row| row.class != **class));
    let mut faults: Vec<_> = missing.map(|class| format!("the class {class} has no row")).collect();
    for row in &rows {
        if row.defence.is_empty() || row.tests.is_empty() {
            faults.push(format!("the class {} names no defence or no test", row.class));
        }
        let absent = row.tests.iter().filter(|name| {
            let place = Place::of(name);
            place.and_then(|place| source(&place)).is_none_or(|text| !has_test(&text, name))
        });
        faults.extend(absent.map(|name| format!("`{name}`, which should hold {}, is no test", row.class)));
    }
    faults
}

/// Where a test is: `crate::it::module::name` in the crate's integration tests, any other beside the code.
#[derive(Debug, PartialEq, Eq)]
struct Place<'n> {
    krate: &'n str,
    is_integration: bool,
    modules: Vec<&'n str>,
}

impl<'n> Place<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let mut parts: Vec<_> = name.split("::").collect();
        parts.pop();
        let (krate, modules) = parts.split_first()?;
        let is_integration = modules.first() == Some(&"it");
        let modules = modules.iter().copied().skip(usize::from(is_integration)).collect();
        Some(Self { krate, is_integration, modules })
    }

    /// The files that it may be in; `tests` at the end may be a module within its parent's file.
    fn files(&self, root: &Path) -> Vec<PathBuf> {
        let folder = if self.krate == "xtask" { root.to_owned() } else { root.join("crates") };
        let folder = folder.join(self.krate).join(if self.is_integration { "tests/it" } else { "src" });
        let whole = folder.join(self.modules.join("/"));
        let mut files = vec![whole.with_extension("rs"), whole.join("mod.rs")];
        if let Some((&"tests", parents)) = self.modules.split_last() {
            let parent = folder.join(parents.join("/"));
            files.extend([parent.with_extension("rs"), parent.join("mod.rs")]);
        }
        files
    }

    fn source(&self, root: &Path) -> Option<String> {
        self.files(root).into_iter().find_map(|file| fs::read_to_string(file).ok())
    }
}

/// Whether a source has a function of this name with a test's attribute before it.
fn has_test(source: &str, name: &str) -> bool {
    let name = name.rsplit("::").next().unwrap_or_default();
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let is_function = |line: &&str| {
        let rest = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('('))
    };
    let Some(at) = lines.iter().position(is_function) else { return false };
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    attributes.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn every_class_has_a_defence_and_tests_that_are_there() {
    let document = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let faults = faults(&document, |place| place.source(root()));
    assert!(faults.is_empty(), "docs/threat-model.md:\n{}", faults.join("\n"));
}

#[test]
fn faults_in_the_document_are_found() {
    let row = |class: &str, tests: &str| format!("| {class} | a defence | {tests} |\n");
    let whole: String = CLASSES.iter().map(|class| row(class, "`a::b::good`")).collect();
    let source = |place: &Place<'_>| (place.krate == "a").then(|| "#[test]\nfn good() {}\nfn helper() {}".to_owned());
    assert_eq!(faults(&whole, source), Vec::<String>::new());
    for (spoilt, expected) in [
        (whole.replace("| timing |", "| time |"), "the class timing has no row"),
        (whole.replace("| timing | a defence | `a::b::good` |", "| timing | a defence | none yet |"), "or no test"),
        (whole.replace("| timing | a defence |", "| timing |  |"), "names no defence"),
        (whole.replacen("good", "goo", 1), "`a::b::goo`"),
        (whole.replacen("good", "helper", 1), "`a::b::helper`"),
        (whole.replacen("a::b::good", "c::b::good", 1), "`c::b::good`"),
        (row("timing", "`a::b::good`"), "the class rebinding has no row"),
        (String::new(), "the class rebinding has no row"),
    ] {
        let found = faults(&spoilt, source);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn tests_are_looked_for_where_their_names_say() {
    let files = |name| Place::of(name).unwrap().files(Path::new("/r"));
    assert_eq!(files("jose::it::attacks::x")[0], Path::new("/r/crates/jose/tests/it/attacks.rs"));
    assert_eq!(
        files("entra::validate::tests::memory::x")[0],
        Path::new("/r/crates/entra/src/validate/tests/memory.rs")
    );
    let inline = files("entra::validate::judge::tests::x");
    assert!(inline.contains(&PathBuf::from("/r/crates/entra/src/validate/judge.rs")), "{inline:?}");
    assert_eq!(files("xtask::it::threat_model::x")[0], Path::new("/r/xtask/tests/it/threat_model.rs"));
}
