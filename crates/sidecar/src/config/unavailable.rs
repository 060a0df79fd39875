//! Keys of ours that this version does not offer. One that would make something safer, or without which something would
//! quietly be missing, stops the start; the others warn.

use sidekey_config::Section;

/// Refuses or warns about what is set and not available, and says which other keys are read elsewhere.
pub(super) fn check(sidecar: &Section<'_>) {
    for (name, off, hint) in REFUSED {
        if sidecar.text(name).is_some_and(|value| value.trim() != *off) {
            sidecar.fault(name, "is not available in this version", *hint);
        }
    }
    for (section, hint) in SWITCHES {
        let child = sidecar.section(section);
        if child.bool("Enabled", false) {
            child.fault("Enabled", "is not available in this version", *hint);
        }
    }
    for (name, message) in HARMLESS {
        if sidecar.section(name).exists() {
            sidecar.warn(name, *message);
        }
    }
    let names = SWITCHES.iter().chain(HARMLESS).map(|(name, _)| *name);
    sidecar.reserve(&names.chain(READ_ELSEWHERE).collect::<Vec<_>>());
}

/// A key, the value that switches it off, and what to do.
const REFUSED: &[(&str, &str, &str)] = &[("Management:Url", "", "remove it; the probes are on the main listener")];

const SWITCHES: &[(&str, &str)] = &[("ManagedIdentityEndpoint", "write `false`")];

const HARMLESS: &[(&str, &str)] =
    &[("WarmUp", "is not available in this version: the first call of an API fetches its token")];

/// Keys of this section that the token engine and the program itself read.
const READ_ELSEWHERE: [&str; 6] =
    ["AcquireTimeout", "VerifiedTokenCache", "TokenValidation", "PopValidation", "AdditionalCaFile", "AllowDebugging"];
