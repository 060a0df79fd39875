//! Lines of target and result, for the terminal and for `docs/benchmarks.md`.

use std::{fs, process::Command};

/// All that was measured, in order.
pub(crate) struct Report {
    quick: bool,
    machine: String,
    lines: Vec<Line>,
}

struct Line {
    measure: String,
    target: String,
    result: String,
    verdict: &'static str,
}

impl Report {
    /// An empty report; prints what it is about.
    pub(crate) fn new(quick: bool) -> Self {
        let machine = machine();
        println!("{machine}");
        Self { quick, machine, lines: Vec::new() }
    }

    /// A result with a target.
    pub(crate) fn judged(&mut self, measure: &str, target: &str, result: &str, met: bool) {
        self.push(measure, target, result, if met { "met" } else { "missed" });
    }

    /// A result without a target.
    pub(crate) fn noted(&mut self, measure: &str, result: &str) {
        self.push(measure, "–", result, "–");
    }

    /// The document.
    pub(crate) fn markdown(&self) -> String {
        let row = |line: &Line| format!("| {} | {} | {} | {} |", line.measure, line.target, line.result, line.verdict);
        let rows = self.lines.iter().map(row).collect::<Vec<_>>().join("\n");
        format!(
            "{INTRODUCTION}\nMachine: {}\n\n| measure | target | result | |\n| --- | --- | --- | --- |\n{rows}\n",
            self.machine
        )
    }

    fn push(&mut self, measure: &str, target: &str, result: &str, verdict: &'static str) {
        let quick = if self.quick { " (quick run: not a result)" } else { "" };
        println!("{verdict:6} {measure}: {result} [target {target}]{quick}");
        let (measure, target, result) = (measure.to_owned(), target.to_owned(), result.to_owned());
        self.lines.push(Line { measure, target, result, verdict });
    }
}

/// The machine and the compiler in one line.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal:").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    let memory = memory.map_or_else(|| "?".to_owned(), |kib| format!("{} GiB", kib / 1_048_576));
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{processor}, {cores} cores, {memory}, Linux {}, {}",
        kernel.trim(),
        rustc.unwrap_or_else(|_| "rustc ?".into())
    )
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_matches([':', ' ', '\t']).to_owned())
}

const INTRODUCTION: &str = "# Benchmarks

Written by `cargo xtask bench`: release build, everything on loopback and in one run. The load generator, the server under test
and the servers that it calls share the machine's cores.

- **A** is the rate of a bare axum server that answers the same requests with a body of the same size; **V** is how many
  RSA-2048 signatures the crypto library verifies per second on all cores.
- Rounds are interleaved: in each, the bare server and sidekey are measured one after the other, in changing order. A ratio is
  the median of the rounds' ratios, a difference the median of the rounds' differences.
- Latencies are those that the generator sees.
- On a machine that does other work too, `chrt -r 10 cargo xtask bench` keeps that work away; the line below tells.
";
