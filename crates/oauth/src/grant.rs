//! Names on the wire: grant types, assertion types, parameters.

/// RFC 6749 §4.4.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// RFC 7523 §2.1, which Entra uses for on-behalf-of.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 6749 §6.
pub const REFRESH_TOKEN: &str = "refresh_token";
/// RFC 6749 §4.3.
pub const PASSWORD: &str = "password";
/// RFC 6749 §4.1.
pub const AUTHORIZATION_CODE: &str = "authorization_code";
/// Entra's grant for an agent's user account.
pub const USER_FIC: &str = "user_fic";
/// RFC 7523 §2.2: the type of a client assertion.
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
