//! `RelativePath` and extra query parameters as ways out of the configured base URL, through the real route to a real
//! connection: it goes to the configured origin and below its path, or nowhere.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::setup::Setup;

/// A server that writes down the head of each request as it came, and says yes.
struct Recorder {
    authority: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let heads = Arc::<Mutex<Vec<_>>>::default();
        let copy = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(record(stream, Arc::clone(&copy)));
            }
        });
        Self { authority, heads }
    }

    /// What came since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap())
    }
}

async fn record(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
}

/// A sidecar with everything open that can be opened, its API, and a server that must never hear of anything.
struct Stage {
    setup: Setup,
    api: Recorder,
    stranger: Recorder,
}

impl Stage {
    async fn new() -> Self {
        let (api, stranger) = (Recorder::start().await, Recorder::start().await);
        let base = format!("http://{}/v1/orders/", api.authority);
        let settings = [
            ("DownstreamApis:Probe:BaseUrl", base.as_str()),
            ("DownstreamApis:Probe:Scopes", "api://orders/.default"),
            ("DownstreamApis:Probe:RequestAppToken", "true"),
            ("Sidecar:AllowOverrides:CallDownstreamApiUnauthenticated", "true"),
            ("Sidecar:AllowOutboundRedirects", "true"),
        ];
        Self { setup: Setup::new(&settings).await, api, stranger }
    }

    /// Makes a call with parameters; gives the status and the target of the request that the API got, if it got one.
    async fn call(&self, parameters: &[(&str, &[u8])]) -> (u16, Option<String>) {
        let mut query = String::new();
        for (name, value) in parameters {
            let name = percent_encode(name.as_bytes(), NON_ALPHANUMERIC);
            write!(query, "&{name}={}", percent_encode(value, NON_ALPHANUMERIC)).unwrap();
        }
        let reply = self.setup.get(&format!("/DownstreamApiUnauthenticated/Probe?{query}")).await;
        let heads = self.api.take();
        assert_eq!(self.stranger.take(), [""; 0], "{query}: the stranger heard of it");
        assert!(heads.len() <= 1, "{query}: {heads:?}");
        let target = heads.first().map(|head| self.target(head));
        (reply.status, target)
    }

    /// The target of a request to the API, which is sound and below the base.
    fn target(&self, head: &str) -> String {
        let lines: Vec<_> = head.trim_end().split("\r\n").collect();
        let target = lines[0].strip_prefix("GET ").and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap();
        assert!(target.starts_with("/v1/orders/") && target.bytes().all(|byte| byte.is_ascii_graphic()), "{head}");
        assert!(!leaves(target.split('?').next().unwrap_or_default()), "{target}");
        let named = |name: &str| lines.iter().filter(|line| line.to_ascii_lowercase().starts_with(name)).count();
        assert_eq!((named("host:"), named("authorization:"), named("x-evil:")), (1, 1, 0), "{head}");
        assert!(lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("host: {}", self.api.authority))), "{head}");
        target.to_owned()
    }
}

/// Whether some server behind, that decodes as often as it can, would see a way up.
fn leaves(path: &str) -> bool {
    let mut path = path.to_owned();
    loop {
        let is_up = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
        if path.contains('\\') || path.split('/').any(is_up) {
            return true;
        }
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        if decoded == path {
            return false;
        }
        path = decoded;
    }
}

