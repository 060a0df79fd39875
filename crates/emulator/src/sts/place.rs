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
    /// A user flow of a tenant (Azure AD B2C).
    UserFlow(&'d Tenant, &'d str),
    /// `common`.
    Common,
    /// `organizations`.
    Organizations,
    /// `consumers`: personal accounts, of which there are none here.
    Consumers,
}

impl<'d> Place<'d> {
    /// What a tenant segment means, or `{tenant}/{user flow}`.
    pub(crate) fn find(directory: &'d Directory, segment: &str) -> Result<Self, Refusal> {
        if let Some((tenant, flow)) = segment.split_once('/') {
            let tenant = Self::find(directory, tenant)?.tenant().ok_or_else(|| Refusal::tenant_not_found(segment))?;
            let found = tenant.user_flows.iter().find(|own| own.eq_ignore_ascii_case(flow));
            return found.map(|flow| Self::UserFlow(tenant, flow)).ok_or_else(|| Refusal::tenant_not_found(segment));
        }
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
            Self::Tenant(tenant) | Self::UserFlow(tenant, _) => Some(tenant),
            Self::Common | Self::Organizations | Self::Consumers => None,
        }
    }

    /// The user flow, where it is one.
    pub(crate) fn user_flow(self) -> Option<&'d str> {
        match self {
            Self::UserFlow(_, flow) => Some(flow),
            _ => None,
        }
    }

    /// Whether a user of that tenant may come this way.
    pub(crate) fn admits(self, tenant: Uuid) -> bool {
        match self {
            Self::Tenant(own) | Self::UserFlow(own, _) => own.id == tenant,
            Self::Common | Self::Organizations => true,
            Self::Consumers => false,
        }
    }

    /// The canonical segment: a tenant's id, or the alias.
    pub(crate) fn segment(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.id.to_string(),
            Self::UserFlow(tenant, flow) => format!("{}/{flow}", tenant.id),
            Self::Common => "common".to_owned(),
            Self::Organizations => "organizations".to_owned(),
            Self::Consumers => "consumers".to_owned(),
        }
    }

    /// The id as it stands in an issuer: a tenant's, or the placeholder that clients fill in.
    pub(crate) fn issuer_segment(self) -> String {
        match self {
            Self::Tenant(tenant) | Self::UserFlow(tenant, _) => tenant.id.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_flow_is_a_tenants_own_whatever_its_case() {
        let flows = "displayName: Contoso\n    userFlows: [B2C_1_susi]\n";
        let yaml = crate::Emulator::DEFAULT_DIRECTORY.replacen("displayName: Contoso\n", flows, 1);
        let directory = crate::directory::read(&yaml, std::path::Path::new(".")).unwrap();
        let place = |segment: &str| Place::find(&directory, segment).map_err(|refusal| refusal.code);
        let found = place("contoso.onmicrosoft.com/b2c_1_SUSI").unwrap();
        assert_eq!(found.user_flow(), Some("B2C_1_susi"));
        assert_eq!(found.segment(), "aaaabbbb-0000-cccc-1111-dddd2222eeee/B2C_1_susi");
        assert_eq!(place("contoso.onmicrosoft.com").unwrap().user_flow(), None);
        for unknown in ["contoso.onmicrosoft.com/B2C_1_x", "fabrikam.onmicrosoft.com/B2C_1_susi", "common/B2C_1_susi"] {
            assert_eq!(place(unknown).err(), Some(90_002), "{unknown}");
        }
        let wrong = yaml.replace("B2C_1_susi", "B2C_1_su si");
        let fault = crate::directory::read(&wrong, std::path::Path::new(".")).unwrap_err().0;
        assert!(fault.contains("tenants[0].userFlows[0]: `B2C_1_su si`"), "{fault}");
    }
}
