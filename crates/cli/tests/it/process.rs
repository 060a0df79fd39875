//! `sidekey` as a process: started with settings, read line by line, ended with the test, its log searched for secrets.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// A running `sidekey` and what it printed.
pub(crate) struct Process {
    child: Child,
    /// Its working directory, removed with it.
    _folder: TempDir,
    log: Arc<Mutex<String>>,
    lines: mpsc::Receiver<String>,
    /// What must never be in the log.
    secrets: Vec<String>,
}

/// Settings of a sidecar: configuration keys as environment variables.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

impl Process {
    /// Starts a command in a folder of its own, with these settings and nothing else of our environment.
    pub(crate) fn start(arguments: &[&str], settings: Settings<'_>, folder: TempDir) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidekey"));
        command.args(arguments).current_dir(folder.path()).env_clear().envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        drop(command);
        let (sender, lines) = mpsc::channel();
        let log = Arc::new(Mutex::new(String::new()));
        let copy = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                copy.lock().unwrap().extend([line.as_str(), "\n"]);
                // Nobody may be listening any more; the log still wants the line.
                let _ = sender.send(line);
            }
        });
        Self { child, _folder: folder, log, lines, secrets: secrets(settings) }
    }

    /// Starts `sidekey serve` on a free port and waits until it listens.
    pub(crate) fn serve(settings: Settings<'_>) -> (Self, SocketAddr) {
        Self::serve_in(TempDir::new().unwrap(), settings)
    }

    /// The same in a folder that holds files for it.
    pub(crate) fn serve_in(folder: TempDir, settings: Settings<'_>) -> (Self, SocketAddr) {
        let base = [
            ("ASPNETCORE_URLS", "http://127.0.0.1:0"),
            ("Logging__LogLevel__Default", "Trace"),
            // The emulator makes keys, which takes a debug build on a busy machine long.
            ("Sidecar__AcquireTimeout", "00:02:00"),
        ];
        let all: Vec<_> = base.iter().chain(settings).copied().collect();
        let process = Self::start(&["serve"], &all, folder);
        let url =
            process.wait_for(|line| line.split_once("Now listening on: http://").map(|(_, url)| url.trim().to_owned()));
        (process, url.parse().unwrap())
    }

    /// What `wanted` makes of the first line that it likes.
    pub(crate) fn wait_for<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return found;
                    }
                }
                Err(reason) => panic!("the awaited line did not come ({reason}):\n{}", self.log()),
            }
        }
    }

    /// Waits for the end; gives the exit code and everything that was printed.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        assert!(self.closes_its_output(), "it does not end:\n{}", self.log());
        let code = self.child.wait().unwrap().code();
        (code, self.log())
    }

    /// Ends it as a service manager does; gives everything that was printed.
    pub(crate) fn stop(self) -> String {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let (code, log) = self.end();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// Waits until nothing more can be printed, which is so when it has ended.
    fn closes_its_output(&self) -> bool {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    /// What was printed so far.
    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A file that the kernel has about it.
    pub(crate) fn proc(&self, name: &str) -> std::path::PathBuf {
        format!("/proc/{}/{name}", self.child.id()).into()
    }

    /// The most memory that it ever had resident, in MiB.
    pub(crate) fn peak_mebibytes(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            assert!(self.closes_its_output(), "somebody else holds its output");
            assert_harmless(&self.log(), &self.secrets);
        }
    }
}

/// Values of settings whose name says that they are secrets; a short one may stand there for another reason.
fn secrets(settings: Settings<'_>) -> Vec<String> {
    let is_secret =
        |name: &str| ["SECRET", "PASSWORD", "_HEADER", "TOKEN", "ACCESS_KEY"].iter().any(|part| name.ends_with(part));
    let secrets = settings.iter().filter(|(name, value)| is_secret(&name.to_ascii_uppercase()) && value.len() >= 8);
    secrets.map(|(_, value)| (*value).to_owned()).collect()
}

/// Nothing in a log may be replayed: no secret, and no token with its signature.
#[track_caller]
fn assert_harmless(log: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!log.contains(secret.as_str()), "`{secret}` is in the log:\n{log}");
    }
    let text = |byte: char| byte.is_ascii_alphanumeric() || matches!(byte, '-' | '_' | '.');
    for word in log.split(|byte| !text(byte)).filter(|word| word.starts_with("eyJ")) {
        let signed = word.split('.').count() >= 3 && word.split('.').all(|part| part.len() >= 10);
        assert!(!signed, "a token is in the log: {word}\n{log}");
    }
}

/// How long a debug build on a busy machine may take for one line.
const PATIENCE: Duration = Duration::from_secs(30);
