//! What the agent gives to the workload at its socket.

use serde::Deserialize;
use serde_json::{Value, json};
use sidekey_host::UnixTime;
use tonic::{Code, Status};

use crate::{
    TrustDomain,
    message::{JwtSvid, JwtSvidRequest, JwtSvidResponse},
};

/// What the workload is entitled to, and what goes wrong for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Its SPIFFE IDs, the default one first. Without any it gets nothing.
    pub identities: Vec<String>,
    /// Seconds until a JWT-SVID ends, an hour unless told; a negative number makes one that ended so long ago.
    pub lifetime: Option<i64>,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

/// What an agent may do besides what it should.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Refuses with this gRPC status and message.
    Status(i32, String),
    /// Takes the call and never answers.
    Hangs,
    /// Answers without anything in it.
    Empty,
    /// Gives a token of so many bytes.
    Large(usize),
}

/// What a JWT-SVID was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whom it shall be shown to.
    pub audience: Vec<String>,
    /// The identity, empty for any.
    pub spiffe_id: String,
}

impl Workload {
    /// One with these identities.
    pub fn with(identities: &[&str]) -> Self {
        Self { identities: identities.iter().map(|&id| id.to_owned()).collect(), ..Self::default() }
    }

    /// The JWT-SVIDs that answer a request.
    pub(crate) fn svids(
        &self,
        asked: &JwtSvidRequest,
        domain: &TrustDomain,
        issuer: &str,
        now: UnixTime,
    ) -> Result<JwtSvidResponse, Status> {
        self.may_ask()?;
        if asked.audience.iter().all(String::is_empty) {
            return Err(Status::invalid_argument("audience must be specified"));
        }
        let wanted = |id: &&String| asked.spiffe_id.is_empty() || **id == asked.spiffe_id;
        let ids: Vec<_> = self.identities.iter().filter(wanted).collect();
        if ids.is_empty() {
            return Err(no_identity());
        }
        let svid = |id: &String| {
            let svid = match self.fault {
                Some(Fault::Large(bytes)) => "a".repeat(bytes),
                _ => domain.sign(&self.claims(id, &asked.audience, issuer, now)).map_err(internal)?,
            };
            Ok(JwtSvid { spiffe_id: id.clone(), svid, hint: String::new() })
        };
        let svids = if matches!(self.fault, Some(Fault::Empty)) { Vec::new() } else { ids };
        Ok(JwtSvidResponse { svids: svids.into_iter().map(svid).collect::<Result<_, Status>>()? })
    }

    /// Whether it is entitled to anything at all.
    pub(crate) fn may_ask(&self) -> Result<(), Status> {
        match &self.fault {
            Some(Fault::Status(code, message)) => Err(Status::new(Code::from_i32(*code), message)),
            _ if self.identities.is_empty() => Err(no_identity()),
            _ => Ok(()),
        }
    }

    fn claims(&self, id: &str, audience: &[String], issuer: &str, now: UnixTime) -> Value {
        let lifetime = self.lifetime.unwrap_or(LIFETIME);
        let start = now.0.saturating_add_signed(lifetime.min(0)).saturating_sub(1);
        let end = now.0.saturating_add_signed(lifetime);
        json!({ "iss": issuer, "sub": id, "aud": audience, "iat": start, "exp": end })
    }
}

fn no_identity() -> Status {
    Status::permission_denied("no identity issued")
}

fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

const LIFETIME: i64 = 3600;
