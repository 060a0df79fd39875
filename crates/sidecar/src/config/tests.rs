use std::time::Duration;

use sidekey_config::{Configuration, Warning};
use sidekey_entra::{CompositeAssertion, Flow, ManagedIdentityId};
use sidekey_host::listen::{Address, Protocols};
use sidekey_oauth::Secret;

use super::*;
use crate::{door::Hosts, options::CallOptions};

type Pairs<'p> = &'p [(&'p str, &'p str)];

fn bind(pairs: Pairs<'_>) -> Result<(Config, Vec<Warning>), String> {
    let configuration = Configuration::from_pairs(pairs.iter().copied());
    configuration.bind(|root| Config::read(root, "Production")).map_err(|faults| faults.to_string())
}

fn read(pairs: Pairs<'_>) -> Config {
    bind(pairs).unwrap().0
}

/// The one fault's text.
fn fault(pairs: Pairs<'_>) -> String {
    bind(pairs).map(|(config, _)| format!("{config:?}")).unwrap_err()
}

fn warnings(pairs: Pairs<'_>) -> Vec<String> {
    bind(pairs).unwrap().1.into_iter().map(|warning| format!("{}: {}", warning.key, warning.message)).collect()
}

fn addresses(pairs: Pairs<'_>) -> Vec<Address> {
    read(pairs).endpoints().iter().map(|endpoint| endpoint.address.clone()).collect()
}

#[test]
fn without_any_key_the_defaults_hold() {
    let config = read(&[]);
    assert_eq!(config.mode, Compatibility::Strict);
    assert!(!config.development && !config.follow_redirects && config.upstream_scope.is_none());
    let open = [Gate::Header, Gate::HeaderUnauthenticated, Gate::Call, Gate::CallUnauthenticated]
        .map(|gate| config.gates.is_open(gate));
    assert_eq!(open, [true, false, true, false]);
    assert_eq!(addresses(&[]), [Address::Localhost(5000)]);
    let bounds = config.bounds;
    assert_eq!((bounds.request_body, bounds.downstream_response, bounds.buffered), (30_000_000, 32 << 20, 64 << 20));
    assert_eq!(bounds.downstream_timeout, Duration::from_secs(100));
    assert_eq!((config.limits().max_connections, config.limits().max_header_bytes), (1024, 65_536));
}

