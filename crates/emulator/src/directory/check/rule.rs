//! Conditional Access rules.

use super::{Checker, each};
use crate::directory::{Rule, file::RuleFile};

impl Checker<'_> {
    pub(super) fn rule(&mut self, file: RuleFile, path: &str) -> Rule {
        for (i, user) in file.users.iter().flatten().enumerate() {
            if !self.names.has_user(user) {
                self.fault(&format!("{path}.users[{i}]"), format!("there is no user `{user}`"));
            }
        }
        let resources = file.resources.map(|names| {
            each(names, &format!("{path}.resources"), |name, path| {
                let found = self.names.resource(&name);
                self.ok(path, found).map(|resource| resource.id)
            })
        });
        let code = file.code.unwrap_or(50_076);
        if !Rule::CODES.contains(&code) {
            self.fault(&format!("{path}.code"), format!("is {code}: write one of {:?}", Rule::CODES));
        }
        let context = file.context.unwrap_or_else(|| "c1".to_owned());
        let number = context.strip_prefix('c').and_then(|number| number.parse::<u8>().ok());
        if !number.is_some_and(|number| (1..=99).contains(&number)) {
            self.fault(&format!("{path}.context"), format!("`{context}` is no context: write `c1` to `c99`"));
        }
        Rule { users: file.users, resources, scopes: file.scopes, code, context }
    }
}

#[cfg(test)]
mod tests {
    use crate::directory::read;

    #[test]
    fn each_fault_names_its_path_and_what_to_write() {
        let faults = |rule: &str| {
            let yaml = format!(
                "tenants:\n  - {{id: aaaabbbb-0000-cccc-1111-dddd2222eeee, displayName: C}}\nconditionalAccess:\n  - {{{rule}}}\n"
            );
            read(&yaml, std::path::Path::new(".")).err().map(|error| error.0).unwrap_or_default()
        };
        for (rule, expected) in [
            ("users: [a@b.example]", "conditionalAccess[0].users[0]: there is no user"),
            ("resources: [x]", "conditionalAccess[0].resources[0]: no application"),
            ("code: 1", "conditionalAccess[0].code: is 1: write one of [50076, 50079, 50158, 53003]"),
            ("context: mfa", "conditionalAccess[0].context: `mfa` is no context"),
            ("context: c100", "conditionalAccess[0].context: `c100`"),
        ] {
            assert!(faults(rule).contains(expected), "{rule}\n{}", faults(rule));
        }
        assert_eq!(faults("code: 53003, context: c99"), "");
    }
}
