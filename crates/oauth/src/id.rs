//! Identifiers of tenants and applications, checked when they are made.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A tenant as it stands in an authority's path: a GUID, a verified domain or one of Entra's aliases.
///
/// Lower-cased, because Entra compares tenants without case and a cache key must not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantId {
    /// A directory's GUID.
    Guid(Uuid),
    /// A verified domain name of a directory.
    Domain(Box<str>),
    /// `common`: any work, school or personal account.
    Common,
    /// `organizations`: any work or school account.
    Organizations,
    /// `consumers`: personal accounts.
    Consumers,
}

impl TenantId {
    /// Whether this names no directory of its own (`common`, `organizations`), so that no app token can come from it.
    pub fn is_meta(&self) -> bool {
        matches!(self, Self::Common | Self::Organizations)
    }

    /// The directory's GUID where that is what was given; `consumers` is the fixed directory of personal accounts.
    pub fn guid(&self) -> Option<Uuid> {
        match self {
            Self::Guid(id) => Some(*id),
            Self::Consumers => Some(CONSUMERS),
            _ => None,
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guid(id) => write!(f, "{id}"),
            Self::Domain(name) => f.write_str(name),
            Self::Common => f.write_str("common"),
            Self::Organizations => f.write_str("organizations"),
            Self::Consumers => f.write_str("consumers"),
        }
    }
}

impl FromStr for TenantId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self::Guid(id));
        }
        match text.to_ascii_lowercase().as_str() {
            "" => Err(IdError::Empty),
            "common" => Ok(Self::Common),
            "organizations" => Ok(Self::Organizations),
            "consumers" => Ok(Self::Consumers),
            name if is_domain(name) => Ok(Self::Domain(name.into())),
            _ => Err(IdError::Tenant(text.to_owned())),
        }
    }
}

/// A DNS name of at least two labels.
fn is_domain(name: &str) -> bool {
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// An application's (client) id: visible ASCII without blanks, in practice a GUID, which is kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// The all-zero id, which no application has: what stands where a configuration has none.
    pub fn nil() -> Self {
        Self(Uuid::nil().to_string().into())
    }

    /// The id as Entra spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > 256 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(IdError::Client(text.chars().take(80).collect()));
        }
        Ok(Self(Uuid::try_parse(text).map_or_else(|_| text.into(), |id| id.to_string().into())))
    }
}

/// Why a text is not the identifier it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// Neither a GUID, a domain, nor an alias.
    #[error("`{0}` is neither a GUID, a domain name, nor `common`, `organizations` or `consumers`")]
    Tenant(String),
    /// Blanks, control characters or other than ASCII in an application id.
    #[error("`{0}` is not an application (client) id: write the GUID that the app registration shows")]
    Client(String),
}

/// The directory of personal accounts.
const CONSUMERS: Uuid = Uuid::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_guids_domains_or_aliases() {
        let guid = "AAAABBBB-0000-cccc-1111-dddd2222eeee";
        assert_eq!(
            guid.parse::<TenantId>().map(|t| t.to_string()).as_deref(),
            Ok("aaaabbbb-0000-cccc-1111-dddd2222eeee")
        );
        assert_eq!("Contoso.com".parse(), Ok(TenantId::Domain("contoso.com".into())));
        assert_eq!("Common".parse(), Ok(TenantId::Common));
        for bad in ["", "a/b", "contoso", "a..b", "-a.com", "tenant id.com", "../x.com"] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn client_ids_have_no_blanks() {
        assert!("00001111-aaaa-2222-bbbb-3333cccc4444".parse::<ClientId>().is_ok());
        assert!("urn:microsoft:identity:fmi".parse::<ClientId>().is_ok());
        for bad in ["", "a b", "a\nb", "ä"] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad:?}");
        }
    }
}
