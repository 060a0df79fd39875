//! The tenant segment of an endpoint: one tenant, or an alias for any.

use sidekey_oauth::TenantId;
use uuid::Uuid;

use super::Refusal;
use crate::directory::{App, Directory, Tenant};

/// Where a request was sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'d> {
    /// One tenant.
    Tenant(&'d Tenant),
    /// `common`.
    Common,
    /// `organizations`.
    Organizations,
    /// `consumers`: personal accounts, of which there are none here.
    Consumers,
}

impl<'d> Place<'d> {
    /// What a tenant segment means.
    pub(crate) fn find(directory: &'d Directory, segment: &str) -> Result<Self, Refusal> {
        match segment.parse() {
            Err(_) => Err(Refusal::malformed_tenant(segment)),
            Ok(TenantId::Common) => Ok(Self::Common),
            Ok(TenantId::Organizations) => Ok(Self::Organizations),
            Ok(id) => match directory.tenant(&id) {
                Some(tenant) => Ok(Self::Tenant(tenant)),
                None if id == TenantId::Consumers => Ok(Self::Consumers),
                None => Err(Refusal::tenant_not_found(segment)),
            },
        }
    }

    /// The tenant, where it is one.
    pub(crate) fn tenant(self) -> Option<&'d Tenant> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::Common | Self::Organizations | Self::Consumers => None,
        }
    }

    /// Whether a user of that tenant may come this way.
    pub(crate) fn admits(self, tenant: Uuid) -> bool {
        match self {
            Self::Tenant(own) => own.id == tenant,
            Self::Common | Self::Organizations => true,
            Self::Consumers => false,
        }
    }

    /// The canonical segment: a tenant's id, or the alias.
    pub(crate) fn segment(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.id.to_string(),
            Self::Common => "common".to_owned(),
            Self::Organizations => "organizations".to_owned(),
            Self::Consumers => "consumers".to_owned(),
        }
    }

    /// The id as it stands in an issuer: a tenant's, or the placeholder that clients fill in.
    pub(crate) fn issuer_segment(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.id.to_string(),
            Self::Common | Self::Organizations => "{tenantid}".to_owned(),
            Self::Consumers => TenantId::Consumers.guid().map(|id| id.to_string()).unwrap_or_default(),
        }
    }

    /// The client that a request names, if it may be used here.
    pub(crate) fn client(self, directory: &'d Directory, client_id: &str) -> Result<&'d App, Refusal> {
        let name = self.tenant().map_or_else(|| self.segment(), |tenant| tenant.name().to_owned());
        let known = client_id.parse().ok().and_then(|id| directory.app(&id));
        let app = known.ok_or_else(|| Refusal::app_not_found(client_id, &name))?;
        match self.tenant() {
            None if !app.multi_tenant => Err(Refusal::not_multi_tenant(&app.client_id, &app.name)),
            Some(tenant) if !app.is_in(tenant.id) && app.multi_tenant => {
                Err(Refusal::no_service_principal(&app.client_id, tenant.id))
            }
            Some(tenant) if !app.is_in(tenant.id) => Err(Refusal::app_not_found(client_id, &name)),
            _ if app.disabled => Err(Refusal::app_disabled(&app.client_id, &app.name)),
            _ => Ok(app),
        }
    }
}
