//! The one entry for developers: `cargo xtask ci`, `test`, `deps`, `dist` and `bench`.
//!
//! Nothing but cargo is needed to start it. Each command is a file of its own and a line in [`COMMANDS`].

mod bench;
mod ci;
mod clients;
mod deps;
mod dist;
mod install;
mod shell;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// A command: what it is called, what it is for, and what it does.
struct Command {
    name: &'static str,
    options: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> Result<()>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        println!("{}", help());
        return Ok(());
    };
    if is_help(name) {
        println!("{}", help());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        bail!("there is no command `{name}`\nhint: `cargo xtask --help` lists them");
    };
    if rest.iter().any(|argument| is_help(argument)) {
        println!("cargo xtask {} {}\n{}", command.name, command.options, command.summary);
        return Ok(());
    }
    (command.run)(rest)
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "help" | "--help" | "-h")
}

fn help() -> String {
    let lines = COMMANDS.iter().map(|command| {
        let usage = format!("{} {}", command.name, command.options);
        format!("  cargo xtask {usage:28} {}", command.summary)
    });
    std::iter::once("Commands:".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

const COMMANDS: &[Command] = &[
    Command {
        name: "ci",
        options: "",
        summary: "all that must be green before a change is taken: format, lints, edges, documents, tests, release size",
        run: ci::run,
    },
    Command {
        name: "test",
        options: "[--rust|--clients]",
        summary: "the workspace's tests, then Microsoft's own clients against the real binary",
        run: test::run,
    },
    Command {
        name: "deps",
        options: "",
        summary: "which crate may use which, what may not be in the tree, and what each dependency is for",
        run: deps::run,
    },
    Command {
        name: "dist",
        options: "",
        summary: "the binary as it is shipped, and its symbols in a file of their own",
        run: dist::run,
    },
    Command {
        name: "bench",
        options: "[--quick] [--only PART]",
        summary: "the release build against its targets; a whole run writes docs/benchmarks.md",
        run: bench::run,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_has_a_line_for_every_command() {
        let help = help();
        for command in COMMANDS {
            assert!(help.lines().any(|line| line.contains(command.name) && line.contains(command.summary)));
        }
    }

    #[test]
    fn an_unknown_command_is_refused_with_a_hint() {
        let error = run(&["tset".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`tset`") && error.contains("hint: "), "{error}");
    }
}
