//! The built-in roles for a vault's data, and the data actions that they allow.
//!
//! See <https://learn.microsoft.com/azure/key-vault/general/rbac-guide>.

/// A built-in role.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) id: &'static str,
    /// Data actions behind `Microsoft.KeyVault/vaults/`; `*` stands for anything.
    actions: &'static [&'static str],
}

impl Role {
    /// By name or id; case does not matter.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        let is_meant = |role: &&Self| role.name.eq_ignore_ascii_case(name) || role.id.eq_ignore_ascii_case(name);
        ROLES.iter().find(is_meant)
    }

    /// All names, for messages.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ROLES.iter().map(|role| role.name)
    }

    /// Whether the role allows an action.
    pub(crate) fn allows(&self, action: &str) -> bool {
        self.actions.iter().any(|own| matches(own, action))
    }
}

/// One `*` at most, at either end.
fn matches(pattern: &str, action: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            action.len() >= start.len() + end.len() && action.starts_with(start) && action.ends_with(end)
        }
        None => pattern == action,
    }
}

const ROLES: &[Role] = &[
    Role { name: "Key Vault Administrator", id: "00482a5a-887f-4fb3-b363-3b7fe8e74483", actions: &["*"] },
    Role {
        name: "Key Vault Reader",
        id: "21090545-7ca7-4776-b22c-e363652d74d2",
        actions: &["*/read", "secrets/readMetadata/action"],
    },
    Role {
        name: "Key Vault Secrets User",
        id: "4633458b-17de-408a-b874-0445c86b69e6",
        actions: &["secrets/getSecret/action", "secrets/readMetadata/action"],
    },
    Role { name: "Key Vault Secrets Officer", id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", actions: &["secrets/*"] },
    Role {
        name: "Key Vault Certificate User",
        id: "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
        actions: &["certificates/read", "secrets/getSecret/action", "secrets/readMetadata/action", "keys/read"],
    },
    Role {
        name: "Key Vault Certificates Officer",
        id: "a4417e6f-fecd-4de8-b567-7b0420556985",
        actions: &["certificatecas/*", "certificates/*", "certificatecontacts/write"],
    },
    Role {
        name: "Key Vault Crypto User",
        id: "12338af0-0e69-4776-bea7-57ae8d297424",
        actions: &[
            "keys/read",
            "keys/update/action",
            "keys/backup/action",
            "keys/encrypt/action",
            "keys/decrypt/action",
            "keys/wrap/action",
            "keys/unwrap/action",
            "keys/sign/action",
            "keys/verify/action",
        ],
    },
    Role {
        name: "Key Vault Crypto Officer",
        id: "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        actions: &["keys/*", "keyrotationpolicies/*"],
    },
    Role {
        name: "Key Vault Crypto Service Encryption User",
        id: "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        actions: &["keys/read", "keys/wrap/action", "keys/unwrap/action"],
    },
    // It gives roles to others and reads nothing itself.
    Role { name: "Key Vault Data Access Administrator", id: "8b54135c-b56d-4d72-a534-26097cfdc8d8", actions: &[] },
    // The control plane only: no access to data.
    Role { name: "Key Vault Contributor", id: "f25e0fa2-a7c8-4377-a976-54943a77a395", actions: &[] },
    Role { name: "Reader", id: "acdd72a7-3385-48ef-bd42-f606fba81ae7", actions: &[] },
    Role { name: "Contributor", id: "b24988ac-6180-42a0-ab88-20f7382dd24c", actions: &[] },
    Role { name: "Owner", id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", actions: &[] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_what_it_is_for_and_no_more() {
        let cases = [
            ("Key Vault Reader", "secrets/readMetadata/action", true),
            ("Key Vault Reader", "secrets/getSecret/action", false),
            ("Key Vault Reader", "keys/read", true),
            ("key vault secrets user", "secrets/getSecret/action", true),
            ("Key Vault Secrets User", "secrets/setSecret/action", false),
            ("Key Vault Secrets Officer", "secrets/purge/action", true),
            ("Key Vault Secrets Officer", "keys/read", false),
            ("Key Vault Certificate User", "secrets/getSecret/action", true),
            ("Key Vault Certificate User", "keys/sign/action", false),
            ("12338af0-0e69-4776-bea7-57ae8d297424", "keys/sign/action", true),
            ("Key Vault Crypto User", "keys/create/action", false),
            ("Key Vault Administrator", "certificates/create/action", true),
            ("Key Vault Contributor", "secrets/getSecret/action", false),
            ("Reader", "certificates/read", false),
        ];
        for (role, action, expected) in cases {
            assert_eq!(Role::find(role).unwrap().allows(action), expected, "{role} {action}");
        }
        assert!(Role::find("Key Vault Wizard").is_none());
    }
}
