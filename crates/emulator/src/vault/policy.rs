//! How a certificate is made: its policy, read from requests and shown in replies.

use serde::Deserialize;
use serde_json::{Value, json};
use sidekey_host::UnixTime;

use super::{
    algorithm::KeyKind,
    bundle::Form,
    material::{CertificateRecipe, Recipe, distinguished_name},
};

/// A certificate's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) kind: KeyKind,
    pub(crate) exportable: bool,
    pub(crate) form: Form,
    pub(crate) subject: String,
    pub(crate) dns_names: Vec<String>,
    pub(crate) months: u32,
    /// `Self`, or `Unknown` for what was imported.
    pub(crate) issuer: &'static str,
}

/// The policy in a request; what is absent has the vault's defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PolicyBody {
    key_props: KeyProperties,
    secret_props: SecretProperties,
    x509_props: CertificateProperties,
    issuer: Issuer,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KeyProperties {
    exportable: Option<bool>,
    kty: Option<String>,
    key_size: Option<u32>,
    crv: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SecretProperties {
    #[serde(rename = "contentType")]
    content_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CertificateProperties {
    subject: Option<String>,
    sans: Option<AlternativeNames>,
    validity_months: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AlternativeNames {
    dns_names: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Issuer {
    name: Option<String>,
}

impl Policy {
    /// The policy of a certificate that is described by nothing but its subject.
    pub(crate) fn of_subject(subject: String) -> Self {
        Self {
            kind: KeyKind::Rsa(super::algorithm::RsaSize::Bits2048),
            exportable: true,
            form: Form::Pkcs12,
            subject,
            dns_names: Vec::new(),
            months: DEFAULT_MONTHS,
            issuer: "Self",
        }
    }

    /// From a request to make a certificate.
    pub(crate) fn from_body(body: &PolicyBody) -> Result<Self, String> {
        if let Some(issuer) = body.issuer.name.as_deref().filter(|name| !name.eq_ignore_ascii_case("Self")) {
            return Err(format!("the issuer `{issuer}` is not available: only `Self` signs here"));
        }
        let dns_names: Vec<String> =
            body.x509_props.sans.iter().flat_map(|sans| &sans.dns_names).flatten().cloned().collect();
        let subject = match (&body.x509_props.subject, dns_names.first()) {
            (Some(subject), _) if !subject.is_empty() => subject.clone(),
            (_, Some(first)) => format!("CN={first}"),
            _ => return Err("the policy has neither `x509_props.subject` nor `sans.dns_names`".to_owned()),
        };
        let policy = Self { dns_names, ..Self::of_subject(subject) };
        policy.with(body)
    }

    /// With what a request says about key, form and validity.
    pub(crate) fn with(self, body: &PolicyBody) -> Result<Self, String> {
        let key = &body.key_props;
        let said = key.kty.is_some() || key.key_size.is_some() || key.crv.is_some();
        let kind = if said { KeyKind::parse(key.kty.as_deref(), key.key_size, key.crv.as_deref())? } else { self.kind };
        let form = body.secret_props.content_type.as_deref().map(Form::find).transpose()?.unwrap_or(self.form);
        let months = body.x509_props.validity_months.unwrap_or(self.months);
        let policy = Self { kind, form, months, exportable: key.exportable.unwrap_or(self.exportable), ..self };
        policy.check().map(|()| policy)
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        // Subjects of certificates that were brought along are as they are.
        if self.issuer == "Self" {
            distinguished_name(&self.subject)?;
        }
        for name in &self.dns_names {
            rcgen::string::Ia5String::try_from(name.as_str()).map_err(|_| format!("`{name}` is no DNS name"))?;
        }
        if (1..=MAX_MONTHS).contains(&self.months) {
            Ok(())
        } else {
            Err(format!("a certificate cannot live for {} months: write 1 to {MAX_MONTHS}", self.months))
        }
    }

    /// How to make the next version. Valid from ten minutes ago, as vaults have it, for receivers whose clock is late.
    pub(crate) fn recipe(&self, now: UnixTime) -> (Recipe, UnixTime, UnixTime) {
        let from = UnixTime(now.0.saturating_sub(BACKDATED));
        let until = after_months(from, self.months);
        let certificate =
            CertificateRecipe { subject: self.subject.clone(), dns_names: self.dns_names.clone(), from, until };
        (Recipe { kind: self.kind, certificate: Some(certificate) }, from, until)
    }

    /// As replies have it.
    pub(crate) fn json(&self, id: &str, created: UnixTime) -> Value {
        let mut key = json!({ "exportable": self.exportable, "kty": self.kind.name(), "reuse_key": false });
        let mut x509 = json!({
            "subject": self.subject, "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"], "validity_months": self.months,
            "basic_constraints": { "ca": false },
        });
        if let Some(bits) = self.kind.bits() {
            key["key_size"] = json!(bits);
        }
        if let Some(curve) = self.kind.curve() {
            key["crv"] = json!(curve);
        }
        if !self.dns_names.is_empty() {
            x509["sans"] = json!({ "dns_names": self.dns_names });
        }
        json!({
            "id": id, "key_props": key, "secret_props": { "contentType": self.form.content_type() }, "x509_props": x509,
            "lifetime_actions": [{ "trigger": { "lifetime_percentage": 80 }, "action": { "action_type": "AutoRenew" } }],
            "issuer": { "name": self.issuer },
            "attributes": { "enabled": true, "created": created.0, "updated": created.0 },
        })
    }
}

/// The same day so many months later.
fn after_months(time: UnixTime, months: u32) -> UnixTime {
    let seconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    let start = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let end = start.checked_add(jiff::Span::new().months(i64::from(months.min(MAX_MONTHS))));
    end.ok().and_then(|end| u64::try_from(end.timestamp().as_second()).ok()).map_or(time, UnixTime)
}

const DEFAULT_MONTHS: u32 = 12;
const MAX_MONTHS: u32 = 120;
const BACKDATED: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: Value) -> Result<Policy, String> {
        Policy::from_body(&serde_json::from_value(body).unwrap())
    }

    #[test]
    fn a_policy_is_read_with_the_defaults_of_a_vault() {
        let policy = parse(json!({ "x509_props": { "subject": "CN=a" }, "issuer": { "name": "Self" } })).unwrap();
        assert_eq!(policy, Policy::of_subject("CN=a".to_owned()));
        let policy = parse(json!({
            "key_props": { "exportable": false, "kty": "EC", "crv": "P-384", "reuse_key": true },
            "secret_props": { "contentType": "application/x-pem-file" },
            "x509_props": { "sans": { "dns_names": ["a.example"] }, "validity_months": 3, "ekus": [] },
        }))
        .unwrap();
        assert_eq!((policy.subject.as_str(), policy.months, policy.form), ("CN=a.example", 3, Form::Pem));
        let shown = policy.json("id", UnixTime(1));
        assert_eq!(shown["key_props"], json!({ "exportable": false, "kty": "EC", "crv": "P-384", "reuse_key": false }));
        assert_eq!(shown["x509_props"]["sans"]["dns_names"][0], "a.example");
    }

    #[test]
    fn policies_that_cannot_be_followed_are_refused() {
        let cases = [
            (json!({}), "neither"),
            (json!({ "x509_props": { "subject": "a" } }), "no subject"),
            (json!({ "x509_props": { "subject": "CN=a", "validity_months": 0 } }), "0 months"),
            (json!({ "x509_props": { "subject": "CN=a", "sans": { "dns_names": ["ä"] } } }), "no DNS name"),
            (json!({ "x509_props": { "subject": "CN=a" }, "issuer": { "name": "DigiCert" } }), "`DigiCert`"),
            (json!({ "x509_props": { "subject": "CN=a" }, "key_props": { "kty": "oct" } }), "`oct`"),
        ];
        for (body, part) in cases {
            let fault = parse(body).unwrap_err();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn a_year_is_twelve_months_on_the_calendar() {
        assert_eq!(after_months(UnixTime(1_767_924_132), 12), UnixTime(1_767_924_132 + 365 * 86_400));
        let policy = Policy::of_subject("CN=a".to_owned());
        let (recipe, from, until) = policy.recipe(UnixTime(1_767_924_132));
        assert_eq!((from, until), (UnixTime(1_767_923_532), UnixTime(1_767_923_532 + 365 * 86_400)));
        assert_eq!(recipe.certificate.unwrap().from, from);
    }
}
