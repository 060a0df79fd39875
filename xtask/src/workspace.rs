//! Where the workspace is, and what cargo knows about it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// The workspace's folders.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever `CARGO_TARGET_DIR` puts it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace that this program belongs to.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?.to_owned();
        let metadata = metadata(&root, &["--no-deps"])?;
        let target = metadata["target_directory"].as_str().context("`cargo metadata` names no target folder")?.into();
        Ok(Self { root, target })
    }

    /// A binary in a profile's folder: `debug` or `release`.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// `cargo metadata` with further arguments.
pub(crate) fn metadata(root: &Path, arguments: &[&str]) -> Result<Value> {
    let mut command = shell::cargo(root);
    command.args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
    let text = shell::output(&mut command)?;
    serde_json::from_str(&text).context("`cargo metadata` printed something that is not JSON")
}
