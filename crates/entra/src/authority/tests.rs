//! Every form of authority, and what is none.

use super::*;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

#[test]
fn an_instance_and_a_tenant_give_every_endpoint() {
    for instance in [
        "https://LOGIN.microsoftonline.us",
        "https://login.microsoftonline.us/",
        " https://login.microsoftonline.us:443/tfp/",
    ] {
        let authority = Authority::of_instance(instance, tenant()).unwrap();
        assert_eq!(authority.origin(), "https://login.microsoftonline.us", "{instance}");
        assert_eq!(
            authority.token_endpoint(authority.origin(), None).unwrap(),
            format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token")
        );
        assert_eq!(
            authority.metadata_url(),
            format!("https://login.microsoftonline.us/{TENANT}/v2.0/.well-known/openid-configuration")
        );
        assert_eq!(
            authority.metadata_url_v1().unwrap(),
            format!("https://login.microsoftonline.us/{TENANT}/.well-known/openid-configuration")
        );
    }
    let other = "contoso.com".parse().unwrap();
    let authority = Authority::of_instance("http://localhost:5080", tenant()).unwrap();
    assert_eq!(
        authority.token_endpoint(authority.origin(), Some(&other)).unwrap(),
        "http://localhost:5080/contoso.com/oauth2/v2.0/token"
    );
}

#[test]
fn the_kind_is_read_from_host_and_path() {
    let cases = [
        (
            format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
            format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        ),
        (
            "https://login.contoso.com/contoso.com/".to_owned(),
            "https://login.contoso.com/contoso.com/oauth2/v2.0/token".to_owned(),
        ),
        (
            "https://contoso.ciamlogin.com".to_owned(),
            "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token".to_owned(),
        ),
        (
            format!("https://contoso.ciamlogin.com/{TENANT}/v2.0"),
            format!("https://contoso.ciamlogin.com/{TENANT}/oauth2/v2.0/token"),
        ),
        (
            "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/v2.0".to_owned(),
            "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token".to_owned(),
        ),
        (
            "https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_susi".to_owned(),
            "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/B2C_1_susi/oauth2/v2.0/token".to_owned(),
        ),
        ("https://fs.contoso.com/adfs/".to_owned(), "https://fs.contoso.com/adfs/oauth2/token".to_owned()),
    ];
    for (url, endpoint) in cases {
        let (authority, query) = Authority::of_url(&url).unwrap();
        assert_eq!(authority.token_endpoint(authority.origin(), None), Some(endpoint), "{url}");
        assert!(query.is_empty());
    }
    for (url, metadata) in [
        ("https://idp.example.com/realms/a/", "https://idp.example.com/realms/a/.well-known/openid-configuration"),
        ("https://idp.example.com", "https://idp.example.com/.well-known/openid-configuration"),
    ] {
        let (authority, _) = Authority::of_url(url).unwrap();
        assert_eq!(authority.token_endpoint(authority.origin(), None), None, "{url}");
        assert_eq!(authority.metadata_url(), metadata);
        assert!(!authority.takes_ps256());
    }
}

#[test]
fn a_query_becomes_parameters() {
    let (_, query) = Authority::of_url("https://login.microsoftonline.com/common?dc=ESTS%20X&slice=1").unwrap();
    assert_eq!(query, [("dc".to_owned(), "ESTS X".to_owned()), ("slice".to_owned(), "1".to_owned())]);
}

#[test]
fn what_is_no_authority_is_refused_with_a_hint() {
    for bad in [
        "login.microsoftonline.com",
        "http://login.microsoftonline.com/",
        "http://localhost.example.com/",
        "ftp://localhost/",
        "https://user:secret@login.microsoftonline.com/",
        "https://login.microsoftonline.com/common/v2.0",
        "https://login.microsoftonline.com/?a=b",
        "",
    ] {
        let error = Authority::of_instance(bad, tenant()).unwrap_err();
        assert!(!error.hint.is_empty(), "{bad}");
        assert!(!error.problem.contains("secret"), "{error}");
    }
    for bad in [
        "https://login.microsoftonline.com/",
        "https://login.microsoftonline.com/not a tenant/",
        "https://host/dstsv2/common",
        "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com",
    ] {
        assert!(Authority::of_url(bad).is_err(), "{bad}");
    }
    assert!(Authority::b2c("https://c.b2clogin.com", tenant(), "../x").is_err());
}
