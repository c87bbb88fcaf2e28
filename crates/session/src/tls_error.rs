//! Texts for failures of encrypted connections to trackers and web servers.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Returns a text for the TLS failure among an error and its causes; `None` if there is none.
pub(crate) fn explain(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return Some(words(tls));
        }
        // The source of an I/O error skips the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

fn words(error: &Error) -> String {
    let refused = |why: &str| format!("the encrypted connection failed: {why}");
    match error {
        Error::InvalidCertificate(error) => {
            format!("the server's certificate is not trusted: {}", certificate(error))
        }
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => refused(
            "the answer is not encrypted; perhaps its address should begin with http:// instead of https://",
        ),
        Error::NoCertificatesPresented => refused("the server has no certificate"),
        Error::PeerIncompatible(_) => refused("the server supports no safe version or cipher of TLS"),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            refused("the server does not know this name")
        }
        Error::AlertReceived(_) => refused("the server refused the connection"),
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => refused("the server violates the TLS protocol"),
        Error::DecryptError => refused("the received data is corrupt"),
        Error::General(text) => refused(text),
        _ => refused("unknown cause"),
    }
}

/// Returns the reason that a certificate is not trusted.
fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    let text = match error {
        E::UnknownIssuer => "no authority that this machine trusts has signed it",
        E::Expired | E::ExpiredContext { .. } => "it has expired, or the clock of this machine is wrong",
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "it is not valid yet, or the clock of this machine is wrong"
        }
        E::NotValidForName => "it is for another name",
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => "it names no host",
        E::NotValidForNameContext { presented, .. } => {
            // Names are in debug format: `DnsName("t.example")`.
            let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            let names: Vec<String> = presented.iter().take(3).map(plain).collect();
            return ztor_tracker::text::plain(
                format!("it is for another name: {}", names.join(", ")).as_bytes(),
            );
        }
        E::Revoked => "it was revoked",
        E::BadSignature => "its signature is invalid",
        E::BadEncoding => "it is malformed",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not meant for servers",
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => "its signature algorithm is not safe",
        // Most self-signed certificates claim to be those of an authority, which a server's must not.
        _ => "it is self-signed, or invalid for a server",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explain_of_a_nested_io_error_finds_the_tls_failure() {
        let tls = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let nested = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        let text = explain(&nested);
        let expected =
            "the server's certificate is not trusted: no authority that this machine trusts has signed it";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(explain(&io::Error::other("no TLS")), None);
    }

    #[test]
    fn certificate_for_other_names_lists_them_in_plain_text() {
        let error = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::from(std::net::IpAddr::from([127, 0, 0, 1])),
            presented: vec!["DnsName(\"a.example\")".into(), "DnsName(\"\u{1b}b\")".into()],
        };
        assert_eq!(certificate(&error), "it is for another name: a.example, b");
    }

    #[test]
    fn words_of_any_failure_contain_no_type_names() {
        for error in [
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
            Error::PeerIncompatible(rustls::PeerIncompatible::NoCipherSuitesInCommon),
            Error::FailedToGetCurrentTime,
        ] {
            let text = words(&error);
            assert!(!text.contains(['(', '{', '_']) && text.is_ascii(), "{text}");
        }
    }
}
