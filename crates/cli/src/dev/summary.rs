//! What `sidekey dev` says when everything is ready: a short page for people, one document for scripts.

use anstream::println;
use serde::Serialize;

use super::Stage;

const BOLD: &str = "\x1b[1m";
const CYAN: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const OFF: &str = "\x1b[0m";

/// Where everything is and what to try.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    sidecar: String,
    emulator: String,
    emulator_https: String,
    downstream: String,
    ca_file: String,
    users: Vec<User>,
    commands: Vec<Command>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    username: &'static str,
    password: &'static str,
    object_id: &'static str,
}

#[derive(Debug, Serialize)]
struct Command {
    name: &'static str,
    run: String,
}

impl Summary {
    /// Describes a stage.
    pub(crate) fn of(stage: &Stage) -> Self {
        let (sidecar, emulator) = (stage.sidecar.url(), stage.authority.http.clone());
        Self {
            commands: commands(&sidecar, &emulator),
            users: USERS.to_vec(),
            sidecar,
            emulator,
            emulator_https: stage.authority.https.clone(),
            downstream: stage.downstream.url(),
            ca_file: stage.ca_file().display().to_string(),
        }
    }

    /// One JSON document on one line.
    pub(crate) fn print_json(&self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    /// A page for people; colours only on a terminal.
    pub(crate) fn print(&self) {
        println!("{BOLD}sidekey dev{OFF} is ready. Ctrl-C ends it.\n");
        println!("  sidecar      {CYAN}{}{OFF}", self.sidecar);
        println!("  emulator     {CYAN}{}{OFF}  {CYAN}{}{OFF}", self.emulator, self.emulator_https);
        println!("  sample API   {CYAN}{}{OFF}", self.downstream);
        println!("  CA           {}", self.ca_file);
        for user in &self.users {
            println!("  user         {}  {DIM}password{OFF} {}", user.username, user.password);
        }
        for command in &self.commands {
            println!("\n{DIM}# {}{OFF}\n{}", command.name, command.run);
        }
    }
}

/// Lines that work as they stand.
fn commands(sidecar: &str, emulator: &str) -> Vec<Command> {
    let alice = format!("$(curl -s '{emulator}/sidekey/token?user=alice')");
    let as_alice = format!("-H \"Authorization: Bearer {alice}\"");
    let command = |name, run| Command { name, run };
    vec![
        command(
            "an app token for the sample API",
            format!("curl -s {sidecar}/AuthorizationHeaderUnauthenticated/orders-app"),
        ),
        command("a user's token to send in", format!("curl -s '{emulator}/sidekey/token?user=alice'")),
        command("is the user's token good?", format!("curl -s {as_alice} {sidecar}/Validate")),
        command(
            "a header for the sample API, on behalf of the user",
            format!("curl -s {as_alice} {sidecar}/AuthorizationHeader/orders"),
        ),
        command(
            "call the sample API on behalf of the user",
            format!("curl -s {as_alice} '{sidecar}/DownstreamApi/orders?optionsOverride.RelativePath=orders/1'"),
        ),
        command(
            "a header for an agent that acts for the user",
            format!("curl -s {as_alice} '{sidecar}/AuthorizationHeader/orders?AgentIdentity={AGENT}'"),
        ),
        command(
            "call it as the app, with a body",
            format!(
                "curl -s -H 'Content-Type: application/json' -d '{{\"item\":\"tea\"}}' {sidecar}/DownstreamApiUnauthenticated/orders-app"
            ),
        ),
    ]
}

/// The agent of the emulator's built-in directory whose blueprint the sidecar is.
const AGENT: &str = "66667777-0000-8888-9999-aaaabbbbcccc";

const USERS: [User; 2] = [
    User {
        username: "alice@contoso.onmicrosoft.com",
        password: "Passw0rd!development",
        object_id: "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
    },
    User {
        username: "bob@contoso.onmicrosoft.com",
        password: "Passw0rd!development",
        object_id: "bbbbbbbb-1111-2222-3333-cccccccccccc",
    },
];