#[test]
fn a_profile_is_read_whole() {
    let config = read(&[
        ("DownstreamApis:Graph:BaseUrl", "https://graph.microsoft.com/v1.0/"),
        ("DownstreamApis:Graph:RelativePath", "users?$top=5"),
        ("DownstreamApis:Graph:Scopes", "https://graph.microsoft.com/.default User.Read"),
        ("DownstreamApis:Graph:HttpMethod", "patch"),
        ("DownstreamApis:Graph:AcceptHeader", ""),
        ("DownstreamApis:Graph:ContentType", "text/plain"),
        ("DownstreamApis:Graph:RequestAppToken", "True"),
        ("DownstreamApis:Graph:ProtocolScheme", "bearer"),
        ("DownstreamApis:Graph:ExtraHeaderParameters:OData-Version", "4.0"),
        ("DownstreamApis:Graph:ExtraHeaderParameters:Host", "evil"),
        ("DownstreamApis:Graph:ExtraQueryParameters:a b", "c"),
        ("DownstreamApis:Graph:AcquireTokenOptions:Tenant", "Contoso.com"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ForceRefresh", "true"),
        ("DownstreamApis:Graph:AcquireTokenOptions:Claims", "{\"access_token\":{}}"),
        ("DownstreamApis:Graph:AcquireTokenOptions:CorrelationId", "{AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB}"),
        ("DownstreamApis:Graph:AcquireTokenOptions:FmiPath", "f"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ExtraQueryParameters:dc", "x"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ExtraParameters:IDWEB_CLIENT_ASSERTION", "y"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ExtraHeadersParameters:X-Slice", "z"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ExtraHeadersParameters:Authorization", "z"),
        ("DownstreamApis:Graph:AcquireTokenOptions:ExtraHeadersParameters:Client-Request-Id", "z"),
        ("DownstreamApis:Graph:AcquireTokenOptions:AuthenticationOptionsName", "Bearer"),
        ("DownstreamApis:Other:Scopes:0", "User.Read"),
        ("DownstreamApis:Other:Scopes:1", "Mail.Read"),
        ("DownstreamApis:Other:AcquireTokenOptions:ManagedIdentity:UserAssignedClientId", ""),
    ]);
    let api = config.apis.get("Graph").unwrap();
    assert_eq!(api.url.as_ref().unwrap().as_str(), "https://graph.microsoft.com/v1.0/users?$top=5&a%20b=c");
    assert_eq!((api.call.method.as_ref().unwrap().as_str(), &api.call.accept), ("PATCH", &None));
    assert_eq!(api.call.headers.len(), 1, "the reserved header is left out");
    let request = api.app_request.as_ref().unwrap();
    assert_eq!(request.scopes.to_string(), "https://graph.microsoft.com/.default User.Read");
    assert_eq!(request.tenant.as_ref().unwrap().to_string(), "contoso.com");
    assert_eq!(request.correlation_id.unwrap().to_string(), "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb");
    assert_eq!((request.force_refresh, request.fmi_path.as_deref()), (true, Some("f")));
    assert_eq!(request.extra_parameters, [("dc".to_owned(), "x".to_owned())]);
    let headers: Vec<_> =
        request.extra_headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-slice", "z")], "reserved ones are left out");
    let other = config.apis.get("Other").unwrap();
    assert_eq!(other.token.scopes.to_string(), "User.Read Mail.Read");
    assert_eq!(other.token.managed_identity, Some(ManagedIdentityId::System));
    for (name, expected) in [
        ("UserAssignedObjectId", ManagedIdentityId::ObjectId("/x".into())),
        ("UserAssignedResourceId", ManagedIdentityId::ResourceId("/x".into())),
    ] {
        let key = format!("DownstreamApis:A:AcquireTokenOptions:ManagedIdentity:{name}");
        let config = read(&[(key.as_str(), "/x")]);
        assert_eq!(config.apis.get("A").unwrap().token.managed_identity, Some(expected));
    }
    assert_eq!(other.call, CallOptions::default());
}

#[test]
fn parameters_of_the_token_request_go_where_they_belong() {
    let config = read(&[
        ("DownstreamApis:A:AcquireTokenOptions:ExtraQueryParameters:assertion", "one"),
        ("DownstreamApis:A:AcquireTokenOptions:ExtraQueryParameters:sub_assertion", "two"),
        ("DownstreamApis:A:AcquireTokenOptions:ExtraQueryParameters:dc", "x"),
        ("DownstreamApis:A:AcquireTokenOptions:ExtraParameters:fmiPathForClientAssertion", "team"),
        ("DownstreamApis:B:AcquireTokenOptions:ExtraQueryParameters:assertion", "alone"),
    ]);
    let token = &config.apis.get("A").unwrap().token;
    let expected = CompositeAssertion::new(Secret::new("one"), Secret::new("two"));
    assert_eq!(token.composite.as_deref(), Some(&expected));
    assert_eq!(token.extra_parameters, [("dc".to_owned(), "x".to_owned())]);
    assert_eq!(token.credential_fmi_path.as_deref(), Some("team"));
    let sent = token.request(Flow::App);
    assert_eq!((sent.composite.as_deref(), sent.credential_fmi_path.as_deref()), (Some(&expected), Some("team")));
    let debug = format!("{token:?} {sent:?}");
    assert!(!debug.contains("one\"") && !debug.contains("two\""), "{debug}");
    let token = &config.apis.get("B").unwrap().token;
    assert_eq!(token.composite, None);
    assert_eq!(token.extra_parameters, [("assertion".to_owned(), "alone".to_owned())]);
}

#[test]
fn names_match_exactly_first_and_then_without_case() {
    let config = read(&[("DownstreamApis:Graph:Scopes", "a"), ("DownstreamApis:Äpi:Scopes", "b")]);
    for name in ["Graph", "graph", "GRAPH"] {
        assert_eq!(config.apis.get(name).map(|api| &*api.name), Some("Graph"), "{name}");
    }
    assert_eq!(config.apis.get("äPI").map(|api| &*api.name), Some("Äpi"));
    assert!(config.apis.get("Graph2").is_none());
}

#[test]
fn every_fault_of_a_profile_says_what_to_write() {
    insta::assert_snapshot!(fault(&[
        ("DownstreamApis:A:BaseUrl", "http://orders.contoso.com"),
        ("DownstreamApis:B:BaseUrl", "https://b.example/v1"),
        ("DownstreamApis:B:RelativePath", "../admin"),
        ("DownstreamApis:C:Scopes:0", "a\"b"),
        ("DownstreamApis:C:RequestAppToken", "yes"),
        ("DownstreamApis:C:HttpMethod", "TRACE"),
        ("DownstreamApis:C:AcceptHeader", "a\nb"),
        ("DownstreamApis:C:ExtraHeaderParameters:X", "a\r\nb"),
        ("DownstreamApis:C:AcquireTokenOptions:ExtraHeadersParameters:X", "a\r\nb"),
        ("DownstreamApis:C:AcquireTokenOptions:LongRunningWebApiSessionKey", "AllocateForMe"),
        ("DownstreamApis:D:ProtocolScheme", "MTLS_POP"),
        ("DownstreamApis:D:AcquireTokenOptions:Tenant", "a/b"),
        ("DownstreamApis:D:AcquireTokenOptions:Claims", "[]"),
        ("DownstreamApis:D:AcquireTokenOptions:CorrelationId", "7"),
        ("DownstreamApis:D:AcquireTokenOptions:AuthenticationOptionsName", "Other"),
        ("DownstreamApis:D:AcquireTokenOptions:PopPrivateKeyPath", "/none.pem"),
        ("DownstreamApis:D:AcquireTokenOptions:PopPublicKey", "s3cret"),
        ("DownstreamApis:E:AcquireTokenOptions:PopClaim", "{}"),
    ]));
}

#[test]
fn keys_of_later_versions_are_never_ignored_where_that_would_be_unsafe() {
    insta::assert_snapshot!(fault(&[
        ("Sidecar:Management:Url", "http://*:9090"),
        ("Sidecar:ManagedIdentityEndpoint:Enabled", "true"),
    ]));
    let harmless = warnings(&[
        ("Sidecar:WarmUp:0", "Graph"),
        ("Sidecar:PopValidation:ValidateM", "true"),
        ("Sidecar:ForwardAuth:Enabled", "false"),
        ("Sidecar:RateLimit:RequestsPerSecond", "0"),
        ("Sidecar:Management:Url", ""),
        ("Sidecar:AcquireTimeout", "00:00:10"),
    ]);
    assert_eq!(harmless.len(), 1, "{harmless:?}");
}

#[test]
fn misspelt_keys_are_warned_about() {
    let found = warnings(&[("Sidecar:AllowedCaller:0", "10.0.0.0/8"), ("DownstreamApis:A:Scope", "x")]);
    assert!(found.len() == 2 && found.iter().any(|text| text.contains("AllowedCallers")), "{found:?}");
}

#[test]
fn upstream_says_what_it_weakens() {
    let found = warnings(&[("Sidecar:Compatibility", "upstream"), ("AzureAd:Scopes", "a b")]);
    assert_eq!(found.len(), WEAKER.len(), "{found:?}");
    let config = read(&[("Sidecar:Compatibility", "Upstream"), ("AzureAd:Scopes", "a b")]);
    assert_eq!((config.mode, config.upstream_scope.as_deref()), (Compatibility::Upstream, Some("a b")));
    assert_eq!((config.door.hosts, config.door.origins), (Hosts::Any, None));
}

#[test]
fn only_development_in_upstream_lets_everyone_in() {
    let anyone = |environment: &str, mode: &str| {
        let configuration = Configuration::from_pairs([("Sidecar:Compatibility", mode)]);
        configuration.bind(|root| Config::read(root, environment)).unwrap().0.door.anyone
    };
    assert!(anyone("development", "Upstream"));
    assert!(!anyone("Development", "Strict") && !anyone("Production", "Upstream"));
}

#[test]
fn the_doors_keys_are_read() {
    let config = read(&[
        ("Sidecar:AllowedCallers:0", "10.244.3.4/16"),
        ("Sidecar:AllowedCallers:1", "192.168.0.7"),
        ("Sidecar:AllowedUids:0", "1000"),
        ("Sidecar:AllowedOrigins:0", "https://portal.contoso.com"),
        ("AllowedHosts", "*.contoso.com"),
    ]);
    let nets: Vec<_> = config.door.callers.iter().map(ToString::to_string).collect();
    assert_eq!((nets, config.door.uids), (vec!["10.244.0.0/16".to_owned(), "192.168.0.7/32".to_owned()], vec![1000]));
    assert_eq!(config.door.hosts, Hosts::parse("*.contoso.com").unwrap());
    insta::assert_snapshot!(fault(&[
        ("Sidecar:AllowedCallers:0", "10.0.0.0/33"),
        ("Sidecar:AllowedUids:0", "root"),
        ("Sidecar:AllowedOrigins:0", "portal.contoso.com"),
        ("Sidecar:Compatibility", "Loose"),
        ("AllowedHosts", "a b"),
        ("Sidecar:CallerKeyPath", "/none/key"),
        ("Sidecar:RateLimit:RequestsPerSecond", "many"),
        ("Sidecar:Limits:MaxConnections", "0"),
    ]));
    assert_eq!(warnings(&[("Sidecar:AllowedCallers", "0.0.0.0/0")]).len(), 1);
    assert_eq!(warnings(&[("Sidecar:RateLimit:Burst", "9")]).len(), 1);
    assert!(read(&[]).door.rate.is_none() && read(&[]).door.key.is_none());
    assert!(read(&[("Sidecar:RateLimit:RequestsPerSecond", "5")]).door.rate.is_some());
}

#[test]
fn the_listener_keys_win_in_kestrels_order() {
    let all: Pairs<'_> = &[
        ("Kestrel:Endpoints:Http:Url", "http://127.0.0.1:5001"),
        ("Kestrel:Endpoints:H2:Url", "http://sidecar:5002"),
        ("Kestrel:Endpoints:H2:Protocols", "http2"),
        ("URLS", "http://*:5003;http://unix:/run/sidekey.sock"),
        ("HTTP_PORTS", "8080;8081"),
    ];
    let config = read(all);
    assert_eq!(addresses(all), [Address::Any(5002), Address::Ip("127.0.0.1:5001".parse().unwrap())]);
    assert_eq!(config.endpoints().first().map(|endpoint| endpoint.protocols), Some(Protocols::Http2));
    assert_eq!(config.door.hosts, Hosts::local(["sidecar", "127.0.0.1"]));
    assert_eq!(warnings(all).len(), 2, "the losers");
    assert_eq!(addresses(&all[3..]), [Address::Any(5003), Address::Unix("/run/sidekey.sock".into())]);
    assert_eq!(addresses(&all[4..]), [Address::Any(8080), Address::Any(8081)]);
    let preferred = [all, &[("PREFERHOSTINGURLS", "true")]].concat();
    assert_eq!(addresses(&preferred).first(), Some(&Address::Any(5003)));
}

