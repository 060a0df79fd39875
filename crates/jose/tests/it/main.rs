//! The public face of the crate, held against vectors written by others.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod wycheproof;
