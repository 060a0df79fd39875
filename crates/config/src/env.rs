//! Environment variables as configuration keys.
