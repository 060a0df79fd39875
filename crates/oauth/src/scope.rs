//! Scopes: RFC 6749 §3.3 tokens, and sets of them.

use std::{fmt, str::FromStr};

/// One scope: printable ASCII without blank, `"` and `\` (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// The scope as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource of a `…/.default` scope: all before its **last** slash, as Entra reads it. Case of `.default` does
    /// not matter. `None` for any other scope.
    pub fn default_resource(&self) -> Option<&str> {
        let (resource, last) = self.0.rsplit_once('/')?;
        last.eq_ignore_ascii_case(".default").then_some(resource)
    }

    /// Whether this is one of OpenID Connect's own scopes that clients add by themselves.
    pub fn is_reserved(&self) -> bool {
        matches!(&*self.0, "openid" | "profile" | "offline_access")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(ScopeError(text.chars().take(80).collect()));
        }
        Ok(Self(text.into()))
    }
}

/// Scopes in the order they were given, without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads a blank-separated list, the form of `scope` and `scp`.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }

    /// The first scope.
    pub fn first(&self) -> Option<&Scope> {
        self.0.first()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// Whether the list has exactly this scope.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own.as_str() == scope)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut list = Vec::new();
        for scope in scopes {
            if !list.contains(&scope) {
                list.push(scope);
            }
        }
        Self(list)
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Scopes {
    /// Blank-separated, as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

/// A text that is not a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope: printable ASCII without blanks, quotes and backslashes, at most 1,024 characters")]
pub struct ScopeError(String);

/// Far above any real scope; keeps a hostile caller from growing cache keys.
const MAX_LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_ends_before_the_last_slash() {
        let resource = |text: &str| text.parse::<Scope>().ok().and_then(|s| s.default_resource().map(str::to_owned));
        assert_eq!(resource("https://x//.default").as_deref(), Some("https://x/"));
        assert_eq!(resource("api://a/.Default").as_deref(), Some("api://a"));
        assert_eq!(resource("User.Read"), None);
    }

    #[test]
    fn lists_keep_order_and_drop_repetitions() {
        assert_eq!(Scopes::parse(" b a  b ").map(|s| s.to_string()).as_deref(), Ok("b a"));
        assert!(Scopes::parse("a\"b").is_err());
    }
}
