//! What others on the host may see of this process: no core dumps, and no debugger or reader of its memory but root's.
//!
//! Tokens, secrets and keys are in memory while they are in use. Linux lets any process of the same user read another's
//! memory, and writes all of it to disk when it crashes, unless the process says no.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Closes the process.
pub(crate) fn close() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Opens it again.
pub(crate) fn open() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let limit = getrlimit(Resource::Core);
    Ok(setrlimit(Resource::Core, Rlimit { current: limit.maximum, ..limit })?)
}

#[cfg(test)]
mod tests {
    use rustix::process::dumpable_behavior;

    use super::*;

    #[test]
    fn a_closed_process_is_neither_dumped_nor_traced_until_it_is_opened() {
        close().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        open().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::Dumpable));
    }
}
