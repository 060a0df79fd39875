//! Media types (RFC 9110 §8.3.1): a body is forwarded only with one that can be read.

/// Whether a text is `type/subtype`, then parameters.
pub(crate) fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').map_or((text, None), |(head, tail)| (head, Some(tail)));
    let Some((kind, subtype)) = essence.trim().split_once('/') else { return false };
    is_token(kind) && is_token(subtype) && parameters.is_none_or(are_parameters)
}

fn are_parameters(text: &str) -> bool {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((name, value)) = rest.split_once('=') else { return false };
        let end = match value.strip_prefix('"') {
            Some(quoted) => end_of_quoted(quoted).map(|end| end + 1),
            None => Some(value.find(';').unwrap_or(value.len())),
        };
        let Some((value, behind)) = end.and_then(|end| value.split_at_checked(end)) else { return false };
        let behind = behind.trim_start();
        if !is_token(name.trim()) || !(value.starts_with('"') || is_token(value.trim())) {
            return false;
        }
        match (behind.strip_prefix(';'), behind.is_empty()) {
            (Some(next), _) => rest = next.trim(),
            (None, is_end) => return is_end,
        }
    }
    true
}

/// The index behind the closing quote.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    end.map(|index| index + 1)
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_parsed_before_a_body_is_forwarded() {
        for good in [
            "application/json",
            "text/plain; charset=utf-8",
            "text/plain ;charset=\"utf-8\" ; a=b;",
            "multipart/form-data; boundary=\"a;\\\"b\"",
            "application/vnd.api+json;",
        ] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in [
            "",
            "json",
            "a/",
            "/b",
            "a b/c",
            "a/b/c",
            "a/b; c",
            "a/b; =c",
            "a/b; c=",
            "a/b; c=\"d",
            "a/b; c=\"d\"e",
            "a/b,c/d",
        ] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
