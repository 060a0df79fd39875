//! `/`: who and what is in the directory, and requests to copy.

use axum::{extract::State, response::Response};

use super::{
    Site,
    page::{self, escape},
    site::Asked,
};
use crate::directory::{App, Directory, Tenant};

/// The start page.
pub(super) async fn show(State(site): State<Site>, asked: Asked) -> Response {
    let directory = &site.emulator.directory;
    let tenants: String = directory.tenants.iter().map(|tenant| tenant_rows(tenant, &asked.0)).collect();
    let apps: String = directory.apps.iter().map(app_row).collect();
    let body = format!(
        "<p>A local Entra ID. Tokens are real and signed, users and secrets are not: use it for development only.</p>\
         <h2>Tenants and users</h2><table><tr><th>Tenant<th>Users<th>Metadata</tr>{tenants}</table>\
         <h2>Applications</h2><table><tr><th>Name<th>Client id<th>App ID URI<th>Scopes<th>App roles</tr>{apps}</table>{}\
         <h2>Try it</h2>{}\
         <p>Trust <a href=\"/sidekey/ca.pem\">ca.pem</a> for the https listener. See <a href=\"/sidekey/requests\">recent requests</a>.</p>",
        vaults(&site),
        examples(directory, &asked.0)
    );
    page::show("sidekey emulator", &body)
}

fn tenant_rows(tenant: &Tenant, asked: &str) -> String {
    let users: Vec<_> = tenant.users.iter().map(|user| escape(&user.upn)).collect();
    let url = format!("{asked}/{}/v2.0/.well-known/openid-configuration", tenant.id);
    format!(
        "<tr><td>{}<br><code>{}</code><br>{}<td>{}<td><a href=\"{url}\">openid-configuration</a></tr>",
        escape(tenant.name()),
        tenant.id,
        escape(&tenant.domains.join(", ")),
        users.join("<br>"),
        url = escape(&url),
    )
}

fn app_row(app: &App) -> String {
    format!(
        "<tr><td>{}<td><code>{}</code><td><code>{}</code><td>{}<td>{}</tr>",
        escape(&app.name),
        escape(app.client_id.as_str()),
        escape(&app.identifier_uris.join(" ")),
        escape(&app.scopes.join(" ")),
        escape(&app.roles.join(" ")),
    )
}

/// The key vaults with their addresses, if there are any.
fn vaults(site: &Site) -> String {
    let port = site.origin.parse::<url::Url>().ok().and_then(|origin| origin.port());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let row = |name: &str| {
        let name = escape(name);
        format!(
            "<tr><td>{name}<td><code>https://{name}.vault.localhost{port}</code><td><code>/sidekey/vault/{name}</code></tr>"
        )
    };
    let rows: String = site.emulator.vaults.names().into_iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!("<h2>Key vaults</h2><table><tr><th>Name<th>Address<th>On any listener</tr>{rows}</table>")
}

/// A token for an application and one for a user, as far as the directory has such.
fn examples(directory: &Directory, asked: &str) -> String {
    let with_secret = directory.apps.iter().find(|app| !app.secrets.is_empty() && !app.role_assignments.is_empty());
    let for_app = with_secret.and_then(|app| {
        let resource = directory.app(&app.role_assignments.first()?.resource)?;
        let fields = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", app.client_id.to_string()),
            ("client_secret", "<the secret in the directory file>".to_owned()),
            ("scope", format!("{}/.default", identifier(resource))),
        ];
        Some(curl(asked, &directory.home(app)?.id.to_string(), &fields))
    });
    let public = directory.apps.iter().find(|app| app.public_client && !app.consents.is_empty());
    let for_user = public.and_then(|app| {
        let (consent, tenant) = (app.consents.first()?, directory.home(app)?);
        let fields = [
            ("grant_type", "password".to_owned()),
            ("client_id", app.client_id.to_string()),
            ("username", tenant.users.first()?.upn.clone()),
            ("password", "<the password in the directory file>".to_owned()),
            ("scope", format!("{}/{}", identifier(directory.app(&consent.resource)?), consent.scopes.first()?)),
        ];
        Some(curl(asked, &tenant.id.to_string(), &fields))
    });
    [for_app, for_user].into_iter().flatten().collect()
}

fn identifier(resource: &App) -> &str {
    resource.identifier_uris.first().map_or_else(|| resource.client_id.as_str(), String::as_str)
}

fn curl(asked: &str, tenant: &str, fields: &[(&str, String)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!(" \\\n  --data-urlencode '{name}={value}'")).collect();
    let fields = fields.concat();
    format!("<pre>{}</pre>", escape(&format!("curl {asked}/{tenant}/oauth2/v2.0/token{fields}")))
}
