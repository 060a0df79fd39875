//! From YAML text to a checked directory.

use std::path::Path;

use super::{Directory, check, file::DirectoryFile};
use crate::EmulatorError;

/// Reads a directory. Paths in it are relative to `folder`.
pub(crate) fn read(yaml: &str, folder: &Path) -> Result<Directory, EmulatorError> {
    let file: DirectoryFile = serde_norway::from_str(yaml).map_err(|error| unreadable(&error))?;
    check::check(file, folder).map_err(|faults| {
        let lines: Vec<_> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        EmulatorError(format!("the directory has {} fault(s):{}", faults.len(), lines.concat()))
    })
}

/// The YAML reader's message, with line and path, and a hint where a key is misspelt.
fn unreadable(error: &serde_norway::Error) -> EmulatorError {
    let text = error.to_string();
    let hint = nearest_name(&text).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    EmulatorError(format!("the directory cannot be read: {text}{hint}"))
}

/// In "unknown field `a`, expected one of `b`, `c`" the name among those expected that is most like the unknown one.
fn nearest_name(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("unknown field `").or_else(|| message.split_once("unknown variant `"))?;
    let mut quoted = rest.split('`');
    let unknown = quoted.next()?;
    let likeness = |name: &&str| strsim::jaro_winkler(&unknown.to_lowercase(), &name.to_lowercase());
    let best = quoted.skip(1).step_by(2).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.75).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(yaml in "\\PC*") {
            let _ = read(&yaml, Path::new("."));
        }

        #[test]
        fn no_value_makes_the_checks_panic(id in "\\PC{0,40}", uri in "\\PC{0,40}", version in 0u8..9) {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (id, uri) = (quoted(&id), quoted(&uri));
            let app = format!("{{clientId: {id}, name: {uri}, tenants: [{id}], identifierUris: [{uri}], redirectUris: [{uri}], tokenVersion: {version}}}");
            let _ = read(&format!("tenants: []\napps:\n  - {app}\n"), Path::new("."));
        }
    }

    fn fault(yaml: &str) -> String {
        read(yaml, Path::new(".")).unwrap_err().0
    }

    #[test]
    fn the_default_directory_is_without_fault() {
        let directory = read(crate::Emulator::DEFAULT_DIRECTORY, Path::new(".")).unwrap();
        assert_eq!((directory.tenants.len(), directory.apps.len()), (2, 16));
        let shell = directory.apps.iter().find(|app| app.name == "shell").unwrap();
        let web = directory.resource("API://00001111-aaaa-2222-bbbb-3333cccc4444/").unwrap();
        assert_eq!(shell.consented_scopes(&web.client_id, "alice@contoso.onmicrosoft.com"), ["access_as_user"]);
    }

    #[test]
    fn a_misspelt_key_is_answered_with_line_path_and_the_nearest_name() {
        let fault = fault("tenants:\n  - id: aaaabbbb-0000-cccc-1111-dddd2222eeee\n    displyName: x\n");
        assert!(fault.contains("line 3") && fault.contains("tenants[0]"), "{fault}");
        assert!(fault.ends_with("did you mean `displayName`?"), "{fault}");
    }

    #[test]
    fn text_that_is_not_a_directory_is_refused_without_panic() {
        for yaml in ["", "- a", "tenants: 3", "{", "\u{0}", "tenants: [&a [*a]]", "tenants: []\n---\ntenants: []"] {
            assert!(read(yaml, Path::new(".")).is_err(), "{yaml:?}");
        }
    }
}
