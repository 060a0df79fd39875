//! ASP.NET's JSON dialect: comments, trailing commas, byte order marks, UTF-16.
//!
//! Comments and trailing commas are blanked out where they stand, so that the rest is plain JSON whose lines and columns
//! are those of the file.

use crate::json::{JsonFault, fault};

/// A file's text from its bytes, and whether bytes had to be replaced because they were no text.
pub(crate) fn decode(bytes: &[u8]) -> (String, bool) {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let replaced = text.contains(char::REPLACEMENT_CHARACTER) && std::str::from_utf8(bytes).is_err();
    (text, replaced)
}

/// Replaces comments and trailing commas by blanks, byte for byte.
pub(crate) fn blank_out(text: &str) -> Result<String, JsonFault> {
    let mut bytes = text.as_bytes().to_vec();
    let mut index = 0;
    // The last byte of JSON proper and, where it is a comma that may turn out to be a trailing one, its place.
    let (mut last, mut comma) = (0_u8, None);
    while let Some(&byte) = bytes.get(index) {
        let next = bytes.get(index + 1).copied();
        let end = match (byte, next) {
            (b'/', Some(b'/')) => blank(&mut bytes, index, line_end(text, index)),
            (b'/', Some(b'*')) => match text.get(index + 2..).and_then(|rest| rest.find("*/")) {
                Some(length) => blank(&mut bytes, index, index + 2 + length + 2),
                None => return Err(open_comment(text, index)),
            },
            (b'"', _) => string_end(&bytes, index),
            _ => index + 1,
        };
        let is_comment = byte == b'/' && matches!(next, Some(b'/' | b'*'));
        if !is_comment && !byte.is_ascii_whitespace() {
            if let (b']' | b'}', Some(comma)) = (byte, comma) {
                blank(&mut bytes, comma, comma + 1);
            }
            comma = (byte == b',' && !matches!(last, 0 | b',' | b'[' | b'{' | b':')).then_some(index);
            last = byte;
        }
        index = end;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn blank(bytes: &mut [u8], start: usize, end: usize) -> usize {
    for byte in bytes.iter_mut().take(end).skip(start).filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    end
}

fn line_end(text: &str, start: usize) -> usize {
    text.get(start..).and_then(|rest| rest.find(['\n', '\r'])).map_or(text.len(), |length| start + length)
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'"' => return index + 1,
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// Line and column, both from 1, of a place in a text.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, offset - line_start + 1)
}

fn open_comment(text: &str, start: usize) -> JsonFault {
    let (line, column) = position(text, start);
    fault(line, column, "the comment that starts here has no end", "close it with `*/`")
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks(2).map(|pair| match *pair {
        [first, second] => unit([first, second]),
        _ => 0xFFFD,
    });
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_blanked_out_keeps_its_length_and_its_lines() {
        let table = [
            ("[1, // é\n2,]", "[1,      \n2 ]"),
            ("/*\n,*/{\"/*,]\":\"\\\"//\",}", "  \n   {\"/*,]\":\"\\\"//\" }"),
            ("[,] [1,,] {,}", "[,] [1,,] {,}"),
            ("[1,/**/]", "[1     ]"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_out(text).unwrap(), expected);
            assert_eq!(text.len(), expected.len());
        }
    }

    #[test]
    fn utf8_and_utf16_files_with_a_mark_are_read() {
        let little: Vec<u8> = "\u{feff}{\"é\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}{\"é\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little[..], &big[..], "\u{feff}{\"é\":1}".as_bytes(), "{\"é\":1}".as_bytes()] {
            assert_eq!(decode(bytes), ("{\"é\":1}".to_owned(), false));
        }
        assert_eq!(decode(b"{\"\xe9\":1}"), ("{\"\u{fffd}\":1}".to_owned(), true));
    }
}
