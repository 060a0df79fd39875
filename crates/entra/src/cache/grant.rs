//! What brings new tokens without the user being there: a refresh token, and for a session the user whom it is bound to.

use sidekey_host::UnixTime;
use sidekey_oauth::{Secret, TenantId};

/// A refresh token and whose it is. Never handed out, never logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Absent where Entra gave none, or no longer takes it.
    pub(crate) refresh_token: Option<Secret>,
    /// The user whom a session is bound to; an agent's user account is in the key.
    pub(crate) user: Option<BoundUser>,
    /// When the last access token that came with it ends.
    pub(crate) tokens_end: UnixTime,
}

/// The user whom a session was begun for: directory and object id, because object ids are unique in a directory alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundUser {
    pub(crate) tenant: TenantId,
    pub(crate) object_id: Box<str>,
    /// SHA-256 of both, the cache key's part.
    pub(crate) hash: [u8; 32],
}

impl Grant {
    /// A refresh token of an agent's user account.
    pub(crate) fn of(refresh_token: Secret) -> Self {
        Self { refresh_token: Some(refresh_token), user: None, tokens_end: UnixTime(0) }
    }

    /// Whether it is good for anything: it brings tokens, or one that it brought is still valid.
    pub(crate) fn is_alive(&self, now: UnixTime) -> bool {
        self.refresh_token.is_some() || now < self.tokens_end
    }

    /// The same after a reply. One without a refresh token leaves the old one in force (RFC 6749 §6).
    pub(crate) fn renewed(self, refresh_token: Option<&Secret>, tokens_end: UnixTime) -> Self {
        Self {
            refresh_token: refresh_token.cloned().or(self.refresh_token),
            tokens_end: self.tokens_end.max(tokens_end),
            ..self
        }
    }

    /// The same after Entra refused a refresh token for good, unless another has come meanwhile.
    pub(crate) fn without(self, refused: &Secret) -> Self {
        Self { refresh_token: self.refresh_token.filter(|own| own != refused), ..self }
    }

    /// Bytes on the heap, about.
    pub(crate) fn size(&self) -> usize {
        let user = self.user.as_ref().map_or(0, |user| user.object_id.len() + size_of::<TenantId>());
        self.refresh_token.as_ref().map_or(0, |token| token.expose().len()) + user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(refresh_token: Option<&str>, end: u64) -> Grant {
        Grant { refresh_token: refresh_token.map(Secret::new), user: None, tokens_end: UnixTime(end) }
    }

    #[test]
    fn a_grant_lives_by_its_refresh_token_or_its_last_token() {
        assert!(grant(Some("r"), 0).is_alive(UnixTime(1000)));
        assert!(grant(None, 1000).is_alive(UnixTime(999)));
        assert!(!grant(None, 1000).is_alive(UnixTime(1000)));
    }

    #[test]
    fn a_reply_renews_what_it_brings_and_nothing_else() {
        let new = Secret::new("new");
        assert_eq!(grant(Some("old"), 10).renewed(Some(&new), UnixTime(5)), grant(Some("new"), 10));
        assert_eq!(grant(Some("old"), 10).renewed(None, UnixTime(20)), grant(Some("old"), 20));
    }

    #[test]
    fn only_the_refused_refresh_token_goes() {
        let old = Secret::new("old");
        assert_eq!(grant(Some("old"), 10).without(&old), grant(None, 10));
        assert_eq!(grant(Some("new"), 10).without(&old), grant(Some("new"), 10));
    }
}
