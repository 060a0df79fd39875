//! Which of a machine's identities is meant.

use std::fmt;

/// A managed identity: the system-assigned one, or a user-assigned one by one of its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ManagedIdentityId {
    /// The machine's own, or whichever the host takes for it.
    #[default]
    System,
    /// By client (application) id.
    ClientId(String),
    /// By object (principal) id.
    ObjectId(String),
    /// By Azure resource id, `/subscriptions/…/userAssignedIdentities/…`.
    ResourceId(String),
}

impl ManagedIdentityId {
    /// Of a setting that is called a client id. A resource id, which cannot be mistaken for one, is taken as what it is.
    pub fn of_client_id(text: Option<&str>) -> Self {
        match text.map(str::trim).filter(|text| !text.is_empty()) {
            None => Self::System,
            Some(id) if id.starts_with('/') => Self::ResourceId(id.to_owned()),
            Some(id) => Self::ClientId(id.to_owned()),
        }
    }
}

impl ManagedIdentityId {
    /// Of settings or parameters for each of its names, of which at most one may be there; nothing if there are more.
    pub fn of_one(client_id: Option<&str>, object_id: Option<&str>, resource_id: Option<&str>) -> Option<Self> {
        let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        match (client_id, given(object_id), given(resource_id)) {
            (id, None, None) => Some(Self::of_client_id(id)),
            (id, Some(object), None) if given(id).is_none() => Some(Self::ObjectId(object)),
            (id, None, Some(resource)) if given(id).is_none() => Some(Self::ResourceId(resource)),
            _ => None,
        }
    }

    /// The name itself, of whichever kind it is.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::System => None,
            Self::ClientId(id) | Self::ObjectId(id) | Self::ResourceId(id) => Some(id),
        }
    }
}

impl fmt::Display for ManagedIdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system-assigned identity"),
            Self::ClientId(id) => write!(f, "the identity with client id `{id}`"),
            Self::ObjectId(id) => write!(f, "the identity with object id `{id}`"),
            Self::ResourceId(id) => write!(f, "the identity with resource id `{id}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_name_at_a_time() {
        let object = || Some(ManagedIdentityId::ObjectId("o".to_owned()));
        let resource = || Some(ManagedIdentityId::ResourceId("/r".to_owned()));
        for (names, expected) in [
            ((None, None, None), Some(ManagedIdentityId::System)),
            ((Some("c"), None, Some(" ")), Some(ManagedIdentityId::ClientId("c".to_owned()))),
            ((None, Some(" o "), None), object()),
            ((Some(""), Some("o"), None), object()),
            ((None, None, Some("/r")), resource()),
            ((Some("c"), Some("o"), None), None),
            ((Some("c"), None, Some("/r")), None),
            ((None, Some("o"), Some("/r")), None),
        ] {
            assert_eq!(ManagedIdentityId::of_one(names.0, names.1, names.2), expected, "{names:?}");
        }
    }

    #[test]
    fn a_resource_id_is_known_by_its_slash() {
        for (text, expected) in [
            (None, ManagedIdentityId::System),
            (Some("  "), ManagedIdentityId::System),
            (Some(" a-b "), ManagedIdentityId::ClientId("a-b".to_owned())),
            (Some("/subscriptions/s"), ManagedIdentityId::ResourceId("/subscriptions/s".to_owned())),
        ] {
            assert_eq!(ManagedIdentityId::of_client_id(text), expected);
        }
    }
}