/// Refused, each of them. `{d}` is a dot and `{s}` a slash in every spelling, `{o}` is the stranger's host and port.
const REFUSED: &[&str] = &[
    // Dot segments.
    "{d}{d}",
    "{d}{d}/",
    "{d}{d}{s}admin",
    "a{s}{d}{d}{s}{d}{d}{s}admin",
    "a/{d}{d}",
    "/{d}{d}/{d}{d}/admin",
    "./{d}{d}/admin",
    "a/./b",
    "{d}",
    "a/{d}",
    // Cut off by some servers: path parameters, queries, fragments, blanks, NUL.
    "..;/admin",
    "a/..;x=y/..;/admin",
    "{d}{d};/admin",
    "a;/../admin",
    "..%3b/admin",
    "..?x=1",
    "a/..%3fx",
    "a/..%23x",
    "..%00/admin",
    "..%20/admin",
    " ../admin",
    "%20../admin",
    "..\u{a0}/admin",
    // Backslashes.
    "..\\admin",
    "a\\..\\b",
    "\\\\{o}\\x",
    "\\/{o}/x",
    "/\\{o}/x",
    "..%5cadmin",
    "..%255cadmin",
    "%5c%5c{o}/x",
    // Unicode that becomes a dot, a slash or a backslash.
    "\u{ff0e}\u{ff0e}/admin",
    "\u{2024}\u{2024}/admin",
    "\u{fe52}\u{fe52}/admin",
    "\u{3002}\u{3002}/admin",
    "\u{ff61}./admin",
    "..\u{ff0f}admin",
    "..\u{2044}admin",
    "..\u{2215}admin",
    "..\u{ff3c}admin",
    "..\u{2216}admin",
    "\u{ff0f}\u{ff0f}{o}/x",
    "%ef%bc%8e%ef%bc%8e/admin",
    // Overlong and broken encodings.
    "%c0%ae%c0%ae/admin",
    "%c0%ae%c0%ae%c0%afadmin",
    "%e0%80%ae%e0%80%ae/admin",
    "%f0%80%80%ae/admin",
    "..%c0%afadmin",
    "..%c1%9cadmin",
    "..%e0%80%afadmin",
    "..%u2215admin",
    "%u002e%u002e/admin",
    "%ff/../admin",
    "%fe",
    // Another server: absolute, relative to the scheme, and half of it.
    "http://{o}/x",
    "HTTP://{o}/x",
    "http:{o}/x",
    "http:/{o}/x",
    "http:///{o}/x",
    "http:\\\\{o}\\x",
    "https://{o}/x",
    "http%3a//{o}/x",
    "http%3A%2F%2F{o}%2Fx",
    "http%253a%252f%252f{o}",
    "%68ttp://{o}/x",
    " http://{o}/x",
    "\thttp://{o}/x",
    "ht\ntp://{o}/x",
    "http\u{ff1a}//{o}/x",
    "/http://{o}/x",
    "//{o}/x",
    "///{o}/x",
    "////{o}/x",
    "%2f/{o}/x",
    "/%2f{o}/x",
    "%2f%2f{o}/x",
    "%252f%252f{o}/x",
    "/\t/{o}/x",
    "/\n/{o}/x",
    "ws://{o}/x",
    "ftp://{o}/x",
    "file:///etc/passwd",
    "gopher://{o}/x",
    "http://169.254.169.254/metadata/identity/oauth2/token",
    // No host at all.
    "//",
    "///",
    "http://",
    "http:",
    "//:80/x",
    "//?x",
    "//#x",
    // A user name, so that what stands before it is no host any more.
    "u:p@{o}/x",
    ":@{o}/x",
    "u%3ap@{o}/x",
    "//u@{o}/x",
    "http://127.0.0.1@{o}/x",
    "http:u@{o}/x",
    // A port behind the configured host.
    "//127.0.0.1:1/x",
    // Line breaks and control characters.
    "a\r\nHost: {o}",
    "a HTTP/1.1\r\nX-Evil: 1\r\n\r\n",
    "a%0d%0aX-Evil:%201",
    "a%250d%250aX-Evil:1",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\0b",
    "a%00b",
    "a%7fb",
    "a\u{85}b",
    "a\u{1b}[2Jb",
    "a?x\r\nX-Evil: 1",
    // Encoded more often than anyone decodes.
    "%25252525252525252e",
];

/// What one character may be written as, up to three levels of percent-encoding.
fn spellings(character: char) -> Vec<String> {
    let (lower, upper) = (format!("{:02x}", u32::from(character)), format!("{:02X}", u32::from(character)));
    let digits: Vec<_> = lower.bytes().map(|digit| format!("%{digit:02x}")).collect();
    vec![
        character.to_string(),
        format!("%{lower}"),
        format!("%{upper}"),
        format!("%25{lower}"),
        format!("%2525{upper}"),
        format!("%{}", digits.concat()),
    ]
}

fn refused_forms(stranger: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for template in REFUSED {
        let template = template.replace("{o}", stranger);
        let dots = if template.contains("{d}") { spellings('.') } else { vec![String::new()] };
        let slashes = if template.contains("{s}") { spellings('/') } else { vec![String::new()] };
        for dot in &dots {
            forms.extend(slashes.iter().map(|slash| template.replace("{d}", dot).replace("{s}", slash)));
        }
    }
    forms
}

