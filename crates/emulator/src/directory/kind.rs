//! What kinds of applications there are besides the ordinary one.
//!
//! See <https://learn.microsoft.com/entra/agent-id/identity-platform/agent-identities>.

use sidekey_oauth::{ClientId, grant};
use uuid::Uuid;

/// The kind of an application.
#[derive(Debug)]
pub(crate) enum Kind {
    /// An ordinary application registration.
    Application,
    /// The parent of agent identities: it has credentials and vouches for them.
    Blueprint {
        /// Whether it is an ordinary application too, with tokens of its own for resources.
        also_application: bool,
    },
    /// An agent identity: a service principal without credentials.
    Agent(Agent),
    /// A managed identity: a service principal whose tokens come from the host that it is on.
    ManagedIdentity(ManagedIdentity),
}

/// What an agent identity is beyond an application.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Its only parent.
    pub(crate) blueprint: ClientId,
}

/// What a managed identity is beyond an application.
#[derive(Debug)]
pub(crate) struct ManagedIdentity {
    pub(crate) principal_id: Uuid,
    /// The Azure Resource Manager id.
    pub(crate) resource_id: String,
    /// Whether it belongs to one machine.
    pub(crate) system_assigned: bool,
    /// The hosts that have it.
    pub(crate) hosts: Vec<Host>,
}

/// A place that hands out tokens of managed identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Host {
    /// The instance metadata service of virtual machines.
    Imds,
    /// App Service, Functions, Container Apps.
    AppService,
    /// Azure Arc-enabled servers.
    Arc,
    /// Service Fabric.
    ServiceFabric,
    /// Azure Machine Learning.
    AzureMl,
}

impl Host {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Imds, Self::AppService, Self::Arc, Self::ServiceFabric, Self::AzureMl];
}

impl Kind {
    /// Whether it is an application registration, that is: a blueprint or an ordinary one, and not a mere identity.
    pub(crate) fn is_registration(&self) -> bool {
        matches!(self, Self::Application | Self::Blueprint { .. })
    }

    /// Whether agent identities may have it as their parent.
    pub(crate) fn is_blueprint(&self) -> bool {
        matches!(self, Self::Blueprint { .. })
    }

    /// Whether it is the parent of agent identities and nothing else.
    pub(crate) fn is_blueprint_only(&self) -> bool {
        matches!(self, Self::Blueprint { also_application: false })
    }

    /// The agent identity, where it is one.
    pub(crate) fn agent(&self) -> Option<&Agent> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::Application | Self::Blueprint { .. } | Self::ManagedIdentity(_) => None,
        }
    }

    /// The managed identity, where it is one.
    pub(crate) fn managed_identity(&self) -> Option<&ManagedIdentity> {
        match self {
            Self::ManagedIdentity(identity) => Some(identity),
            Self::Application | Self::Blueprint { .. } | Self::Agent(_) => None,
        }
    }

    /// The service principal's object id, where the kind fixes it.
    pub(super) fn object_id(&self, client_id: &ClientId) -> Option<Uuid> {
        match self {
            Self::Agent(_) => Uuid::try_parse(client_id.as_str()).ok(),
            Self::ManagedIdentity(identity) => Some(identity.principal_id),
            Self::Application | Self::Blueprint { .. } => None,
        }
    }

    /// Whether this kind of client may use a grant. Neither agents nor their blueprints sign people in.
    pub(crate) fn may_use(&self, name: &str) -> bool {
        let without_people = [grant::CLIENT_CREDENTIALS, grant::JWT_BEARER, grant::REFRESH_TOKEN].contains(&name);
        match self {
            Self::Application | Self::Blueprint { also_application: true } => name != grant::USER_FIC,
            Self::Blueprint { also_application: false } => without_people,
            Self::Agent(_) => without_people || name == grant::USER_FIC,
            Self::ManagedIdentity(_) => name == grant::CLIENT_CREDENTIALS,
        }
    }
}
