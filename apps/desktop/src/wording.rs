//! Errors in words.

use ztor_client::ClientError;

/// Returns an error as a sentence.
pub(crate) fn sentence(error: &ClientError) -> String {
    let text = match error {
        ClientError::UnknownCertificate { target, .. } => {
            format!("the certificate of {target} is not known on this machine")
        }
        ClientError::ChangedCertificate { target, .. } => {
            format!("the certificate of {target} is not the one that was accepted")
        }
        ClientError::NoDaemon { .. } => "the daemon of this machine does not run any more".to_owned(),
        other => other.to_string(),
    };
    let text = ztor_view::text::cleaned(&text);
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}
