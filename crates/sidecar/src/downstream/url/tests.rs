use super::*;

fn base() -> Base {
    "https://api.contoso.example/v1/orders/".parse().unwrap()
}

fn join(relative: &str) -> Result<String, Escape> {
    base().join(relative, &[]).map(|url| url.as_str().to_owned())
}

#[test]
fn relative_paths_are_joined_as_text() {
    let table = [
        ("", "https://api.contoso.example/v1/orders/"),
        ("/", "https://api.contoso.example/v1/orders/"),
        ("7", "https://api.contoso.example/v1/orders/7"),
        ("/7/lines?$top=5&x=a b", "https://api.contoso.example/v1/orders/7/lines?$top=5&x=a%20b"),
        ("a b/ü", "https://api.contoso.example/v1/orders/a%20b/%C3%BC"),
        ("C#", "https://api.contoso.example/v1/orders/C%23"),
        ("100%", "https://api.contoso.example/v1/orders/100%25"),
        ("50%zz/%41", "https://api.contoso.example/v1/orders/50%25zz/%41"),
        ("group%2Fproject", "https://api.contoso.example/v1/orders/group%2Fproject"),
        ("root:/reports/a.pdf:/content", "https://api.contoso.example/v1/orders/root:/reports/a.pdf:/content"),
        ("items:batch", "https://api.contoso.example/v1/orders/items:batch"),
        ("users/alice@contoso.com", "https://api.contoso.example/v1/orders/users/alice@contoso.com"),
        ("@scope/package", "https://api.contoso.example/v1/orders/@scope/package"),
        ("sites('a.b..c')", "https://api.contoso.example/v1/orders/sites('a.b..c')"),
        (".well-known/...", "https://api.contoso.example/v1/orders/.well-known/..."),
        ("a//b", "https://api.contoso.example/v1/orders/a//b"),
        (
            "a?next=https://other.example/../x",
            "https://api.contoso.example/v1/orders/a?next=https://other.example/../x",
        ),
        ("a?b#c", "https://api.contoso.example/v1/orders/a?b%23c"),
        (
            "getByUrl(url='https%3A%2F%2Fx.example')",
            "https://api.contoso.example/v1/orders/getByUrl(url='https%3A%2F%2Fx.example')",
        ),
    ];
    for (relative, expected) in table {
        assert_eq!(join(relative).as_deref(), Ok(expected), "{relative}");
    }
}

#[test]
fn extra_parameters_follow_the_paths_own_query() {
    let extra = [("a b".to_owned(), "c&d=é".to_owned()), ("$top".to_owned(), "1\r\n".to_owned())];
    let url = |relative: &str| base().join(relative, &extra).unwrap().query().unwrap().to_owned();
    assert_eq!(url("x"), "a%20b=c%26d%3D%C3%A9&%24top=1%0D%0A");
    assert_eq!(url("x?y=1"), "y=1&a%20b=c%26d%3D%C3%A9&%24top=1%0D%0A");
}

#[test]
fn base_urls_are_https_or_loopback() {
    for good in
        ["https://x.example", "HTTPS://x.example/a/", "http://localhost:5090", "http://127.9.9.9/a", "http://[::1]:1/"]
    {
        assert!(good.parse::<Base>().is_ok(), "{good}");
    }
    let table = [
        ("http://x.example", BaseError::PlainHttp),
        ("http://localhost.example", BaseError::PlainHttp),
        ("ftp://x.example", BaseError::Scheme("ftp".into())),
        ("https://u:p@x.example", BaseError::User),
        ("https://x.example/?a=b", BaseError::Query),
    ];
    for (text, expected) in table {
        assert_eq!(text.parse::<Base>(), Err(expected), "{text}");
    }
    assert!(matches!("x.example/v1".parse::<Base>(), Err(BaseError::NotAUrl(_))));
}