#[test]
fn listeners_with_faults_say_what_to_write() {
    insta::assert_snapshot!(fault(&[
        ("Kestrel:Endpoints:A:Protocols", "Http9"),
        ("Kestrel:Endpoints:B:Url", "localhost:5000"),
        ("Kestrel:Endpoints:C:Url", "https://localhost:5443"),
        ("Kestrel:Endpoints:D:Url", "https://localhost:5444"),
        ("Kestrel:Endpoints:D:Certificate:Path", "/none/tls.pem"),
        ("Kestrel:Endpoints:D:Certificate:Password", "x"),
        ("Kestrel:Endpoints:D:ClientCertificateMode", "RequireCertificate"),
        ("Kestrel:Endpoints:D:SslProtocols:0", "Tls13"),
    ]));
    insta::assert_snapshot!(fault(&[("HTTP_PORTS", "80;x")]));
}

#[test]
fn https_endpoints_take_their_own_certificate_or_the_default_one() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (chain, key) = (file("tls.crt", signed.cert.pem()), file("tls.key", signed.signing_key.serialize_pem()));
    let both = file("tls.pem", signed.cert.pem() + &signed.signing_key.serialize_pem());
    let pairs = [
        ("Kestrel:Endpoints:A:Url", "https://localhost:5443"),
        ("Kestrel:Endpoints:A:Certificate:Path", chain.as_str()),
        ("Kestrel:Endpoints:A:Certificate:KeyPath", key.as_str()),
        ("Kestrel:Endpoints:B:Url", "https://localhost:5444"),
        ("Kestrel:Endpoints:C:Url", "http://localhost:5445"),
        ("Kestrel:Certificates:Default:Path", both.as_str()),
    ];
    let tls: Vec<_> = read(&pairs).endpoints().iter().map(|endpoint| endpoint.tls.is_some()).collect();
    assert_eq!(tls, [true, true, false]);
    let ports = [("HTTPS_PORTS", "8443"), ("Kestrel:Certificates:Default:Path", both.as_str())];
    assert!(read(&ports).endpoints().iter().all(|endpoint| endpoint.tls.is_some()));
}

