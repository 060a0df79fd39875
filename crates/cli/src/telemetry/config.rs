//! The `Logging` section.

use sidekey_config::Section;

use super::level::{Rules, Threshold};

/// What is logged, in which form, and where.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(super) rules: Rules,
    pub(super) format: Format,
    pub(super) single_line: bool,
    pub(super) colour: Colour,
    /// This level and above go to standard error.
    pub(super) stderr_from: Threshold,
    pub(super) all_to_stderr: bool,
}

/// The console formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Simple,
    Json,
}

/// `ColorBehavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    OnTerminal,
    Always,
    Never,
}

impl Config {
    /// Warnings and errors on standard error, for commands whose standard output is their own.
    pub(crate) fn for_people() -> Self {
        Self {
            rules: Rules::new(Threshold::WARNING),
            format: Format::Simple,
            single_line: false,
            colour: Colour::OnTerminal,
            stderr_from: Threshold::NONE,
            all_to_stderr: true,
        }
    }

    /// Reads `Logging:*`; the defaults are those of the original's own appsettings.json.
    pub(crate) fn read(root: &Section<'_>) -> Self {
        let logging = root.section("Logging");
        let console = logging.section("Console");
        let options = console.section("FormatterOptions");
        let mut rules = Rules::new(Threshold::INFORMATION);
        rules.add("Microsoft.AspNetCore", Threshold::WARNING);
        for foreign in ["hyper", "reqwest", "rustls", "h2"] {
            rules.add(foreign, Threshold::WARNING);
        }
        read_levels(&logging, &mut rules);
        read_levels(&console, &mut rules);
        reserve(&logging, &console, &options);
        Self {
            rules,
            format: console.one_of("FormatterName", Format::Simple, FORMATS),
            single_line: options.bool("SingleLine", false),
            colour: options.one_of("ColorBehavior", Colour::OnTerminal, COLOURS),
            stderr_from: level(&console, "LogToStandardErrorThreshold").unwrap_or(Threshold::NONE),
            all_to_stderr: false,
        }
    }
}

fn read_levels(section: &Section<'_>, rules: &mut Rules) {
    let levels = section.section("LogLevel");
    for category in levels.children() {
        if let Some(threshold) = level(&levels, category) {
            rules.add(category, threshold);
        }
    }
}

fn level(section: &Section<'_>, name: &str) -> Option<Threshold> {
    let text = section.text(name)?;
    let threshold = Threshold::parse(text);
    if threshold.is_none() {
        section.fault(
            name,
            format!("`{text}` is not a log level"),
            "write Trace, Debug, Information, Warning, Error, Critical or None",
        );
    }
    threshold
}

/// What ASP.NET knows and this console has no use for.
fn reserve(logging: &Section<'_>, console: &Section<'_>, options: &Section<'_>) {
    logging.reserve(&["Debug", "EventSource", "EventLog"]);
    console.reserve(&["MaxQueueLength", "QueueFullMode"]);
    options.reserve(&["IncludeScopes", "TimestampFormat", "UseUtcTimestamp", "JsonWriterOptions"]);
}

const FORMATS: &[(&str, Format)] = &[("simple", Format::Simple), ("json", Format::Json)];
const COLOURS: &[(&str, Colour)] =
    &[("Default", Colour::OnTerminal), ("Enabled", Colour::Always), ("Disabled", Colour::Never)];
