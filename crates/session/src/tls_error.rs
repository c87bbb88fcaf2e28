//! Failures of encrypted connections to trackers and web servers, in plain words.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// The failure of TLS among an error and its causes, in plain words; `None` if there is none.
pub(crate) fn explain(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return Some(words(tls));
        }
        // The source of an I/O error is that of the error it wraps, and not that error.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

fn words(error: &Error) -> String {
    let refused = |why: &str| format!("the encrypted connection failed: {why}");
    match error {
        Error::InvalidCertificate(error) => format!("its certificate is not trusted: {}", certificate(error)),
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => refused(
            "the answer is not encrypted; perhaps the address begins with http:// and not with https://",
        ),
        Error::NoCertificatesPresented => refused("the server has no certificate"),
        Error::PeerIncompatible(_) => {
            refused("the server speaks no version or cipher of TLS that is safe to use")
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            refused("the server does not know that name")
        }
        Error::AlertReceived(_) => refused("the server refused it"),
        Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            refused("the server does not keep to the rules of TLS")
        }
        Error::DecryptError => refused("what came was changed on its way"),
        Error::General(text) => refused(text),
        _ => refused("of a cause that has no name"),
    }
}

/// Ends the sentence "its certificate is not trusted: …".
fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    let text = match error {
        E::UnknownIssuer => "nobody that this machine trusts has signed it",
        E::Expired | E::ExpiredContext { .. } => "it has expired, or the clock of this machine is wrong",
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "it is not valid yet, or the clock of this machine is wrong"
        }
        E::NotValidForName => "it is for another name",
        E::NotValidForNameContext { presented, .. } if presented.is_empty() => "it is for no name at all",
        E::NotValidForNameContext { presented, .. } => {
            // Names as a certificate has them: `DnsName("t.example")`.
            let plain = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            let names: Vec<String> = presented.iter().take(3).map(plain).collect();
            return ztor_tracker::text::plain(
                format!("it is for another name: {}", names.join(", ")).as_bytes(),
            );
        }
        E::Revoked => "it was revoked",
        E::BadSignature => "its signature is wrong",
        E::BadEncoding => "it cannot be read",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not meant for servers",
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not safe"
        }
        // Most self-signed certificates claim to be that of an authority, which a server may not show.
        _ => "it is self-signed, or does not keep to the rules for certificates of servers",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explain_finds_the_failure_below_errors_of_io() {
        let tls = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let nested = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        let text = explain(&nested);
        let expected = "its certificate is not trusted: nobody that this machine trusts has signed it";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(explain(&io::Error::other("no TLS")), None);
    }

    #[test]
    fn names_of_a_certificate_are_plain() {
        let error = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::from(std::net::IpAddr::from([127, 0, 0, 1])),
            presented: vec!["DnsName(\"a.example\")".into(), "DnsName(\"\u{1b}b\")".into()],
        };
        assert_eq!(certificate(&error), "it is for another name: a.example, b");
    }

    #[test]
    fn words_have_no_names_of_types_in_them() {
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
