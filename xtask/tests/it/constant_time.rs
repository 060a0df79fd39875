//! A comparison that ends at the first wrong byte tells by its time how much of a secret was right. No test can see that
//! reliably from outside, so this one looks at the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// All sources of the product below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines before the tests of a file that compare an exposed secret.
fn comparisons(source: &str) -> Vec<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let compares = |line: &&str| {
        let line = line.trim();
        let exposes = line.contains(".expose()") && !line.contains(".expose().len()");
        exposes && !line.starts_with("//") && (line.contains(" == ") || line.contains(" != "))
    };
    code.lines().filter(compares).collect()
}

#[test]
fn exposed_secrets_are_not_compared() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
    let mut files = Vec::new();
    for name in ["config", "entra", "host", "jose", "oauth", "sidecar", "cli"] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{}", files.len());
    for file in files
        .iter()
        .filter(|file| !file.ends_with("tests.rs") && !file.components().any(|part| part.as_os_str() == "tests"))
    {
        let source = fs::read_to_string(file).unwrap();
        assert_eq!(comparisons(&source), [""; 0], "{}: compare `Secret`s instead", file.display());
    }
    assert_eq!(comparisons("if a == kept.expose() {}").len(), 1);
    assert_eq!(comparisons("if Secret::new(a) == *kept {}\n#[cfg(test)]\nassert!(a.expose() == b)").len(), 0);
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let secret = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates/oauth/src/secret.rs");
    let source = fs::read_to_string(secret).unwrap();
    assert!(!source.contains("PartialEq)]") && !source.contains("PartialEq,"), "it is not derived");
    let (_, comparison) = source.split_once("impl PartialEq for Secret").unwrap();
    let comparison = comparison.split_once("\n}").unwrap().0;
    assert!(comparison.contains(".ct_eq("), "{comparison}");
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates/sidecar/src/door/caller_key.rs");
    let source = fs::read_to_string(key).unwrap();
    let (_, admits) = source.split_once("fn admits").unwrap();
    let admits = admits.split_once("\n    }").unwrap().0;
    assert!(admits.contains("Secret::new(text) == "), "{admits}");
}
