//! The directory: tenants, users, applications and what they may do. Read from one YAML file, checked whole, then immutable.

mod certificate;
mod check;
mod cloud;
mod expression;
mod federated;
mod file;
mod kind;
mod read;
mod rule;
mod vault_file;

use sidekey_host::UnixTime;
use sidekey_oauth::{ClientId, Secret, TenantId};
use uuid::Uuid;

pub(crate) use certificate::{
    RegisteredCertificate, TrustedSubject, base64url_of as thumbprint_base64url, validity as certificate_validity,
};
pub(crate) use cloud::CloudName;
pub(crate) use expression::MatchingExpression;
pub(crate) use federated::{FederatedCredential, SubjectRule};
pub(crate) use kind::{Agent, Host, Kind, ManagedIdentity};
pub(crate) use read::read;
pub(crate) use rule::Rule;

use crate::{
    http::Fault,
    sts::TOKEN_EXCHANGE,
    vault::{KEY_VAULT_APP, VaultSeed, is_key_vault},
};

/// Everything the file says.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Which cloud is emulated.
    pub(crate) cloud: CloudName,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) apps: Vec<App>,
    pub(crate) hosts: Hosts,
    /// Conditional Access.
    pub(crate) rules: Vec<Rule>,
    pub(crate) lifetimes: Lifetimes,
    /// Whether a client assertion works once only.
    pub(crate) refuse_replayed_assertions: bool,
    pub(crate) faults: Vec<Fault>,
    /// Key vaults as they are at the start; the emulator takes them out.
    pub(crate) vaults: Vec<VaultSeed>,
}

impl Directory {
    /// The tenant that an id or a verified domain names; `None` for aliases and for tenants that are not here.
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| match id {
            TenantId::Domain(name) => tenant.domains.iter().any(|own| **own == **name),
            other => other.guid() == Some(tenant.id),
        })
    }

    /// The tenant whose domain a user's name ends with.
    pub(crate) fn tenant_of_upn(&self, upn: &str) -> Option<&Tenant> {
        let (_, domain) = upn.rsplit_once('@')?;
        self.tenants.iter().find(|tenant| tenant.domains.iter().any(|own| own.eq_ignore_ascii_case(domain)))
    }

    /// The application with this client id.
    pub(crate) fn app(&self, id: &ClientId) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == *id)
    }

    /// The managed identities that a host has.
    pub(crate) fn managed_identities(&self, host: Host) -> impl Iterator<Item = (&App, &ManagedIdentity)> {
        let identities = self.apps.iter().filter_map(|app| Some((app, app.kind.managed_identity()?)));
        identities.filter(move |(_, identity)| identity.hosts.contains(&host))
    }

    /// The tenant where an application is at home.
    pub(crate) fn home(&self, app: &App) -> Option<&Tenant> {
        match &app.presence {
            Presence::Everywhere => self.tenants.first(),
            Presence::Listed(listed) => self.tenants.iter().find(|tenant| listed.first() == Some(&tenant.id)),
        }
    }

    /// The application that a resource identifier names: its client id or one of its App ID URIs. A trailing slash and case do not matter.
    /// The domains of vaults are identifiers of Key Vault, with any port; the token exchange has one name in each cloud.
    pub(crate) fn resource(&self, identifier: &str) -> Option<&App> {
        let identifier = identifier.trim_end_matches('/');
        if let Some(cloud) = cloud::of_token_exchange(identifier) {
            let own = self.cloud.cloud() == Some(cloud);
            return self.apps.iter().find(|app| own && app.client_id.as_str() == TOKEN_EXCHANGE);
        }
        let found = self.apps.iter().filter(|app| app.kind.is_registration()).find(|app| {
            app.client_id.as_str().eq_ignore_ascii_case(identifier)
                || app.identifier_uris.iter().any(|uri| uri.trim_end_matches('/').eq_ignore_ascii_case(identifier))
        });
        found.or_else(|| {
            let key_vault = self.apps.iter().find(|app| app.client_id.as_str() == KEY_VAULT_APP);
            key_vault.filter(|_| is_key_vault(identifier))
        })
    }
}

/// The hosts that hand out tokens of managed identities.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The Azure region.
    pub(crate) region: String,
    /// The cloud shell's application, and the user of its session.
    pub(crate) cloud_shell: Option<(ClientId, String)>,
}

/// A tenant and its users.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    /// Lower case.
    pub(crate) domains: Vec<String>,
    pub(crate) users: Vec<User>,
    /// User flows (policies) of Azure AD B2C, such as `B2C_1_susi`.
    pub(crate) user_flows: Vec<String>,
}

impl Tenant {
    /// The user with this name; case does not matter.
    pub(crate) fn user(&self, upn: &str) -> Option<&User> {
        self.users.iter().find(|user| user.upn.eq_ignore_ascii_case(upn))
    }

    /// The user with this object id.
    pub(crate) fn user_by_oid(&self, oid: Uuid) -> Option<&User> {
        self.users.iter().find(|user| user.oid == oid)
    }

    /// The name that messages use for the tenant.
    pub(crate) fn name(&self) -> &str {
        &self.display_name
    }
}

/// A user account.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) upn: String,
    pub(crate) oid: Uuid,
    pub(crate) display_name: String,
    pub(crate) password: Option<Secret>,
    pub(crate) disabled: bool,
    pub(crate) role_assignments: Vec<RoleAssignment>,
    /// The agent identity whose account this is.
    pub(crate) agent: Option<ClientId>,
}

