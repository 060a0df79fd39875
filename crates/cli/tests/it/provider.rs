//! A third party: an identity provider that signs tokens with a key of its own, publishes that key, and notes what it was asked.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Map, Value, json};
use sidekey_host::{Clock as _, SystemClock};
use sidekey_jose::{Algorithm, SigningKey, sign_compact};

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    /// A header's value; the empty text if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

/// Who signs.
pub(crate) struct Signer {
    /// The issuer, which is the provider's address: `http://127.0.0.1:1234`.
    pub(crate) issuer: String,
    rsa: SigningKey,
    ec: SigningKey,
    /// Every token, in order.
    signed: Mutex<Vec<String>>,
}

impl Signer {
    /// A token that is good for ten minutes.
    pub(crate) fn token(&self, subject: &str, audience: &str) -> String {
        self.sign(&json!({ "iss": self.issuer, "sub": subject, "aud": audience, "exp": now() + 600, "iat": now() }))
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.rsa, Algorithm::RS256, "rsa", claims)
    }

    /// The same by the other key, which is on a curve.
    pub(crate) fn sign_es256(&self, claims: &Value) -> String {
        self.sign_with(&self.ec, Algorithm::ES256, "ec", claims)
    }

    fn sign_with(&self, key: &SigningKey, algorithm: Algorithm, kid: &str, claims: &Value) -> String {
        let header = Map::from_iter([("kid".to_owned(), json!(kid))]);
        let token = sign_compact(&header, claims.to_string().as_bytes(), key, algorithm).unwrap();
        self.signed.lock().unwrap().push(token.clone());
        token
    }

    /// Its discovery document and its keys.
    fn publishes(&self, line: &str) -> Option<Answer> {
        let named = |key: &SigningKey, kid: &str| {
            let mut jwk = key.public_jwk();
            jwk.kid = Some(kid.to_owned());
            jwk
        };
        match line {
            "GET /.well-known/openid-configuration" => {
                let keys = format!("{}/keys", self.issuer);
                Some((200, json!({ "issuer": self.issuer, "jwks_uri": keys }).to_string()))
            }
            "GET /keys" => {
                let keys = json!({ "keys": [named(&self.rsa, "rsa"), named(&self.ec, "ec")] });
                Some((200, keys.to_string()))
            }
            _ => None,
        }
    }
}

/// A running provider.
pub(crate) struct Provider {
    pub(crate) signer: Arc<Signer>,
    record: Arc<Mutex<Vec<Asked>>>,
}

impl Provider {
    /// One that answers this way what is neither its metadata nor its keys.
    pub(crate) fn start(answer: impl Fn(&Signer, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let signer = Arc::new(Signer {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            rsa: SigningKey::generate_rsa().unwrap(),
            ec: SigningKey::generate_p256().unwrap(),
            signed: Mutex::default(),
        });
        let record = Arc::new(Mutex::new(Vec::new()));
        let (own_signer, own_record) = (signer.clone(), record.clone());
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let Some(asked) = read(&mut stream) else { continue };
                let answer = own_signer.publishes(&asked.line).unwrap_or_else(|| {
                    own_record.lock().unwrap().push(asked.clone());
                    answer(&own_signer, &asked)
                });
                write(&mut stream, answer);
            }
        });
        Self { signer, record }
    }

    /// What it was asked since the last time, but its metadata and keys.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.record.lock().unwrap())
    }

    /// What it signed since the last time.
    pub(crate) fn take_signed(&self) -> Vec<String> {
        std::mem::take(&mut self.signer.signed.lock().unwrap())
    }
}

/// Reads one request.
pub(crate) fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if let Some(asked) = parse(&bytes) {
            return Some(asked);
        }
        let mut more = [0; 4096];
        let count = stream.read(&mut more).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&more[..count]);
    }
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (line, headers) = head.split_once("\r\n")?;
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let asked = Asked { line: line.trim_end_matches(" HTTP/1.1").to_owned(), headers, body: body.to_owned() };
    let length = asked.header("content-length").parse().unwrap_or(0);
    (body.len() >= length).then_some(asked)
}

/// Writes one answer.
pub(crate) fn write(stream: &mut impl Write, (status, body): Answer) {
    let head = format!("HTTP/1.1 {status} Whatever\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    // Who asked may have lost patience.
    let _ = stream.write_all([head, body].concat().as_bytes());
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemClock.now().0
}
