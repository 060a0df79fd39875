//! `/common/userrealm/{upn}`: whether a user signs in here or with a federated provider. Here it is always here.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::{Site, json};

/// The realm of a user's domain.
pub(super) async fn show(State(site): State<Site>, Path((_, user)): Path<(String, String)>) -> Response {
    let tenant = site.emulator.directory.tenant_of_upn(&user);
    let Some(tenant) = tenant else {
        return json(&json!({ "ver": "1.0", "account_type": "Unknown", "cloud_instance_name": "microsoftonline.com" }));
    };
    json(&json!({
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": user.rsplit_once('@').map_or("", |(_, domain)| domain),
        "federation_brand_name": tenant.name(),
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }))
}
