//! `sidekey dev`: emulator, sidecar and a sample downstream API in one process, wired to each other.

pub(crate) mod authority;
mod continuous_access;
mod ports;
mod sample_api;
mod stage;
mod summary;

pub(crate) use ports::Ports;
pub(crate) use stage::Stage;
pub(crate) use summary::Summary;
