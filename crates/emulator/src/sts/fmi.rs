//! Federated managed identities: the path that a blueprint puts into an exchange token, and the subject that comes of it.

use sidekey_jose::base64url;
use sidekey_oauth::ClientId;
use uuid::Uuid;

use super::{Form, Refusal, fmi_node};
use crate::directory::App;

/// The token-exchange resource, `api://AzureADTokenExchange`.
pub(crate) const TOKEN_EXCHANGE: &str = "fb60f99c-7a34-4190-8149-302f77469936";
/// The generic exchange resource, `api://AzureFMITokenExchange`.
pub(crate) const FMI_EXCHANGE: &str = "a9dd8a2a-df54-4ae0-84f9-38c8d57e5265";

/// Whether tokens of a resource are only there to be exchanged for others.
pub(crate) fn is_exchange(resource: &App) -> bool {
    [TOKEN_EXCHANGE, FMI_EXCHANGE].contains(&resource.client_id.as_str())
}

/// What an application may ask for itself: a blueprint exchange tokens only, and exchange tokens with a path only blueprints. The
/// generic exchange resource takes paths from every application. Nodes get further credentials and nothing else.
pub(crate) fn check_app_request(form: &Form, client: &App, resource: &App) -> Result<(), Refusal> {
    if form.get("client_id").is_some_and(fmi_node::is_meant) {
        form.require("fmi_path")?;
        if resource.client_id.as_str() != FMI_EXCHANGE {
            return Err(Refusal::malformed("A federated managed identity gets tokens of api://AzureFMITokenExchange."));
        }
    }
    if client.kind.is_blueprint_only() && !is_exchange(resource) {
        return Err(Refusal::blueprint_app_token(&client.client_id, &resource.name));
    }
    let Some(path) = form.get("fmi_path") else { return Ok(()) };
    let may = match resource.client_id.as_str() {
        TOKEN_EXCHANGE => client.kind.is_blueprint(),
        FMI_EXCHANGE => client.kind.is_registration(),
        _ => false,
    };
    if !may {
        return Err(Refusal::malformed(
            "The parameter 'fmi_path' is for agent identity blueprints that ask for a token of the token-exchange resource.",
        ));
    }
    if path.len() > MAX_PATH || path.starts_with('/') || path.ends_with('/') || !path.bytes().all(is_path_byte) {
        return Err(Refusal::malformed("The parameter 'fmi_path' is not a path."));
    }
    Ok(())
}

/// The subject of a token with a path. Ids are in it as .NET lays a GUID out in memory; a path that is an id is in lower case.
pub(crate) fn subject(tenant: Uuid, app: &ClientId, path: &str) -> String {
    let app = Uuid::try_parse(app.as_str()).map_or_else(|_| base64url::encode(app.as_str()), encode);
    let path = Uuid::try_parse(path).map_or_else(|_| path.to_owned(), |id| id.to_string());
    format!("/eid1/c/pub/t/{}/a/{app}/{path}", encode(tenant))
}

fn encode(id: Uuid) -> String {
    base64url::encode(id.to_bytes_le())
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.~:@".contains(&byte)
}

/// Far above any path that is in use.
const MAX_PATH: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_ids_in_little_endian_layout() {
        let cases = [
            ("5369a35c-46a5-4677-8ff9-2e65587654e7", "XKNpU6VGd0aP-S5lWHZU5w"),
            ("9d17cc32-c91b-4368-8494-1b29ccb0dbcf", "MswXnRvJaEOElBspzLDbzw"),
        ];
        for (id, encoded) in cases {
            assert_eq!(encode(id.parse().unwrap()), encoded);
        }
        let app = cases[1].0.parse().unwrap();
        assert_eq!(
            subject(cases[0].0.parse().unwrap(), &app, "44445555-EEEE-6666-ffff-777788889999"),
            "/eid1/c/pub/t/XKNpU6VGd0aP-S5lWHZU5w/a/MswXnRvJaEOElBspzLDbzw/44445555-eeee-6666-ffff-777788889999"
        );
        assert!(subject(Uuid::nil(), &app, "SomeFmiPath/Path").ends_with("/SomeFmiPath/Path"));
    }
}
