//! `optionsOverride.*` as sent. Absent and supplied are told apart for every key; nothing here knows the configuration.

use uuid::Uuid;

use super::{strip_prefix_without_case, value};

/// The overrides of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Whether any override was sent, known or not, besides `BaseUrl`.
    pub(crate) supplied: bool,
    /// Whether `BaseUrl` was sent, which is never applied.
    pub(crate) base_url: bool,
    /// `Scopes`: one element per value that is not blank.
    pub(crate) scopes: Vec<String>,
    /// `RequestAppToken`
    pub(crate) request_app_token: Option<bool>,
    /// `RelativePath`
    pub(crate) relative_path: Option<String>,
    /// `HttpMethod`
    pub(crate) http_method: Option<String>,
    /// `AcceptHeader`
    pub(crate) accept: Option<String>,
    /// `AcquireTokenOptions.*`
    pub(crate) acquire: AcquireOverrides,
    /// `ExtraHeaderParameters.*` and its alias `CustomHeader.*`
    pub(crate) headers: Extras,
    /// `ExtraQueryParameters.*`
    pub(crate) query: Extras,
}

/// `AcquireTokenOptions.*`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AcquireOverrides {
    /// `Tenant`
    pub(crate) tenant: Option<String>,
    /// `ForceRefresh`
    pub(crate) force_refresh: Option<bool>,
    /// `Claims`
    pub(crate) claims: Option<String>,
    /// `CorrelationId`
    pub(crate) correlation_id: Option<Uuid>,
    /// `FmiPath`
    pub(crate) fmi_path: Option<String>,
    /// `LongRunningWebApiSessionKey`
    pub(crate) session_key: Option<String>,
    /// `PopPublicKey`
    pub(crate) pop_public_key: Option<String>,
    /// `ManagedIdentity.UserAssignedClientId`
    pub(crate) managed_client: Option<String>,
    /// `ManagedIdentity.UserAssignedObjectId`
    pub(crate) managed_object: Option<String>,
    /// `ManagedIdentity.UserAssignedResourceId`
    pub(crate) managed_resource: Option<String>,
}

/// Named values in order of appearance; a name that was sent again, in whatever case, keeps its first spelling and takes
/// the last value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras(Vec<(String, String)>);

impl Overrides {
    /// Takes one override; `name` is what follows the prefix.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("BaseUrl") {
            self.base_url = true;
            return;
        }
        self.supplied = true;
        if let Some(name) = strip_prefix_without_case(name, "AcquireTokenOptions.") {
            self.acquire.set(name, value);
        } else if let Some(name) = strip_prefix_without_case(name, "ExtraHeaderParameters.")
            .or_else(|| strip_prefix_without_case(name, "CustomHeader."))
        {
            self.headers.set(name, value);
        } else if let Some(name) = strip_prefix_without_case(name, "ExtraQueryParameters.") {
            self.query.set(name, value);
        } else {
            self.set_option(name, value);
        }
    }

    fn set_option(&mut self, name: &str, value: &str) {
        match () {
            () if name.eq_ignore_ascii_case("Scopes") => {
                if !value.trim().is_empty() {
                    self.scopes.push(value.to_owned());
                }
            }
            () if name.eq_ignore_ascii_case("RequestAppToken") => self.request_app_token = value::boolean(value),
            () if name.eq_ignore_ascii_case("RelativePath") => self.relative_path = not_empty(value),
            () if name.eq_ignore_ascii_case("HttpMethod") => self.http_method = not_blank(value),
            () if name.eq_ignore_ascii_case("AcceptHeader") => self.accept = not_blank(value),
            () => {}
        }
    }
}

impl AcquireOverrides {
    fn set(&mut self, name: &str, value: &str) {
        let slot = match () {
            () if name.eq_ignore_ascii_case("Tenant") => &mut self.tenant,
            () if name.eq_ignore_ascii_case("Claims") => &mut self.claims,
            () if name.eq_ignore_ascii_case("FmiPath") => &mut self.fmi_path,
            () if name.eq_ignore_ascii_case("LongRunningWebApiSessionKey") => &mut self.session_key,
            () if name.eq_ignore_ascii_case("PopPublicKey") => &mut self.pop_public_key,
            () if name.eq_ignore_ascii_case("ManagedIdentity.UserAssignedClientId") => &mut self.managed_client,
            () if name.eq_ignore_ascii_case("ManagedIdentity.UserAssignedObjectId") => &mut self.managed_object,
            () if name.eq_ignore_ascii_case("ManagedIdentity.UserAssignedResourceId") => &mut self.managed_resource,
            () if name.eq_ignore_ascii_case("ForceRefresh") => {
                self.force_refresh = value::boolean(value);
                return;
            }
            () if name.eq_ignore_ascii_case("CorrelationId") => {
                self.correlation_id = value::guid(value).filter(|id| !id.is_nil());
                return;
            }
            () => return,
        };
        *slot = not_empty(value);
    }
}