#[tokio::test]
async fn a_path_out_of_the_base_url_is_400_and_makes_no_connection() {
    let stage = Stage::new().await;
    let forms = refused_forms(&stage.stranger.authority);
    assert!(REFUSED.len() >= 100 && forms.len() >= 200, "{} {}", REFUSED.len(), forms.len());
    for form in &forms {
        let found = stage.call(&[("optionsOverride.RelativePath", form.as_bytes())]).await;
        assert_eq!(found, (400, None), "{form:?}");
    }
    for bytes in [&b"\xc0\xae\xc0\xae/admin"[..], b"..\xc0\xafadmin", b"\xff../admin"] {
        let (status, target) = stage.call(&[("optionsOverride.RelativePath", bytes)]).await;
        assert!(
            status == 400 && target.is_none() || status == 200 && target.is_some(),
            "{bytes:?}: {status} {target:?}"
        );
    }
    assert!(stage.setup.authority.requests().len() <= 1, "a call that is not made gets no token");
}

#[tokio::test]
async fn what_only_looks_like_a_way_out_stays_below_the_base_url() {
    let stage = Stage::new().await;
    let stranger = &stage.stranger.authority;
    let table = [
        ("", "/v1/orders/"),
        ("/", "/v1/orders/"),
        ("...", "/v1/orders/..."),
        ("a..b/..c", "/v1/orders/a..b/..c"),
        ("#", "/v1/orders/%23"),
        ("a#/b", "/v1/orders/a%23/b"),
        ("a;x=1/b", "/v1/orders/a;x=1/b"),
        (";/a", "/v1/orders/;/a"),
        ("@{o}/x", "/v1/orders/@{o}/x"),
        (":80/x", "/v1/orders/:80/x"),
        ("a//{o}/x", "/v1/orders/a//{o}/x"),
        ("a?u=http://{o}/../x", "/v1/orders/a?u=http://{o}/../x"),
        ("a b", "/v1/orders/a%20b"),
        ("[::1]", "/v1/orders/[::1]"),
        ("%zz", "/v1/orders/%25zz"),
    ];
    for (form, expected) in table {
        let (form, expected) = (form.replace("{o}", stranger), expected.replace("{o}", stranger));
        let (status, target) = stage.call(&[("optionsOverride.RelativePath", form.as_bytes())]).await;
        assert_eq!((status, target.as_deref()), (200, Some(&*expected)), "{form}");
    }
}

#[tokio::test]
async fn extra_query_parameters_stay_in_the_query() {
    let stage = Stage::new().await;
    let mut calls = 0;
    for part in
        ["../..", "/../x", "#", "?", "&admin=1", "\r\nX-Evil: 1", "\0", "\\", "@", "//evil/", " ", "%2e%2e", "é", "="]
    {
        let name = format!("optionsOverride.ExtraQueryParameters.{part}");
        let path = ("optionsOverride.RelativePath", &b"7"[..]);
        for parameters in [[path, (&*name, b"v")], [path, ("optionsOverride.ExtraQueryParameters.n", part.as_bytes())]]
        {
            let (status, target) = stage.call(&parameters).await;
            if status == 400 && target.is_none() {
                continue;
            }
            let target = target.unwrap_or_else(|| panic!("{part:?}: {status}"));
            calls += 1;
            let (path, query) = target.split_once('?').unwrap();
            assert_eq!(path, "/v1/orders/7", "{part:?}");
            let parameters: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
            let [(name, value)] = parameters[..] else { panic!("{part:?}: {query}") };
            assert!(
                !name.contains(['/', '#', '?', '@', '\\']) && !value.contains(['/', '#', '?', '@', '=']),
                "{query}"
            );
        }
    }
    assert!(calls >= 20, "{calls}");
    let base = ("optionsOverride.BaseUrl", format!("http://{}/", stage.stranger.authority));
    let (_, target) = stage.call(&[(base.0, base.1.as_bytes())]).await;
    assert_eq!(target.as_deref(), Some("/v1/orders/"), "a base URL of the caller's is not taken");
}
