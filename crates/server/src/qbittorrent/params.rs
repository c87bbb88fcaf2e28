//! Parameters of requests: queries, forms, and forms with files.

use super::answer::Failure;
use crate::api::read_body;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, header};
use percent_encoding::percent_decode;
use std::borrow::Cow;
use std::time::Duration;

/// Maximum length of a body in bytes: several large torrent files.
const MAX_BODY: usize = 96 << 20;
/// Maximum length of a body before a login, in bytes.
pub(super) const MAX_LOGIN: usize = 16 << 10;
/// Maximum number of fields, and of files.
const MAX_FIELDS: usize = 4096;
/// Longest time between two parts of a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// Parameters of a request. Of several with one name, the last counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Params {
    fields: Vec<(String, String)>,
    /// Content of all files, whatever their fields are called.
    files: Vec<Vec<u8>>,
    /// The body of a plain form.
    body: Vec<u8>,
}

impl Params {
    /// Reads the parameters: those of the query with GET and HEAD, and those of the body with POST.
    pub(super) async fn read(parts: &Parts, body: Body, is_login: bool) -> Result<Self, Failure> {
        if parts.method != Method::POST {
            return Self::of_pairs(parts.uri.query().unwrap_or_default().as_bytes());
        }
        let max = if is_login { MAX_LOGIN } else { MAX_BODY };
        let bytes = read_body(body, max, PATIENCE).await.map_err(|refused| Failure::from(refused.0))?;
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self::of_body(media_type.unwrap_or_default(), bytes).await
    }

