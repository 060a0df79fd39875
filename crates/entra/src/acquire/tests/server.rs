//! An authority that answers what it is told to and remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) target: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) form: Vec<(String, String)>,
}

impl Asked {
    /// The tenant of the endpoint.
    pub(super) fn tenant(&self) -> &str {
        self.target.split('/').nth(1).unwrap_or_default()
    }

    /// All fields, sorted by name.
    pub(super) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut form: Vec<_> = self.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form.sort_unstable();
        form
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn token(token: &str, expires_in: u64) -> Self {
        Self::json(200, format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"{token}"}}"#))
    }

    pub(super) fn with_refresh(token: &str, refresh_token: &str) -> Self {
        let lives = r#""token_type":"Bearer","expires_in":3600"#;
        Self::json(200, format!(r#"{{{lives},"access_token":"{token}","refresh_token":"{refresh_token}"}}"#))
    }

    pub(super) fn error(status: u16, error: &str, code: u64) -> Self {
        let body = format!(r#"{{"error":"{error}","error_description":"AADSTS{code}: no","error_codes":[{code}]}}"#);
        Self::json(status, body)
    }

    pub(super) fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Makes an answer of a request.
type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The authority. Token requests take the scripted replies in order, then tokens `token-1`, `token-2`, … that live an hour.
pub(super) struct Server {
    pub(super) url: String,
    script: Mutex<VecDeque<Reply>>,
    /// What follows the script in place of numbered tokens.
    answer: Mutex<Option<Arc<Answer>>>,
    tokens_asked: Mutex<Vec<Asked>>,
    others_asked: Mutex<Vec<Asked>>,
    /// What there is besides the token endpoint, by path.
    documents: Mutex<HashMap<String, Reply>>,
    /// Whether it breaks off without an answer.
    down: AtomicBool,
    /// A permit per reply; closed means that nobody waits.
    gate: Semaphore,
    asked: Notify,
}

impl Server {
    pub(super) async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            script: Mutex::default(),
            answer: Mutex::default(),
            tokens_asked: Mutex::default(),
            others_asked: Mutex::default(),
            documents: Mutex::default(),
            down: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            asked: Notify::new(),
        });
        let accepting = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).serve(stream));
            }
        });
        server
    }

    pub(super) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    pub(super) fn serve_at(&self, path: &str, reply: Reply) {
        self.documents.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// Answers by what is asked, once nothing is left of the script.
    pub(super) fn answer(&self, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Some(Arc::new(answer));
    }

    /// Breaks off all that it is asked from now on, or answers again.
    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Token requests wait from now on.
    pub(super) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets some of those that wait go on.
    pub(super) fn release(&self, count: usize) {
        self.gate.add_permits(count);
    }

    pub(super) fn tokens_asked(&self) -> Vec<Asked> {
        self.tokens_asked.lock().unwrap().clone()
    }

    pub(super) fn others_asked(&self) -> Vec<Asked> {
        self.others_asked.lock().unwrap().clone()
    }

    /// Waits until so many token requests have come.
    pub(super) async fn until_asked(&self, count: usize) {
        loop {
            let next = self.asked.notified();
            if self.tokens_asked.lock().unwrap().len() >= count {
                return;
            }
            next.await;
        }
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(asked) = read(&mut stream).await else { return };
        if self.down.load(Ordering::Relaxed) {
            return;
        }
        let reply = if asked.target.contains("/token") {
            let number = {
                let mut all = self.tokens_asked.lock().unwrap();
                all.push(asked.clone());
                all.len()
            };
            self.asked.notify_waiters();
            self.gate.acquire().await.unwrap().forget();
            let scripted = self.script.lock().unwrap().pop_front();
            let answer = self.answer.lock().unwrap().clone();
            scripted
                .or_else(|| answer.map(|answer| answer(&asked)))
                .unwrap_or_else(|| Reply::token(&format!("token-{number}"), 3600))
        } else {
            let document = self.documents.lock().unwrap().get(&asked.target).cloned();
            self.others_asked.lock().unwrap().push(asked);
            document.unwrap_or_else(|| Reply::json(404, "{}"))
        };
        let length = reply.body.len();
        let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {length}\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &[name, ": ", value, "\r\n"].concat();
        }
        let text = head + "\r\n" + &reply.body;
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        stream.read_buf(&mut bytes).await.ok().filter(|count| *count > 0)?;
    };
    let head = String::from_utf8(bytes.get(..end)?.to_vec()).ok()?;
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        stream.read_buf(&mut bytes).await.ok().filter(|count| *count > 0)?;
    }
    let form = url::form_urlencoded::parse(bytes.get(end + 4..)?).into_owned().collect();
    Some(Asked { target, headers, form })
}
