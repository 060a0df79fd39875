//! Certificate thumbprints (RFC 7515 §4.1.7, §4.1.8): base64url of the digest over the DER.

/// The `x5t` of a certificate.
pub fn thumbprint_sha1(_der: &[u8]) -> String {
    todo!()
}

/// The `x5t#S256` of a certificate.
pub fn thumbprint_sha256(_der: &[u8]) -> String {
    todo!()
}
