//! The public face of the crate, held against vectors written by others.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod attacks_jwe;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod rfc_7516;
#[cfg(test)]
mod rfc_7520;
#[cfg(test)]
mod shr;
#[cfg(test)]
mod shr_key;
#[cfg(test)]
mod wycheproof;
#[cfg(test)]
mod wycheproof_jwe;