#[test]
fn forward_auth_has_a_path_and_headers_of_its_own() {
    assert_eq!(read(&[("Sidecar:ForwardAuth:ClaimHeaders:0", "oid")]).forward_auth, None, "off unless switched on");
    let enabled = ("Sidecar:ForwardAuth:Enabled", "true");
    let headers = |pairs: Pairs<'_>| {
        let found = read(&[&[enabled], pairs].concat()).forward_auth.unwrap().headers;
        found.iter().map(|(header, claim)| format!("{header}={claim}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(headers(&[]), "");
    assert_eq!(headers(&[("Sidecar:ForwardAuth:ClaimHeaders", "oid X-User=name")]), "x-claim-oid=oid x-user=name");
    let list = [("Sidecar:ForwardAuth:ClaimHeaders:0", "oid"), ("Sidecar:ForwardAuth:ClaimHeaders:1", "X-User = name")];
    assert_eq!(headers(&list), "x-claim-oid=oid x-user=name");
    let scope = "http://schemas.microsoft.com/identity/claims/scope";
    assert_eq!(headers(&[("Sidecar:ForwardAuth:ClaimHeaders:X-Scope", scope)]), format!("x-scope={scope}"));
    let has =
        |path: &str, asked: &str| read(&[enabled, ("Sidecar:ForwardAuth:Path", path)]).forward_auth.unwrap().has(asked);
    for asked in ["/auth/check", "/Auth/Check/", "/auth/check/orders/1", "/auth/check/../Validate"] {
        assert!(has("/auth/check", asked) && has("/auth/check/", asked), "{asked}");
    }
    for asked in ["/auth", "/auth/", "/auth/checks", "/auth/%63heck", "/", "", "/x/auth/check", "//auth/check"] {
        assert!(!has("/auth/check", asked), "{asked}");
    }
    for bad in
        ["/", "auth", "", "/a?b", "/a b", "/%41", "/a//b", "/../a", "/Validate", "/HEALTHZ/", "/AuthorizationHeader/x"]
    {
        let pairs = [enabled, ("Sidecar:ForwardAuth:Path", bad)];
        assert_eq!(bind(&pairs).is_err(), !bad.is_empty(), "{bad}");
    }
    for bad in
        ["Authorization=oid", "X-Forwarded-User=oid", "Set-Cookie=oid", "Content-Type=oid", "a b=oid", "X-A=", scope]
    {
        let pairs = [enabled, ("Sidecar:ForwardAuth:ClaimHeaders:0", bad)];
        assert!(bind(&pairs).unwrap_err().contains("X-User-Id=oid"), "{bad}");
    }
}
