//! Attacks on JOSE libraries, and what this one does about each.
