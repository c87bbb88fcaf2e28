//! Certificates for TLS.

use super::ServeError;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

/// Maximum length of a file in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Files for TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificate in use.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    config: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn read(files: TlsFiles) -> Result<Self, ServeError> {
        let config = watch::Sender::new(Arc::new(load(&files)?));
        Ok(Self { files, config })
    }

    /// Reads the files again.
    pub(super) fn reload(&self) -> Result<(), ServeError> {
        self.config.send_replace(Arc::new(load(&self.files)?));
        Ok(())
    }

    /// Subscribes to the configuration for new connections.
    pub(super) fn configs(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.config.subscribe()
    }
}

fn load(files: &TlsFiles) -> Result<ServerConfig, ServeError> {
    let bad = |path: &Path, reason: String| ServeError::Tls { path: path.to_owned(), reason };
    let read = |path: &Path| {
        let mut content = Vec::new();
        let file = std::fs::File::open(path);
        match file.and_then(|file| file.take(MAX_FILE).read_to_end(&mut content)) {
            Ok(_) => Ok(content),
            Err(error) => Err(bad(path, error.to_string())),
        }
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(&files.certificate)?).collect();
    let chain = chain.map_err(|error| bad(&files.certificate, format!("not valid PEM: {error}")))?;
    if chain.is_empty() {
        return Err(bad(&files.certificate, "it has no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| bad(&files.key, format!("it has no private key in PEM: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| bad(&files.certificate, error.to_string()))?;
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).map_err(|error| {
        let reason = match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("it is not the private key of the certificate in {}", files.certificate.display())
            }
            error => error.to_string(),
        };
        bad(&files.key, reason)
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn load_names_the_file_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let files = TlsFiles {
                certificate: folder.path().join(format!("{name}.crt")),
                key: folder.path().join(format!("{name}.key")),
            };
            std::fs::write(&files.certificate, made.cert.pem()).unwrap();
            std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
            files
        };
        let (one, two) = (make("one"), make("two"));
        assert!(load(&one).is_ok());
        let error = |certificate: &Path, key: &Path| {
            let files = TlsFiles { certificate: certificate.to_owned(), key: key.to_owned() };
            load(&files).unwrap_err().to_string()
        };
        let mixed = error(&one.certificate, &two.key);
        assert!(mixed.contains("two.key") && mixed.contains("not the private key"), "{mixed}");
        let none = folder.path().join("none");
        assert!(error(&none, &one.key).contains("none for TLS: "));
        assert!(error(&one.certificate, &none).contains("none for TLS: "));
        assert!(error(&one.key, &one.key).contains("no certificate"));
        assert!(error(&one.certificate, &one.certificate).contains("no private key"));
        std::fs::write(&none, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(error(&none, &one.key).contains("not valid PEM"));
    }
}
