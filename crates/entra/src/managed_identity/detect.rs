//! Which host this is, by its environment: the first whose variables are all set.

use crate::Environment;

/// The hosts that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ServiceFabric,
    AppService,
    AzureMl,
    CloudShell,
    AzureArc,
    Imds,
}

/// The order is that of Microsoft's .NET library. `arc_agent` says whether the agent of Azure Arc is installed; on a machine
/// with it services may not have been given the variables.
pub(super) fn kind(environment: &Environment, arc_agent: bool) -> Kind {
    let matches = |(variables, _): &&(&[&str], Kind)| variables.iter().all(|name| environment.has(name));
    match ORDER.iter().find(matches) {
        Some((_, kind)) => *kind,
        None if arc_agent => Kind::AzureArc,
        None => Kind::Imds,
    }
}

const ORDER: &[(&[&str], Kind)] = &[
    (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"], Kind::ServiceFabric),
    (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER"], Kind::AppService),
    (&["MSI_ENDPOINT", "MSI_SECRET"], Kind::AzureMl),
    (&["MSI_ENDPOINT"], Kind::CloudShell),
    (&["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"], Kind::AzureArc),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_with_all_of_its_variables_is_it() {
        let table: &[(&[&str], Kind)] = &[
            (&[], Kind::Imds),
            (&["AZURE_POD_IDENTITY_AUTHORITY_HOST"], Kind::Imds),
            (&["IDENTITY_ENDPOINT"], Kind::Imds),
            (&["IDENTITY_HEADER"], Kind::Imds),
            (&["MSI_SECRET"], Kind::Imds),
            (&["IDENTITY_ENDPOINT", "IDENTITY_SERVER_THUMBPRINT"], Kind::Imds),
            (&["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"], Kind::AzureArc),
            (&["MSI_ENDPOINT"], Kind::CloudShell),
            (&["MSI_ENDPOINT", "IDENTITY_ENDPOINT", "IMDS_ENDPOINT"], Kind::CloudShell),
            (&["MSI_ENDPOINT", "MSI_SECRET"], Kind::AzureMl),
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER"], Kind::AppService),
            // App Service sets both generations.
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"], Kind::AppService),
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT"], Kind::AppService),
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"], Kind::ServiceFabric),
        ];
        for (variables, expected) in table {
            let environment = Environment::from_pairs(variables.iter().map(|name| (*name, "x")));
            assert_eq!(kind(&environment, false), *expected, "{variables:?}");
            let with_agent = if *expected == Kind::Imds { Kind::AzureArc } else { *expected };
            assert_eq!(kind(&environment, true), with_agent, "{variables:?} with the agent");
        }
    }
}
