//! The protocol's messages (<https://github.com/spiffe/spiffe/blob/main/standards/workloadapi.proto>).

use std::collections::HashMap;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JwtSvidRequest {
    #[prost(string, repeated, tag = "1")]
    pub(crate) audience: Vec<String>,
    /// Empty for all that the workload has.
    #[prost(string, tag = "2")]
    pub(crate) spiffe_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JwtSvidResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) svids: Vec<JwtSvid>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JwtSvid {
    #[prost(string, tag = "1")]
    pub(crate) spiffe_id: String,
    #[prost(string, tag = "2")]
    pub(crate) svid: String,
    #[prost(string, tag = "3")]
    pub(crate) hint: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JwtBundlesRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct JwtBundlesResponse {
    /// Key sets by the trust domain's SPIFFE ID.
    #[prost(map = "string, bytes", tag = "1")]
    pub(crate) bundles: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValidateJwtSvidRequest {
    #[prost(string, tag = "1")]
    pub(crate) audience: String,
    #[prost(string, tag = "2")]
    pub(crate) svid: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValidateJwtSvidResponse {
    #[prost(string, tag = "1")]
    pub(crate) spiffe_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) claims: Option<prost_types::Struct>,
}
