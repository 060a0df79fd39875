//! What others on the host may see of the process.

use std::{fs, os::unix::fs::MetadataExt as _};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::{Process, Settings};

const SETTINGS: Settings<'_> = &[("AzureAd__TenantId", "contoso.com"), ("AzureAd__ClientId", CLIENT)];
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// The soft limit for core dumps.
fn core_limit(process: &Process) -> String {
    let limits = fs::read_to_string(process.proc("limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_sidecar_leaves_no_core_dump_and_belongs_to_root_alone() {
    // What this process may leave, the sidecar would inherit.
    let limit = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (process, _) = Process::serve(SETTINGS);
    assert_eq!(core_limit(&process), "0");
    // What the kernel lets a debugger do follows from whom this file belongs to.
    assert_eq!(fs::metadata(process.proc("mem")).unwrap().uid(), 0);
    process.stop();
}

#[test]
fn debugging_has_a_switch_that_says_what_it_does() {
    let (process, _) = Process::serve(&[SETTINGS, &[("Sidecar__AllowDebugging", "true")]].concat());
    let own = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(fs::metadata(process.proc("mem")).unwrap().uid(), own);
    let log = process.stop();
    assert!(log.contains("core dumps and debuggers can show tokens and secrets"), "{log}");
}