/// An application registration together with its service principals.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of an app registration")]
pub(crate) struct App {
    pub(crate) client_id: ClientId,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    pub(crate) multi_tenant: bool,
    pub(crate) disabled: bool,
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) token_version: TokenVersion,
    pub(crate) secrets: Vec<AppSecret>,
    pub(crate) certificates: Vec<RegisteredCertificate>,
    pub(crate) trusted_subjects: Vec<TrustedSubject>,
    pub(crate) federated_credentials: Vec<FederatedCredential>,
    pub(crate) public_client: bool,
    pub(crate) redirect_uris: Vec<url::Url>,
    pub(crate) scopes: Vec<String>,
    /// The app roles that it offers.
    pub(crate) roles: Vec<String>,
    pub(crate) optional_claims: Vec<OptionalClaim>,
    pub(crate) consents: Vec<Consent>,
    pub(crate) role_assignments: Vec<RoleAssignment>,
    pub(crate) assignment_required: bool,
    /// Whether agents' tokens for this application say that they are agents'.
    pub(crate) agent_claims: bool,
}

impl App {
    /// An identity of one tenant that signs nobody in and offers nothing: no credentials, no scopes, no redirect URIs.
    pub(super) fn identity(client_id: ClientId, name: String, tenant: Uuid, kind: Kind) -> Self {
        Self {
            client_id,
            name,
            kind,
            presence: Presence::Listed(vec![tenant]),
            multi_tenant: false,
            disabled: false,
            identifier_uris: Vec::new(),
            token_version: TokenVersion::V2,
            secrets: Vec::new(),
            certificates: Vec::new(),
            trusted_subjects: Vec::new(),
            federated_credentials: Vec::new(),
            public_client: false,
            redirect_uris: Vec::new(),
            scopes: Vec::new(),
            roles: Vec::new(),
            optional_claims: Vec::new(),
            consents: Vec::new(),
            role_assignments: Vec::new(),
            assignment_required: false,
            agent_claims: false,
        }
    }

    /// Whether the application has a service principal in the tenant.
    pub(crate) fn is_in(&self, tenant: Uuid) -> bool {
        match &self.presence {
            Presence::Everywhere => true,
            Presence::Listed(tenants) => tenants.contains(&tenant),
        }
    }

    /// The object id of the application's service principal in a tenant: always the same for the same pair.
    pub(crate) fn service_principal(&self, tenant: Uuid) -> Uuid {
        if let Some(own) = self.kind.object_id(&self.client_id) {
            return own;
        }
        let text = format!("service principal {} {tenant}", self.client_id);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Whether any credential is registered.
    pub(crate) fn has_credentials(&self) -> bool {
        !(self.secrets.is_empty()
            && self.certificates.is_empty()
            && self.trusted_subjects.is_empty()
            && self.federated_credentials.is_empty())
    }

    /// The delegated scopes of `resource` that a user, or an administrator for everyone, has consented to.
    pub(crate) fn consented_scopes(&self, resource: &ClientId, upn: &str) -> Vec<&str> {
        let applies = |consent: &&Consent| {
            consent.resource == *resource
                && consent.users.as_ref().is_none_or(|users| users.iter().any(|user| user.eq_ignore_ascii_case(upn)))
        };
        self.consents.iter().filter(applies).flat_map(|consent| &consent.scopes).map(String::as_str).collect()
    }

    /// Whether tokens for this application carry the claim.
    pub(crate) fn wants(&self, claim: OptionalClaim) -> bool {
        self.optional_claims.contains(&claim)
    }
}

/// Where an application has service principals.
#[derive(Debug)]
pub(crate) enum Presence {
    /// In every tenant of the directory.
    Everywhere,
    /// In these; the first is its home.
    Listed(Vec<Uuid>),
}

/// The form of access tokens, chosen by the resource (`requestedAccessTokenVersion`), not by the endpoint that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

/// A client secret.
#[derive(Debug)]
pub(crate) struct AppSecret {
    pub(crate) value: Secret,
    pub(crate) expires: Option<UnixTime>,
}

/// Claims that a resource may ask to have in its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OptionalClaim {
    /// `app` in app-only tokens, `user` in others.
    Idtyp,
    /// The client's capabilities; also says that the resource can evaluate access continuously, so that its tokens live long.
    XmsCc,
    /// The user's mail address.
    Email,
    /// The user's principal name.
    Upn,
}

/// Delegated scopes granted to a client.
#[derive(Clone, Debug)]
pub(crate) struct Consent {
    pub(crate) resource: ClientId,
    pub(crate) scopes: Vec<String>,
    /// The users' names; `None` is an administrator's consent for all.
    pub(crate) users: Option<Vec<String>>,
}

/// App roles of a resource, given to an application or a user. Without roles it is the bare assignment.
#[derive(Debug)]
pub(crate) struct RoleAssignment {
    pub(crate) resource: ClientId,
    pub(crate) roles: Vec<String>,
}

/// How long things live, in seconds.
#[derive(Debug)]
pub(crate) struct Lifetimes {
    pub(crate) access_token: (u64, u64),
    pub(crate) continuous_access: (u64, u64),
    pub(crate) managed_identity: (u64, u64),
    pub(crate) id_token: u64,
    pub(crate) refresh_token: u64,
    pub(crate) authorization_code: u64,
}
