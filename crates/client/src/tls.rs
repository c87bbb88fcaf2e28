//! Trust in the certificates of daemons.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fingerprint::Fingerprint;

/// Certificates that a client trusts in addition to those of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// None.
    #[default]
    System,
    /// The certificates in a PEM text.
    Pem(Vec<u8>),
    /// One only, whatever the system trusts: that which the user accepted at the first connection.
    Pin(Fingerprint),
}

/// TLS of one daemon.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pin: Option<Fingerprint>,
    /// Certificate that was refused last.
    refused: Arc<Mutex<Option<Fingerprint>>>,
}

impl Tls {
    /// Creates the configuration.
    ///
    /// # Errors
    /// A certificate cannot be used. The text says which.
    pub(crate) fn new(trust: &Trust) -> Result<Self, String> {
        let (pem, pin) = match trust {
            Trust::System => (None, None),
            Trust::Pem(pem) => (Some(pem.as_slice()), None),
            Trust::Pin(pin) => (None, Some(*pin)),
        };
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A machine without certificates of its own still reaches public servers.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.unwrap_or_default()).collect();
        let given = given.map_err(|error| format!("cannot read the certificate: {error}"))?;
        if pem.is_some() && given.is_empty() {
            return Err("the file with the certificate has none in PEM".to_owned());
        }
        for certificate in &given {
            roots.add(certificate.clone()).map_err(|error| format!("cannot use the certificate: {error}"))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let inner = inner.build().map_err(|error| error.to_string())?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        let refused = Arc::default();
        let verifier = Arc::new(Verifier { inner, given, pin, refused: Arc::clone(&refused) });
        let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { config: Arc::new(config), pin, refused })
    }

    /// Returns the certificate that was refused since the last call, and the only one that is trusted, if there is one.
    pub(crate) fn take_refused(&self) -> Option<(Fingerprint, Option<Fingerprint>)> {
        let found = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((found, self.pin))
    }
}

/// The usual verification, except that the very certificates that the user gave or pinned are good for any name.
///
/// A self-signed certificate usually claims to be an authority as well, and often lacks the name by which it is reached.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
    pin: Option<Fingerprint>,
    refused: Arc<Mutex<Option<Fingerprint>>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let found = Fingerprint::of(end_entity);
        // The handshake proves that the server has the key of its certificate.
        let result = match self.pin {
            Some(pin) if pin == found => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
            None if self.given.iter().any(|given| given == end_entity) => Ok(ServerCertVerified::assertion()),
            None => self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
        };
        if result.is_err() {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
