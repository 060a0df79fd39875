//! `AssertionCommand`: a program that prints a token. No shell, no inherited environment, an end to its time and its output.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sidekey_oauth::Secret;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStderr, ChildStdout, Command},
};
use zeroize::Zeroizing;

use super::{Ask, Provider, Settings, question::Place, template};
use crate::{
    Environment,
    credential::{CredentialError, Surroundings},
    flight::Work,
};

#[derive(Debug)]
struct AssertionCommand {
    program: PathBuf,
    /// With placeholders.
    arguments: Vec<String>,
    environment: Vec<(String, Secret)>,
    place: Place,
}

pub(super) fn read(settings: &Settings<'_, '_>) -> Option<Arc<dyn Provider>> {
    let section = settings.own;
    let mut words = section.list("AssertionCommand").into_iter();
    let names = section.list("AssertionCommandEnvironment");
    let place = Place::new(section.text("AssertionJsonPointer"));
    let Some(program) = words.next().map(PathBuf::from).filter(|program| program.is_absolute()) else {
        let hint = "write the program's absolute path as `AssertionCommand:0` and its arguments as `:1`, `:2`, …";
        section.fault("AssertionCommand", "names no program by its absolute path", hint);
        return None;
    };
    // Environment variables are keys, in which `:` is written as `__`.
    let value = |name: &str| Some((name.to_owned(), Secret::new(settings.root.secret(&name.replace("__", ":"))?)));
    let environment = names.into_iter().filter_map(value).collect();
    let arguments = words.map(str::to_owned).collect();
    Some(Arc::new(AssertionCommand { program, arguments, environment, place }))
}

impl Provider for AssertionCommand {
    fn check(&self, _environment: &Environment) -> Result<(), CredentialError> {
        let refuse = |problem: &str, hint: &str| Err(error(&self.program, problem, hint));
        match self.program.metadata() {
            Err(_) => refuse("does not exist or may not be looked at", "check the path"),
            Ok(found) if found.is_dir() => refuse("is a directory", "write the path of the program in it"),
            Ok(found) if !is_executable(&found) => refuse("may not be executed", "make it executable (`chmod +x`)"),
            Ok(_) => Ok(()),
        }
    }

    fn fetch(self: Arc<Self>, _world: Surroundings, ask: Ask) -> Work<Result<Secret, CredentialError>> {
        Box::pin(async move {
            self.check(&Environment::default())?;
            self.run(&ask).await
        })
    }
}

impl AssertionCommand {
    async fn run(&self, ask: &Ask) -> Result<Secret, CredentialError> {
        let refuse = |problem: &str, hint: &str| error(&self.program, problem, hint);
        let mut command = self.command(ask);
        let child = command.spawn().map_err(|cause| refuse(&format!("cannot be started ({})", cause.kind()), HINT))?;
        let mut group = Group::new(child);
        let ended = tokio::time::timeout_at(ask.deadline, group.output()).await;
        let Ok(ended) = ended else {
            let hint = "let it end by itself, or raise `AssertionTimeout`";
            return Err(refuse("was stopped: it did not end in time", hint).passing());
        };
        let Ended { status, output, said } =
            ended.map_err(|cause| refuse(&format!("cannot be followed ({})", cause.kind()), HINT))?;
        if let Some(status) = status.filter(|status| !status.success()) {
            let problem = format!("ended with {status} and {said} bytes on stderr (not shown: they may be secret)");
            return Err(refuse(&problem, HINT));
        }
        self.place.find(&output).map_err(|problem| refuse(problem, HINT))
    }

    fn command(&self, ask: &Ask) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments.iter().map(|argument| template::fill(argument, ask, str::to_owned)))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value.expose())))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

/// A program on its way, with whatever it starts itself: all of it ends with this value, unless the program ended before.
struct Group {
    child: Child,
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

/// What came of a program.
struct Ended {
    /// `None` if it wrote too much to wait for its end.
    status: Option<ExitStatus>,
    /// At most one byte more than the limit.
    output: Zeroizing<Vec<u8>>,
    /// How many bytes it wrote to stderr.
    said: usize,
}

impl Group {
    fn new(child: Child) -> Self {
        #[cfg(unix)]
        let leader = child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        Self {
            child,
            #[cfg(unix)]
            leader,
        }
    }

    async fn output(&mut self) -> io::Result<Ended> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let said = AtomicUsize::new(0);
        let mut counting = std::pin::pin!(count(stderr, &said));
        let mut ending = std::pin::pin!(self.until_end(stdout));
        let (status, output) = std::future::poll_fn(|context| {
            // First, so that all is counted that was written before the end.
            let _ = counting.as_mut().poll(context);
            ending.as_mut().poll(context)
        })
        .await?;
        Ok(Ended { status, output, said: said.load(Ordering::Relaxed) })
    }

    async fn until_end(&mut self, stdout: Option<ChildStdout>) -> io::Result<(Option<ExitStatus>, Zeroizing<Vec<u8>>)> {
        // One allocation that is wiped; growing would leave copies behind.
        let mut output = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1024));
        if let Some(stdout) = stdout {
            stdout.take(MAX_BYTES as u64 + 1).read_to_end(&mut output).await?;
        }
        if output.len() > MAX_BYTES {
            return Ok((None, output));
        }
        let status = self.child.wait().await?;
        self.let_go();
        Ok((Some(status), output))
    }

    /// The program's number may be another's from now on.
    fn let_go(&mut self) {
        #[cfg(unix)]
        self.leader.take();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// Reads a pipe, so that it never is full, and forgets what it read. Does not end.
async fn count(pipe: Option<ChildStderr>, bytes: &AtomicUsize) {
    let mut buffer = [0; 1024];
    if let Some(mut pipe) = pipe {
        while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
            bytes.fetch_add(read, Ordering::Relaxed);
        }
    }
    std::future::pending::<()>().await;
}

fn error(program: &Path, problem: &str, hint: &str) -> CredentialError {
    CredentialError::new("AssertionCommand", format!("`{NAME}`: `{}` {problem}", program.display()), hint)
}

#[cfg(unix)]
fn is_executable(found: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_found: &Metadata) -> bool {
    true
}

pub(super) const NAME: &str = "AssertionCommand";
const MAX_BYTES: usize = 64 * 1024;
const HINT: &str = "run it as this process's user with no other variables than those in `AssertionCommandEnvironment`";

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, time::Duration};

    use tokio::time::Instant;

    use super::*;

    /// A process that is dead but was not fetched by its parent has no command line any more.
    fn runs(process: &str) -> bool {
        fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[tokio::test]
    async fn what_a_command_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("child");
        let script = format!("sleep 1000000 & echo $! > {}; wait", path.display());
        let command = AssertionCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script],
            environment: Vec::new(),
            place: Place::Text,
        };
        let deadline = Instant::now() + Duration::from_hours(1);
        let [audience, tenant, client_id, fmi_path] = [const { String::new() }; 4];
        let ask = Ask { audience, tenant, client_id, fmi_path, deadline };
        let running = tokio::spawn(async move { command.run(&ask).await });
        let child = loop {
            match fs::read_to_string(&path) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        };
        // Between fork and exec there is no command line.
        while !runs(&child) {
            tokio::task::yield_now().await;
        }
        running.abort();
        let _ = running.await;
        while runs(&child) {
            std::thread::yield_now();
        }
    }
}
