//! Configuration that cannot be right: everything that is wrong is listed at once, and no port is bound.

use std::fs;

use tempfile::TempDir;

use crate::process::{Process, Settings};

/// Starts `serve` with these files and settings, which it must refuse; gives what it printed.
fn refused(files: &[(&str, &str)], settings: Settings<'_>) -> String {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let (code, output) = Process::start(&["serve"], settings, folder).end();
    assert_eq!(code, Some(64), "{output}");
    assert!(!output.contains("Now listening"), "{output}");
    output
}

/// Each text must be there.
#[track_caller]
fn says(output: &str, texts: &[&str]) {
    for text in texts {
        assert!(output.contains(text), "`{text}` is missing in:\n{output}");
    }
}

const APP: [(&str, &str); 2] = [
    ("AzureAd__TenantId", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
    ("AzureAd__ClientId", "00001111-aaaa-2222-bbbb-3333cccc4444"),
];

fn app_and<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    APP.iter().chain(more).copied().collect()
}

#[test]
fn a_file_that_is_no_json_is_named_with_the_place() {
    let output = refused(&[("appsettings.json", "{\n  \"AzureAd\": {\n    oops\n  }\n}\n")], &APP);
    says(&output, &["appsettings.json", "3"]);
}

#[test]
fn a_file_that_holds_no_object_is_named() {
    for content in ["[]", "17", "\"text\"", "", "null"] {
        says(&refused(&[("appsettings.json", content)], &APP), &["appsettings.json"]);
    }
}

#[test]
fn a_file_of_garbage_is_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("appsettings.json"), [0xff, 0xfe, 0x00, 0x7b, 0xc3, 0x28]).unwrap();
    let (code, output) = Process::start(&["serve"], &APP, folder).end();
    assert_eq!(code, Some(64), "{output}");
    says(&output, &["appsettings.json"]);
}

#[test]
fn a_file_that_is_nested_without_end_is_refused() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    says(&refused(&[("appsettings.json", &deep)], &APP), &["appsettings.json"]);
}

#[test]
fn every_wrong_type_is_listed_with_its_key_and_source() {
    let file = r#"{"Sidecar": {"AllowOutboundRedirects": "perhaps", "Limits": {"MaxConnections": "many"}}}"#;
    let settings = app_and(&[
        ("Sidecar__AllowOverrides__CallDownstreamApi", "1"),
        ("Sidecar__Limits__DownstreamTimeout", "5m"),
        ("DownstreamApis__orders__RequestAppToken", "yes"),
    ]);
    let output = refused(&[("appsettings.json", file)], &settings);
    says(
        &output,
        &[
            "Sidecar:AllowOutboundRedirects",
            "perhaps",
            "Sidecar:Limits:MaxConnections",
            "many",
            "appsettings.json",
            "Sidecar:AllowOverrides:CallDownstreamApi",
            "Sidecar:Limits:DownstreamTimeout",
            "5m",
            "DownstreamApis:orders:RequestAppToken",
            "yes",
        ],
    );
}

#[test]
fn missing_keys_are_named() {
    says(&refused(&[], &[]), &["AzureAd:TenantId", "AzureAd:ClientId"]);
}

#[test]
fn a_client_id_that_is_none_is_refused() {
    let output = refused(&[], &[APP[0], ("AzureAd__ClientId", "not a guid")]);
    says(&output, &["AzureAd:ClientId", "not a guid"]);
}

#[test]
fn plain_http_to_another_host_is_refused() {
    let settings = app_and(&[("AzureAd__Instance", "http://login.example/")]);
    says(&refused(&[], &settings), &["AzureAd:Instance", "https"]);
    let settings = app_and(&[("DownstreamApis__orders__BaseUrl", "http://orders.example/")]);
    says(&refused(&[], &settings), &["DownstreamApis:orders:BaseUrl", "https"]);
}

#[test]
fn an_unknown_credential_source_is_refused() {
    let settings = app_and(&[("AzureAd__ClientCredentials__0__SourceType", "ClientSecrets")]);
    says(&refused(&[], &settings), &["AzureAd:ClientCredentials:0:SourceType", "ClientSecrets", "ClientSecret"]);
}

#[test]
fn a_secret_in_a_faulty_configuration_is_not_printed() {
    let settings = app_and(&[
        ("AzureAd__ClientCredentials__0__SourceType", "ClientSecret"),
        ("AzureAd__ClientCredentials__0__ClientSecret", "hush~hush.hush"),
        ("Sidecar__AllowOutboundRedirects", "perhaps"),
    ]);
    let output = refused(&[], &settings);
    assert!(!output.contains("hush~hush"), "{output}");
}

#[test]
fn an_address_that_cannot_be_is_refused() {
    for url in ["http://localhost:99999", "ftp://localhost:5000", "http://localhost:5000/path", "nonsense"] {
        let settings = app_and(&[("ASPNETCORE_URLS", url)]);
        says(&refused(&[], &settings), &[url]);
    }
}

#[test]
fn a_directory_that_is_no_yaml_ends_the_emulator_with_the_place() {
    let folder = TempDir::new().unwrap();
    let cases = [
        ("tenants: [", "line"),
        ("tenants: 17", "tenants"),
        ("apps: []\n", "tenants"),
        ("tenants: []\nusrs: []\n", "usrs"),
    ];
    for (content, wanted) in cases {
        let file = folder.path().join("directory.yaml");
        fs::write(&file, content).unwrap();
        let arguments =
            ["emulator", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--directory", file.to_str().unwrap()];
        let (code, output) = Process::start(&arguments, &[], TempDir::new().unwrap()).end();
        assert!(code.is_some_and(|code| code != 0 && code != 101), "{code:?} {output}");
        says(&output, &[wanted]);
    }
}
