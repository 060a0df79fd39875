//! The directory file as it is written: YAML, names in camelCase, unknown keys refused.

use std::path::PathBuf;

use serde::Deserialize;
use sidekey_oauth::Secret;
use uuid::Uuid;

use crate::http::Fault;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DirectoryFile {
    /// Which cloud is emulated; the public one if absent.
    #[serde(default)]
    pub(super) cloud: super::CloudName,
    pub(super) tenants: Vec<TenantFile>,
    #[serde(default)]
    pub(super) apps: Vec<AppFile>,
    /// Agent identities: they have no credentials, their blueprints vouch for them.
    #[serde(default)]
    pub(super) agents: Vec<AgentFile>,
    /// Managed identities, and which hosts have them.
    #[serde(default)]
    pub(super) managed_identities: Vec<ManagedIdentityFile>,
    /// The hosts that hand out managed identities' tokens.
    #[serde(default)]
    pub(super) hosts: HostsFile,
    #[serde(default)]
    pub(super) lifetimes: LifetimesFile,
    /// Whether a client assertion works once only. Off, because SDKs rightly send a projected token more than once.
    #[serde(default)]
    pub(super) refuse_replayed_assertions: bool,
    /// When a user has to prove more than a password.
    #[serde(default)]
    pub(super) conditional_access: Vec<RuleFile>,
    /// Replies that go wrong on purpose, from the start.
    #[serde(default)]
    pub(super) faults: Vec<Fault>,
    /// Key vaults.
    #[serde(default)]
    pub(super) vaults: Vec<super::vault_file::VaultFile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TenantFile {
    pub(super) id: Uuid,
    pub(super) display_name: String,
    #[serde(default)]
    pub(super) domains: Vec<String>,
    #[serde(default)]
    pub(super) users: Vec<UserFile>,
    /// User flows of Azure AD B2C.
    #[serde(default)]
    pub(super) user_flows: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UserFile {
    pub(super) upn: String,
    pub(super) oid: Uuid,
    pub(super) display_name: String,
    /// Without one the user cannot sign in by password.
    pub(super) password: Option<Secret>,
    #[serde(default)]
    pub(super) disabled: bool,
    #[serde(default)]
    pub(super) role_assignments: Vec<RoleAssignmentFile>,
    /// The agent identity whose user account this is; it alone gets tokens for it.
    pub(super) agent: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of an app registration")]
pub(super) struct AppFile {
    pub(super) client_id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) kind: KindFile,
    /// Where the application has a service principal: ids or domains, its home first.
    pub(super) tenants: Option<Vec<String>>,
    #[serde(default)]
    pub(super) multi_tenant: bool,
    #[serde(default)]
    pub(super) disabled: bool,
    #[serde(default)]
    pub(super) identifier_uris: Vec<String>,
    /// 1 or 2: the form of the access tokens that are made **for** this application.
    pub(super) token_version: Option<u8>,
    #[serde(default)]
    pub(super) secrets: Vec<SecretFile>,
    #[serde(default)]
    pub(super) certificates: Vec<CertificateFile>,
    #[serde(default)]
    pub(super) trusted_subjects: Vec<TrustedSubjectFile>,
    #[serde(default)]
    pub(super) federated_credentials: Vec<FederatedCredentialFile>,
    /// Entra's "allow public client flows".
    #[serde(default)]
    pub(super) public_client: bool,
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) app_roles: Vec<String>,
    #[serde(default)]
    pub(super) optional_claims: Vec<super::OptionalClaim>,
    #[serde(default)]
    pub(super) consents: Vec<ConsentFile>,
    #[serde(default)]
    pub(super) role_assignments: Vec<RoleAssignmentFile>,
    #[serde(default)]
    pub(super) assignment_required: bool,
    /// Whether agents' tokens for this application say that they are agents'. On for Microsoft Graph if absent, off for others.
    pub(super) agent_claims: Option<bool>,
}

/// What an application registration is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum KindFile {
    #[default]
    Application,
    /// The parent of agent identities, which gets no tokens of its own for resources.
    Blueprint,
    /// Both in one, for small set-ups.
    ApplicationAndBlueprint,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AgentFile {
    /// Also its object id.
    pub(super) client_id: Uuid,
    pub(super) name: String,
    pub(super) blueprint: String,
    /// The blueprint's home if absent.
    pub(super) tenant: Option<String>,
    #[serde(default)]
    pub(super) disabled: bool,
    /// Whether the blueprint's delegated permissions are the agent's too. They are if absent.
    pub(super) inherit_permissions: Option<bool>,
    #[serde(default)]
    pub(super) consents: Vec<ConsentFile>,
    #[serde(default)]
    pub(super) role_assignments: Vec<RoleAssignmentFile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ManagedIdentityFile {
    pub(super) name: String,
    pub(super) kind: ManagedIdentityKindFile,
    pub(super) client_id: Uuid,
    /// The service principal's object id.
    pub(super) principal_id: Uuid,
    /// The Azure Resource Manager id: of a user-assigned identity its own, of a system-assigned one its machine's.
    pub(super) resource_id: String,
    /// The first tenant if absent.
    pub(super) tenant: Option<String>,
    /// The hosts that have it; all if absent.
    pub(super) hosts: Option<Vec<super::Host>>,
    #[serde(default)]
    pub(super) role_assignments: Vec<RoleAssignmentFile>,
    /// For user-assigned identities only.
    #[serde(default)]
    pub(super) federated_credentials: Vec<FederatedCredentialFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ManagedIdentityKindFile {
    SystemAssigned,
    UserAssigned,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct HostsFile {
    /// The Azure region that the instance metadata names.
    pub(super) region: String,
    /// Whose session the cloud shell has; without it there is none.
    pub(super) cloud_shell: Option<CloudShellFile>,
}

impl Default for HostsFile {
    fn default() -> Self {
        Self { region: "westeurope".to_owned(), cloud_shell: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CloudShellFile {
    /// The application that asks for the user.
    pub(super) client: String,
    /// The user's name.
    pub(super) user: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SecretFile {
    pub(super) value: Secret,
    /// RFC 3339.
    pub(super) expires: Option<String>,
}

/// Exactly one of the three.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CertificateFile {
    pub(super) pem: Option<String>,
    pub(super) path: Option<PathBuf>,
    /// SHA-1 or SHA-256, in hex. The client then has to send the certificate itself (`x5c`).
    pub(super) thumbprint: Option<String>,
}

/// Subject name and issuer: any certificate with this subject that the issuer signed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TrustedSubjectFile {
    pub(super) subject: String,
    /// The issuing authority's certificate.
    pub(super) issuer: CertificateFile,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FederatedCredentialFile {
    pub(super) name: String,
    pub(super) issuer: String,
    /// Either this or an expression.
    pub(super) subject: Option<String>,
    pub(super) claims_matching_expression: Option<ExpressionFile>,
    pub(super) audience: String,
    /// Such as `30s`: how long after the start it is not known yet.
    pub(super) propagation: Option<String>,
}

/// The expression of a flexible credential.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExpressionFile {
    pub(super) value: String,
    pub(super) language_version: Option<u8>,
}

/// A Conditional Access rule.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RuleFile {
    /// Names of users; everybody who signs in if absent.
    pub(super) users: Option<Vec<String>>,
    /// All if absent.
    pub(super) resources: Option<Vec<String>>,
    /// All if absent; any of them is enough.
    pub(super) scopes: Option<Vec<String>>,
    /// 50076 (a second factor) if absent; or 50079 (enrol one), 50158 (another party), 53003 (blocked).
    pub(super) code: Option<u64>,
    /// The authentication context that satisfies the rule; `c1` if absent.
    pub(super) context: Option<String>,
}

/// Delegated permissions of this application; for everyone unless users are named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ConsentFile {
    pub(super) resource: String,
    pub(super) scopes: Vec<String>,
    pub(super) users: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RoleAssignmentFile {
    pub(super) resource: String,
    #[serde(default)]
    pub(super) roles: Vec<String>,
}

/// How long things live. Access tokens get a random life between their bounds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LifetimesFile {
    pub(super) access_token_minutes: Range,
    pub(super) continuous_access_minutes: Range,
    pub(super) managed_identity_minutes: Range,
    pub(super) id_token_minutes: u32,
    pub(super) refresh_token_days: u32,
    pub(super) authorization_code_minutes: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Range {
    pub(super) minimum: u32,
    pub(super) maximum: u32,
}

impl Default for LifetimesFile {
    fn default() -> Self {
        Self {
            access_token_minutes: Range { minimum: 60, maximum: 90 },
            continuous_access_minutes: Range { minimum: 20 * 60, maximum: 28 * 60 },
            managed_identity_minutes: Range { minimum: 24 * 60, maximum: 24 * 60 },
            id_token_minutes: 60,
            refresh_token_days: 90,
            authorization_code_minutes: 10,
        }
    }
}
