//! A token that comes back to its maker: whether it is really one of ours, and of which tenant.

use sidekey_jose::Algorithm;
use uuid::Uuid;

use super::{
    assertion::{Assertion, Claims},
    issue::{v1_issuer, v2_issuer},
};
use crate::{
    directory::{Directory, Tenant},
    keys::KeyRing,
};

/// One of the published keys has to have signed it; else why not.
pub(crate) fn check_signature(ring: &KeyRing, assertion: &Assertion<'_>) -> Result<(), &'static str> {
    let key = assertion.header().kid.as_deref().and_then(|kid| ring.find(kid)).ok_or("The key was not found.")?;
    let verified = assertion.verify(&key.verifying, &[Algorithm::RS256]);
    verified.map(|_| ()).map_err(|_| "The provided signature value did not match the expected signature value.")
}

/// The tenant that a token names, if its issuer is that tenant's.
pub(crate) fn tenant<'d>(directory: &'d Directory, origin: &str, claims: &Claims) -> Option<&'d Tenant> {
    let id = Uuid::try_parse(claims.text("tid")?).ok()?;
    let issuer = claims.text("iss")?;
    let own = issuer == v1_issuer(id) || issuer == v2_issuer(origin, id);
    directory.tenants.iter().find(|tenant| own && tenant.id == id)
}
