//! Applications: where they are, what they offer, what they may do.

use sidekey_oauth::{IdError, Scope};

use super::{Checker, each};
use crate::directory::{
    App, Consent, Kind, Presence, TokenVersion, certificate,
    file::{AppFile, ConsentFile, KindFile},
};

impl Checker<'_> {
    pub(super) fn app(&mut self, file: AppFile, path: &str) -> Option<App> {
        let client_id = file.client_id.parse().map_err(|error: IdError| error.to_string());
        let client_id = self.ok(&format!("{path}.clientId"), client_id);
        let presence = self.presence(&file, path);
        let token_version = self.ok(&format!("{path}.tokenVersion"), token_version(file.token_version));
        self.permissions(&file, path);
        Some(App {
            client_id: client_id?,
            presence,
            // Entra makes tokens that are only there to be exchanged in the new form alone.
            token_version: token_version
                .map(|own| if is_exchange(&file.client_id) { TokenVersion::V2 } else { own })?,
            secrets: each(file.secrets, &format!("{path}.secrets"), |secret, path| Some(self.secret(secret, path))),
            certificates: each(file.certificates, &format!("{path}.certificates"), |certificate, path| {
                let read = certificate::read(&certificate, self.folder);
                self.ok(path, read)
            }),
            trusted_subjects: each(file.trusted_subjects, &format!("{path}.trustedSubjects"), |rule, path| {
                self.trusted_subject(rule, path)
            }),
            federated_credentials: self.federated_credentials(file.federated_credentials, path),
            redirect_uris: each(file.redirect_uris, &format!("{path}.redirectUris"), |uri, path| {
                self.ok(path, uri.parse().map_err(|e| format!("`{uri}` is no absolute URL: {e}")))
            }),
            consents: each(file.consents, &format!("{path}.consents"), |consent, path| self.consent(consent, path)),
            role_assignments: self.role_assignments(file.role_assignments, path),
            agent_claims: file.agent_claims.unwrap_or(file.client_id.trim() == GRAPH),
            kind: kind(file.kind),
            name: file.name,
            multi_tenant: file.multi_tenant,
            disabled: file.disabled,
            identifier_uris: file.identifier_uris,
            public_client: file.public_client,
            scopes: file.scopes,
            roles: file.app_roles,
            optional_claims: file.optional_claims,
            assignment_required: file.assignment_required,
        })
    }

    /// Without a list an application is in every tenant, which only a multi-tenant one can be.
    fn presence(&mut self, file: &AppFile, path: &str) -> Presence {
        let path = format!("{path}.tenants");
        let Some(tenants) = &file.tenants else {
            if !file.multi_tenant {
                self.fault(&path, "is missing: name the tenant's id or domain, or write `multiTenant: true`");
            }
            return Presence::Everywhere;
        };
        if tenants.is_empty() || (tenants.len() > 1 && !file.multi_tenant) {
            self.fault(&path, "name one tenant, or several together with `multiTenant: true`");
        }
        let listed = each(tenants.clone(), &path, |name, path| {
            let found = self.names.tenant(&name);
            self.ok(path, found)
        });
        Presence::Listed(listed)
    }

    fn permissions(&mut self, file: &AppFile, path: &str) {
        for (key, values) in
            [("scopes", &file.scopes), ("appRoles", &file.app_roles), ("identifierUris", &file.identifier_uris)]
        {
            for (i, value) in values.iter().enumerate() {
                if let Err(error) = value.parse::<Scope>() {
                    self.fault(&format!("{path}.{key}[{i}]"), error);
                }
            }
        }
    }

    pub(super) fn consent(&mut self, file: ConsentFile, path: &str) -> Option<Consent> {
        let found = self.names.resource(&file.resource);
        let resource = self.ok(&format!("{path}.resource"), found)?;
        self.faults.extend(resource.lacks(&file.scopes, &resource.scopes, &format!("{path}.scopes")));
        for (i, user) in file.users.iter().flatten().enumerate() {
            if !self.names.has_user(user) {
                self.fault(&format!("{path}.users[{i}]"), format!("there is no user `{user}`"));
            }
        }
        Some(Consent { resource: resource.id, scopes: file.scopes, users: file.users })
    }
}

fn kind(file: KindFile) -> Kind {
    match file {
        KindFile::Application => Kind::Application,
        KindFile::Blueprint => Kind::Blueprint { also_application: false },
        KindFile::ApplicationAndBlueprint => Kind::Blueprint { also_application: true },
    }
}

fn is_exchange(client_id: &str) -> bool {
    EXCHANGES.iter().any(|id| id.eq_ignore_ascii_case(client_id.trim()))
}

/// Version 1 is Entra's default.
fn token_version(number: Option<u8>) -> Result<TokenVersion, String> {
    match number {
        None | Some(1) => Ok(TokenVersion::V1),
        Some(2) => Ok(TokenVersion::V2),
        Some(other) => Err(format!("is {other}: write 1 or 2")),
    }
}

/// Microsoft Graph, whose tokens say by whom they were got.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
/// `api://AzureADTokenExchange` and `api://AzureFMITokenExchange`.
const EXCHANGES: [&str; 2] = ["fb60f99c-7a34-4190-8149-302f77469936", "a9dd8a2a-df54-4ae0-84f9-38c8d57e5265"];
