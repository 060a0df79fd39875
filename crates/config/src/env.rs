//! Environment variables as configuration keys: `__` is `:`, prefixes are compared without case.

use std::collections::HashMap;

use crate::{Warning, key};

/// A value on its way into a layer: key, value, source.
pub(crate) type Pair = (String, String, String);

/// The variables whose names begin with the prefix, without it; all of them for an empty prefix.
pub(crate) fn pairs(variables: &[(String, String)], prefix: &str) -> Vec<Pair> {
    let strip = |(name, value): &(String, String)| {
        let key = name.replace("__", ":");
        let start = key.get(..prefix.len())?;
        let rest = start.eq_ignore_ascii_case(prefix).then(|| key.get(prefix.len()..))??;
        (!rest.is_empty()).then(|| (rest.to_owned(), value.clone(), format!("environment variable `{name}`")))
    };
    variables.iter().filter_map(strip).collect()
}

/// Variables with different values whose keys are the same without case; the last one counts.
pub(crate) fn collisions(pairs: &[Pair]) -> Vec<Warning> {
    let mut seen: HashMap<String, &Pair> = HashMap::new();
    let mut warnings = Vec::new();
    for pair in pairs {
        if let Some(earlier) = seen.insert(key::fold(&pair.0), pair).filter(|earlier| earlier.1 != pair.1) {
            let message = format!("set by {} and by {}; the latter counts, remove one", earlier.2, pair.2);
            warnings.push(Warning { key: pair.0.clone(), message });
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_keys() {
        let table = [
            ("AzureAd__ClientId", "", Some("AzureAd:ClientId")),
            ("A___B", "", Some("A:_B")),
            ("A:B", "", Some("A:B")),
            ("Logging__LogLevel__Microsoft.Identity.Web", "", Some("Logging:LogLevel:Microsoft.Identity.Web")),
            ("aspnetcore_URLS", "ASPNETCORE_", Some("URLS")),
            ("ASPNETCORE_AzureAd__ClientId", "ASPNETCORE_", Some("AzureAd:ClientId")),
            ("ASPNETCORE__URLS", "ASPNETCORE_", None),
            ("ASPNETCORE_", "ASPNETCORE_", None),
            ("é", "ASPNETCORE_", None),
        ];
        for (name, prefix, expected) in table {
            let found = pairs(&[(name.to_owned(), "v".to_owned())], prefix);
            assert_eq!(found.first().map(|pair| pair.0.as_str()), expected, "{name}");
        }
    }
}