/// Each is refused. `{d}` stands for a dot in every encoding and `{s}` for a slash in every encoding.
const ESCAPES: &[&str] = &[
    "..",
    ".",
    "../",
    "./",
    "../x",
    "a/..",
    "a/../b",
    "a/../../b",
    "a/./b",
    "a/.",
    "/..",
    "/../x",
    "{d}{d}",
    "{d}",
    "a/{d}{d}",
    "{d}{d}{s}x",
    "a{s}{d}{d}{s}b",
    ".{d}/x",
    "{d}./x",
    "..{s}x",
    "a{s}..",
    "..;/x",
    "..;a=b/x",
    ".;/x",
    "a/..;",
    "{d}{d};/x",
    ".. /x",
    " ../x",
    "%20../x",
    "..%20/x",
    "..%3fx",
    "..%23x",
    "..%3b/x",
    "a/..?x=1",
    "..?x",
    "%c2%a0../x",
    "\u{3000}../x",
    "//evil.example",
    "//evil.example/..",
    "/\u{ff0f}evil.example",
    "%2f%2fevil.example",
    "/%2fevil.example",
    "%252f%252fevil.example",
    "https://evil.example",
    "HTTP://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https%3a//evil.example",
    "https%3A%2F%2Fevil.example",
    "https\u{ff1a}//evil.example",
    "ftp://evil.example",
    "file:///etc/passwd",
    "wss:evil.example",
    "gopher://evil.example",
    "x-y+z.1://evil.example",
    "/https://evil.example",
    " https://evil.example",
    "%20https://evil.example",
    "%68ttps://evil.example",
    "user:pw@evil.example",
    "user:pw@evil.example/x",
    ":@evil.example",
    "user%3apw%40evil.example",
    "\\\\evil.example",
    "\\evil.example",
    "a\\b",
    "..\\x",
    "a/..\\b",
    "%5c",
    "a%5cb",
    "..%5cx",
    "%255c",
    "a%255Cb",
    "%25255c",
    "\u{ff3c}x",
    "\u{2216}x",
    "%ef%bc%bc",
    "\u{ff0e}\u{ff0e}/x",
    "\u{2024}\u{2024}\u{ff0f}x",
    "%ef%bc%8e%ef%bc%8e/x",
    "\u{3002}\u{ff61}/x",
    "\0",
    "a\0b",
    "%00",
    "a%00b",
    "..%00/x",
    "%2500",
    "a\nb",
    "a\r\nHost: evil",
    "a\tb",
    "%0d%0aHost:%20evil",
    "%0a",
    "%09",
    "%7f",
    "%250d%250a",
    "%c2%85",
    "a?b\nc",
    "a?\0",
    "\u{85}",
    "%c0%ae%c0%ae/x",
    "%c0%af",
    "%e0%80%ae/x",
    "%f0%80%80%ae/x",
    "%ff",
    "%c1%9c",
    "%u002e%u002e/x",
    "%U002E",
    "a/%u2215",
    "%25u002e",
    "%%32%65%%32%65/x",
    "%2%65%2%65/x",
    "%%35%63",
    ".%%32%65/x",
    "%2525252525252541",
    ".\u{2024}/x",
    "\t../x",
    "..\u{a0}/x",
    "..\r/x",
    "a/%2e;x=y/b",
    "a%2f.%2fb",
];

/// What can stand for one ASCII character after up to three rounds of decoding.
fn encodings(character: char) -> Vec<String> {
    let code = character as u32;
    let (lower, upper) = (format!("{code:02x}"), format!("{code:02X}"));
    vec![
        character.to_string(),
        format!("%{lower}"),
        format!("%{upper}"),
        format!("%25{lower}"),
        format!("%2525{upper}"),
        format!("%%3{}{}", &lower[..1], &lower[1..]),
        format!("%25%3{}%{:02x}", &lower[..1], upper.as_bytes()[1]),
    ]
}

#[test]
fn no_known_way_out_of_the_base_url_works() {
    let mut count = 0;
    for template in ESCAPES {
        for dot in encodings('.') {
            for slash in encodings('/') {
                let relative = template.replace("{d}", &dot).replace("{s}", &slash);
                assert!(join(&relative).is_err(), "{relative:?} gave {:?}", join(&relative));
                count += 1;
                if !template.contains("{s}") {
                    break;
                }
            }
            if !template.contains("{d}") && !template.contains("{s}") {
                break;
            }
        }
    }
    assert!(ESCAPES.len() > 100 && count > 250, "{count}");
}

#[test]
fn urls_beyond_every_limit_are_refused() {
    assert_eq!(join(&"a".repeat(70_000)), Err(Escape::TooLong));
    assert_eq!(join(&"ä".repeat(15_000)), Err(Escape::TooLong));
}

/// Decodes until nothing changes, as a lenient chain of servers would, and looks for a way out.
fn leaves(url: &Url) -> bool {
    let mut path = url.path().to_owned();
    loop {
        if path.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
            return true;
        }
        let decoded = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_joined_stays_below_the_base(relative in "([./\\\\%;?#@: ]|%2e|%2F|%5c|%25|[a-z0-9]|.){0,24}") {
        if let Ok(url) = base().join(&relative, &[]) {
            proptest::prop_assert_eq!(url.host_str(), Some("api.contoso.example"));
            proptest::prop_assert_eq!((url.scheme(), url.port(), url.username(), url.password()), ("https", None, "", None));
            proptest::prop_assert!(url.path().starts_with("/v1/orders/"), "{url}");
            proptest::prop_assert!(!leaves(&url), "{url}");
        }
    }
}
