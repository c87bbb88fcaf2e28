//! The XML of gateways: elements and their text, in bounds.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use thiserror::Error;

/// Longest document that is read, in bytes.
pub const MAX_XML: usize = 256 * 1024;
/// Maximum depth of elements.
const MAX_DEPTH: usize = 32;
/// Longest text of an element that is kept, in bytes.
const MAX_TEXT: usize = 1024;

/// Fault of a document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It is longer than [`MAX_XML`].
    #[error("it is longer than {MAX_XML} bytes")]
    TooLong,
    /// It is not XML, for this reason.
    #[error("it is not well-formed XML: {0}")]
    Syntax(String),
    /// Elements are nested deeper than allowed.
    #[error("its elements are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It has a document type, which may define entities.
    #[error("it has a document type declaration")]
    DocumentType,
}

/// End of an element in a document.
pub(crate) struct Ended<'a> {
    /// Names of the enclosing elements, outermost first, without their prefixes.
    pub(crate) path: &'a [String],
    /// Name of the element, without its prefix.
    pub(crate) name: &'a str,
    /// Its text without spaces at the ends. Text beyond the limit is left out, as is that of elements with children.
    pub(crate) text: &'a str,
}

/// Calls `visit` at the end of each element.
pub(crate) fn walk(document: &[u8], mut visit: impl FnMut(Ended<'_>)) -> Result<(), XmlError> {
    if document.len() > MAX_XML {
        return Err(XmlError::TooLong);
    }
    let text = String::from_utf8_lossy(document);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    reader.config_mut().expand_empty_elements = true;
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    loop {
        match reader.read_event().map_err(|error| syntax(&error))? {
            Event::Start(start) => {
                if path.len() == MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                content.clear();
            }
            Event::End(_) => {
                if let Some(name) = path.pop() {
                    visit(Ended { path: &path, name: &name, text: content.trim() });
                }
                content.clear();
            }
            Event::Text(text) => push(&mut content, &String::from_utf8_lossy(&text)),
            Event::CData(text) => push(&mut content, &String::from_utf8_lossy(&text)),
            Event::GeneralRef(name) => {
                if let Some(c) = resolve(&name) {
                    push(&mut content, c.encode_utf8(&mut [0; 4]));
                }
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err(XmlError::Syntax("it ends within an element".to_owned())),
            _ => {}
        }
    }
}

/// Returns the character of a reference; `None` if it is not one of XML itself.
fn resolve(name: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return Some(c);
    }
    match &**name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

fn push(content: &mut String, text: &str) {
    let room = MAX_TEXT.saturating_sub(content.len());
    content.push_str(&text[..text.floor_char_boundary(room.min(text.len()))]);
}

fn syntax(error: &quick_xml::Error) -> XmlError {
    XmlError::Syntax(plain(&error.to_string(), 120))
}

/// Returns a foreign text in a form that can be shown: without control characters and direction overrides, and at most
/// `max` characters long.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let is_hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().filter(|c| !is_hidden(c)).take(max).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn leaves(document: &str) -> Result<Vec<(String, String)>, XmlError> {
        let mut all = Vec::new();
        walk(document.as_bytes(), |ended| all.push((ended.name.to_owned(), ended.text.to_owned())))?;
        Ok(all)
    }

    #[test]
    fn walk_returns_text_of_elements_without_prefixes() {
        let found =
            leaves("<?xml version=\"1.0\"?>\n<s:a><u:b x=\"1\"> 1 &lt; &#50; </u:b><c/><![CDATA[t]]></s:a>");
        let expected = [("b", "1 < 2"), ("c", ""), ("a", "t")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn walk_of_hostile_documents_is_an_error() {
        assert_eq!(leaves(&"<a>".repeat(33)), Err(XmlError::TooDeep));
        assert_eq!(leaves("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), Err(XmlError::DocumentType));
        assert!(matches!(leaves("<a><b></a>"), Err(XmlError::Syntax(_))));
        assert!(matches!(leaves("<a>"), Err(XmlError::Syntax(_))));
        assert_eq!(leaves(&" ".repeat(MAX_XML + 1)), Err(XmlError::TooLong));
        let long = leaves(&format!("<a>{}</a>", "é".repeat(5000))).unwrap();
        assert_eq!(long[0].1.len(), MAX_TEXT);
    }

    #[test]
    fn plain_leaves_out_what_deceives() {
        assert_eq!(plain("a\u{202e}b\n\u{7}c\u{200b}", 10), "abc");
        assert_eq!(plain("abcdef", 3), "abc");
    }
}
