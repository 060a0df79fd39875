//! The console: one event, one write.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    sync::Arc,
};

use arc_swap::ArcSwap;
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Metadata, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context};

use super::{
    config::{Colour, Config, Format},
    level,
};

/// Writes events as the configuration says.
pub(super) struct Console {
    config: Arc<ArcSwap<Config>>,
    /// Whether they are terminals that may have colours.
    stdout: bool,
    stderr: bool,
}

impl Console {
    pub(super) fn new(config: Arc<ArcSwap<Config>>) -> Self {
        let is_wanted = std::env::var_os("NO_COLOR").is_none();
        let is_terminal = |terminal: bool| terminal && is_wanted;
        let (stdout, stderr) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Self { config, stdout: is_terminal(stdout), stderr: is_terminal(stderr) }
    }

    fn write(&self, config: &Config, level: Level, fields: &Fields) {
        let to_stderr = config.all_to_stderr || config.stderr_from.admits(level);
        let colour = match config.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::OnTerminal => {
                if to_stderr {
                    self.stderr
                } else {
                    self.stdout
                }
            }
        };
        let line = match config.format {
            Format::Simple => simple(level, fields, config.single_line, colour),
            Format::Json => json_line(level, fields),
        };
        // A console that is gone is no reason to stop serving.
        let _ = if to_stderr {
            std::io::stderr().lock().write_all(line.as_bytes())
        } else {
            std::io::stdout().lock().write_all(line.as_bytes())
        };
    }
}

impl<S: Subscriber> Layer<S> for Console {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.config.load().rules.lowest().admits(*metadata.level())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.category.is_empty() {
            fields.category = category_of(event.metadata().target());
        }
        let level = *event.metadata().level();
        let config = self.config.load();
        if config.rules.of(&fields.category).admits(level) {
            self.write(&config, level, &fields);
        }
    }
}

/// `sidekey_entra::acquire` becomes `Sidekey.Entra.Acquire`; other crates keep their own names.
fn category_of(target: &str) -> String {
    if !target.starts_with("sidekey") {
        return target.replace("::", ".");
    }
    target.split("::").flat_map(|part| part.split('_')).map(capitalised).collect::<Vec<_>>().join(".")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// An event taken apart.
#[derive(Default)]
struct Fields {
    category: String,
    event_id: u64,
    message: String,
    others: Vec<(&'static str, String)>,
}

impl tracing::field::Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "category" => value.clone_into(&mut self.category),
            "message" => value.clone_into(&mut self.message),
            name => self.others.push((name, value.to_owned())),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "event_id" => self.event_id = value,
            name => self.others.push((name, value.to_string())),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.others.push((field.name(), value.to_string())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// `info: Category[EventId]`, a new line, six blanks, the message.
fn simple(level: Level, fields: &Fields, single_line: bool, colour: bool) -> String {
    let name = level::short(level);
    let mut line = if colour { format!("{}{name}\x1b[0m", ansi(level)) } else { name.to_owned() };
    let _ = write!(line, ": {}[{}]", fields.category, fields.event_id);
    let separator = if single_line { " " } else { "\n      " };
    for part in fields.message.lines() {
        line.push_str(separator);
        line.extend(part.chars().filter(|c| !c.is_control()));
    }
    for (name, value) in &fields.others {
        let _ = write!(line, " {name}=");
        line.extend(value.chars().filter(|c| !c.is_control()));
    }
    line.push('\n');
    line
}

fn ansi(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

/// One JSON object on one line, with the members of ASP.NET's formatter.
fn json_line(level: Level, fields: &Fields) -> String {
    let state: Map<String, Value> =
        fields.others.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    let document = json!({
        "EventId": fields.event_id,
        "LogLevel": level::name(level),
        "Category": fields.category,
        "Message": fields.message,
        "State": state,
    });
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Fields {
        Fields {
            category: "Sidekey.Door".into(),
            event_id: 3,
            message: "refused\nforged: line".into(),
            others: vec![("peer", "10.0.0.1\x1b[2J".into())],
        }
    }

    #[test]
    fn the_simple_format_is_that_of_asp_net_and_cannot_be_forged_by_what_is_logged() {
        let line = simple(Level::WARN, &event(), false, false);
        assert_eq!(line, "warn: Sidekey.Door[3]\n      refused\n      forged: line peer=10.0.0.1[2J\n");
    }

    #[test]
    fn the_json_format_is_one_object_a_line() {
        let line = json_line(Level::INFO, &event());
        let document: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(document["Category"], "Sidekey.Door");
        assert_eq!(document["LogLevel"], "Information");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn our_targets_become_categories() {
        assert_eq!(category_of("sidekey_entra::acquire"), "Sidekey.Entra.Acquire");
        assert_eq!(category_of("hyper::proto"), "hyper.proto");
    }
}
