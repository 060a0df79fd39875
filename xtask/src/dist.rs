//! `cargo xtask dist`: what is shipped. The binary carries no symbols; a debugger finds them in the file beside it.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{shell, workspace::Workspace};

/// Builds with symbols and splits them off, into `package` below the profile's folder: cargo never sees a file changed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ensure!(arguments.is_empty(), "`dist` takes no arguments, found `{}`", arguments.join(" "));
    let workspace = Workspace::find()?;
    shell::run(shell::cargo(&workspace.root).args(["build", "--profile", "dist", "--locked", "--package", "sidekey"]))?;
    let built = workspace.binary("dist", "sidekey");
    let folder = workspace.target.join("dist/package");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let (program, library) = objcopy()?;
    let objcopy = || {
        let mut command = shell::program(&program, &folder);
        command.env("LD_LIBRARY_PATH", &library);
        command
    };
    shell::run(objcopy().arg("--only-keep-debug").arg(&built).arg("sidekey.debug"))?;
    shell::run(objcopy().args(["--strip-all", "--add-gnu-debuglink=sidekey.debug"]).arg(&built).arg("sidekey"))?;
    println!("`{}` has the binary and its symbols", folder.display());
    Ok(())
}

/// The toolchain's own objcopy, so that nothing has to be installed, and the folder of its libraries.
fn objcopy() -> Result<(PathBuf, PathBuf)> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = shell::output(std::process::Command::new(rustc).args(["--print", "target-libdir"]))?;
    let library = PathBuf::from(library.trim());
    let program = library.with_file_name("bin").join("rust-objcopy");
    ensure!(
        program.exists(),
        "`{}` is missing\nhint: `rustup component add llvm-tools` may bring it",
        program.display()
    );
    // From lib/rustlib/<target>/lib to lib.
    let libraries = library.ancestors().nth(3).context("the toolchain has no library folder")?;
    Ok((program, libraries.to_owned()))
}