impl Extras {
    fn set(&mut self, name: &str, value: &str) {
        if name.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
            Some((_, own)) => value.clone_into(own),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// The names and values; one whose last value is empty is left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn not_empty(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn not_blank(value: &str) -> Option<String> {
    not_empty(value.trim())
}

#[cfg(test)]
mod tests {
    use super::super::Query;
    use super::*;

    fn parse(query: &str) -> Overrides {
        Query::parse(Some(query)).overrides
    }

    #[test]
    fn scopes_are_repeatable_and_never_split() {
        let query = "optionsOverride.Scopes=a%20b,c&OPTIONSOVERRIDE.SCOPES=d&optionsOverride.Scopes=+";
        assert_eq!(parse(query).scopes, ["a b,c", "d"]);
    }

    #[test]
    fn the_last_value_counts_and_a_bad_one_counts_as_none() {
        let parsed = parse("optionsOverride.RequestAppToken=true&optionsOverride.requestapptoken=1");
        assert_eq!((parsed.request_app_token, parsed.supplied), (None, true));
        let parsed = parse("optionsOverride.AcquireTokenOptions.Tenant=a&optionsOverride.acquiretokenoptions.tenant=");
        assert_eq!(parsed.acquire.tenant, None);
        assert_eq!(parse("optionsOverride.RelativePath=a&optionsOverride.RelativePath=b").relative_path.unwrap(), "b");
    }

    #[test]
    fn every_token_option_is_read() {
        let id = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
        let query: String = [
            "Tenant=t",
            "ForceRefresh=True",
            "Claims={}",
            "FmiPath=f",
            "LongRunningWebApiSessionKey=s",
            "PopPublicKey=p",
            "ManagedIdentity.UserAssignedClientId=m",
            "ManagedIdentity.UserAssignedObjectId=o",
            "ManagedIdentity.UserAssignedResourceId=/r",
        ]
        .iter()
        .map(|pair| format!("optionsOverride.AcquireTokenOptions.{pair}&"))
        .chain([format!("optionsOverride.AcquireTokenOptions.CorrelationId={id}")])
        .collect();
        let some = |text: &str| Some(text.to_owned());
        let expected = AcquireOverrides {
            tenant: some("t"),
            force_refresh: Some(true),
            claims: some("{}"),
            correlation_id: Uuid::try_parse(id).ok(),
            fmi_path: some("f"),
            session_key: some("s"),
            pop_public_key: some("p"),
            managed_client: some("m"),
            managed_object: some("o"),
            managed_resource: some("/r"),
        };
        assert_eq!(parse(&query).acquire, expected);
    }

    #[test]
    fn the_base_url_alone_is_no_override() {
        let parsed = parse("optionsOverride.BaseUrl=https://evil.example");
        assert_eq!(parsed, Overrides { base_url: true, ..Overrides::default() });
        for unknown in ["optionsOverride.Tenant=x", "optionsOverride.", "optionsOverride.BaseUrl.x=1"] {
            assert_eq!(parse(unknown), Overrides { supplied: true, ..Overrides::default() }, "{unknown}");
        }
        assert_eq!(parse("optionsOverride=Scopes"), Overrides::default());
    }

    #[test]
    fn extra_names_keep_their_case_and_take_the_last_value() {
        let parsed = parse(
            "optionsOverride.ExtraHeaderParameters.X-A.b=1&optionsOverride.CustomHeader.x-a.B=2\
             &optionsOverride.CustomHeader.Y=3&optionsOverride.ExtraHeaderParameters.=4&optionsOverride.CustomHeader.Z=\
             &optionsOverride.ExtraQueryParameters.$top=5",
        );
        assert_eq!(parsed.headers.iter().collect::<Vec<_>>(), [("X-A.b", "2"), ("Y", "3")]);
        assert_eq!(parsed.query.iter().collect::<Vec<_>>(), [("$top", "5")]);
    }
}
