//! The emulator as a client sees it: the real router on a port of its own.

mod discovery;
mod flows;
mod support;
mod tokens;