    /// Parses a body by its media type. A body of another type is taken for a plain form.
    pub(crate) async fn of_body(media_type: &str, bytes: Vec<u8>) -> Result<Self, Failure> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            return Self::of_parts(media_type, bytes).await;
        }
        let params = Self::of_pairs(&bytes)?;
        Ok(Self { body: bytes, ..params })
    }

    /// Parses a query or a plain form.
    pub(crate) fn of_pairs(text: &[u8]) -> Result<Self, Failure> {
        let mut fields = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if fields.len() >= MAX_FIELDS {
                return Err(Failure::bad("too many parameters"));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { fields, ..Self::default() })
    }

    async fn of_parts(media_type: &str, bytes: Vec<u8>) -> Result<Self, Failure> {
        let bad = |error: multer::Error| Failure::bad(format!("cannot read the form: {error}"));
        let boundary = multer::parse_boundary(media_type).map_err(bad)?;
        let body = futures_util::stream::once(async move { Ok::<_, std::io::Error>(bytes) });
        let mut form = multer::Multipart::new(body, boundary);
        let mut params = Self::default();
        while let Some(field) = form.next_field().await.map_err(bad)? {
            if params.fields.len() + params.files.len() >= MAX_FIELDS {
                return Err(Failure::bad("too many parameters"));
            }
            let name = field.name().map(str::to_owned);
            let is_file = field.file_name().is_some();
            let bytes = field.bytes().await.map_err(bad)?;
            match name {
                Some(name) if !is_file => {
                    params.fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
                }
                // An empty part stands for no file, as browsers send it.
                _ if !bytes.is_empty() => params.files.push(bytes.to_vec()),
                _ => {}
            }
        }
        Ok(params)
    }

    /// Returns a value; `None` without the parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a value that is not empty; `None` otherwise.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Returns a value that must be there, though it may be empty.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(Failure::missing)
    }

    /// Returns a truth value; `None` without one, and for other texts.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        let value = self.text(name)?;
        match value {
            "1" => Some(true),
            "0" => Some(false),
            _ if value.eq_ignore_ascii_case("true") => Some(true),
            _ if value.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// Returns a whole number; `None` without one. A fraction is cut off.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        let value = self.text(name)?;
        value.parse().ok().or_else(|| self.real(name).map(|real| real as i64))
    }

    /// Returns a finite number; `None` without one.
    pub(crate) fn real(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|real: &f64| real.is_finite())
    }

    /// Returns the parts of a list, without empty ones.
    pub(crate) fn list(&self, name: &str, separator: char) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default().split(separator);
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    pub(crate) fn files(&self) -> &[Vec<u8>] {
        &self.files
    }

    /// Returns a value in JSON. Some clients send it as it is, others encoded.
    pub(crate) fn json(&self, name: &str) -> Option<serde_json::Value> {
        let mut forms: Vec<Cow<'_, [u8]>> = Vec::new();
        if let Some(rest) = self.body.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
            let plus: Vec<u8> = rest.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            forms.push(rest.into());
            forms.push(percent_decode(&plus).collect::<Vec<u8>>().into());
        }
        forms.extend(self.get(name).map(|value| Cow::from(value.as_bytes())));
        forms.iter().find_map(|form| serde_json::from_slice(form).ok())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::qbittorrent::testing::ready;

    fn form(text: &str) -> Params {
        ready(Params::of_body("application/x-www-form-urlencoded; charset=UTF-8", text.into())).unwrap()
    }

    #[test]
    fn forms_are_decoded_and_the_last_value_counts() {
        let params = form("a=1&a=2&b=x+y%2Fz&c&%FF=%FF&d=+");
        assert_eq!(params.get("a"), Some("2"));
        assert_eq!(params.get("b"), Some("x y/z"));
        assert_eq!((params.get("c"), params.text("c"), params.text("d")), (Some(""), None, None));
        assert!(params.required("none").is_err());
    }

    #[test]
    fn values_are_read_leniently() {
        let params = form("t=True&o=1&f=FALSE&z=0&x=yes&n=-5&r=1.5&big=1e400&nan=NaN&l=a| b ||c");
        let booleans = ["t", "o", "f", "z", "x", "none"].map(|name| params.boolean(name));
        assert_eq!(booleans, [Some(true), Some(true), Some(false), Some(false), None, None]);
        assert_eq!(
            (params.integer("n"), params.integer("r"), params.integer("x")),
            (Some(-5), Some(1), None)
        );
        assert_eq!((params.real("r"), params.real("big"), params.real("nan")), (Some(1.5), None, None));
        assert_eq!(params.list("l", '|'), ["a", "b", "c"]);
    }

    #[test]
    fn json_is_taken_as_it_is_and_encoded() {
        for body in [
            r#"json={"a":"x+y","b":"c&d=e","c":"50%"}"#,
            "json=%7B%22a%22%3A%22x%2By%22%2C%22b%22%3A%22c%26d%3De%22%2C%22c%22%3A%2250%25%22%7D",
        ] {
            let value = form(body).json("json").unwrap();
            assert_eq!(value, serde_json::json!({"a": "x+y", "b": "c&d=e", "c": "50%"}), "{body}");
        }
        assert_eq!(form("json={bad").json("json"), None);
        assert_eq!(form("json=%7B%7D&x=1").json("json"), Some(serde_json::json!({})));
        assert_eq!(form("x=1").json("json"), None);
    }

    #[test]
    fn parts_are_fields_or_files_of_any_name() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"category\"\r\n\r\ntv\r\n\
            --B\r\nContent-Disposition: form-data; name=\"any\"; filename=\"a.torrent\"\r\n\r\nd4:spam\r\n\
            --B\r\nContent-Disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\n\r\n--B--\r\n";
        let params = ready(Params::of_body("multipart/form-data; boundary=\"B\"", body.into())).unwrap();
        assert_eq!(params.get("category"), Some("tv"));
        assert_eq!(params.files(), [b"d4:spam".to_vec()]);
        for (media_type, body) in [
            ("multipart/form-data", body),
            ("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx"),
            ("multipart/form-data; boundary=B", "nothing"),
        ] {
            assert!(ready(Params::of_body(media_type, body.into())).is_err(), "{media_type} {body}");
        }
    }

    #[test]
    fn too_many_parameters_are_refused() {
        assert!(Params::of_pairs("a&".repeat(MAX_FIELDS).as_bytes()).is_ok());
        assert!(Params::of_pairs("a&".repeat(MAX_FIELDS + 1).as_bytes()).is_err());
    }
}
