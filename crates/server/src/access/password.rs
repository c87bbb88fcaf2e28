//! Hashes of passwords: Argon2id with the parameters that OWASP advises.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, Params};
use std::fmt;
use std::io::Read as _;
use std::path::Path;

/// Maximum length of a password in bytes.
pub(crate) const MAX_PASSWORD: usize = 1024;
/// Minimum length of a password that is set through the API, in bytes.
pub(crate) const MIN_PASSWORD: usize = 8;
/// Maximum length of a password file in bytes.
const MAX_FILE: u64 = 8192;
/// Beginning of hashes in the PHC format.
const PHC: &str = "$argon2";
/// Largest parameters that a given hash may have: 1 GiB of memory, and passes that take a few seconds.
const MAX_COST: (u32, u32, u32) = (1 << 20, 16, 16);

/// Argon2id hash of a password, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash(String);

impl Hash {
    /// Hashes a password. Takes tens of milliseconds.
    pub(crate) fn of(password: &str) -> Result<Self, String> {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self(hash.to_string()))
    }

    /// Parses a PHC string.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let hash = PasswordHash::new(text).map_err(|error| format!("not a valid hash: {error}"))?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err(format!("expected a hash of argon2id, found {}", hash.algorithm));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err("the hash is incomplete".to_owned());
        }
        let cost = Params::try_from(&hash).map_err(|error| format!("not a valid hash: {error}"))?;
        if cost.m_cost() > MAX_COST.0 || cost.t_cost() > MAX_COST.1 || cost.p_cost() > MAX_COST.2 {
            let (memory, passes, lanes) = MAX_COST;
            return Err(format!("the hash is too costly; at most m={memory},t={passes},p={lanes}"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns true if this is the hash of a password. Takes tens of milliseconds.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        let hash = PasswordHash::new(&self.0);
        hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }

    /// Returns the hash in the line of a password file, or of the password in it.
    pub(crate) fn of_line(line: &str) -> Result<Self, String> {
        match line {
            line if line.starts_with(PHC) => Self::parse(line.trim_end()),
            line if line.len() > MAX_PASSWORD => {
                Err(format!("the password is longer than {MAX_PASSWORD} bytes"))
            }
            line => Self::of(line),
        }
    }

    /// Returns true if [`of_line`](Self::of_line) of a line is a hash of the same password.
    pub(crate) fn is_of_line(&self, line: &str) -> bool {
        if line.starts_with(PHC) { self.0 == line.trim_end() } else { self.is_of(line) }
    }

    /// Returns the PHC string.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

/// Reads the first line of a file, which is a password or its hash.
pub(crate) fn read_line(path: &Path) -> Result<String, String> {
    let mut content = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut content));
    read.map_err(|error| error.to_string())?;
    if content.len() as u64 > MAX_FILE {
        return Err(format!("it is longer than {MAX_FILE} bytes"));
    }
    let text = String::from_utf8(content).map_err(|_| "it is not text in UTF-8".to_owned())?;
    match text.lines().next().unwrap_or_default() {
        "" => Err("its first line is empty; write the password or its Argon2id hash there".to_owned()),
        line => Ok(line.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn hash_has_the_parameters_of_owasp_and_a_random_salt() {
        let (one, two) = (Hash::of("secret").unwrap(), Hash::of("secret").unwrap());
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
        assert_ne!(one, two);
        assert!(one.is_of("secret") && !one.is_of("Secret") && !one.is_of(""));
        assert_eq!(Hash::parse(one.as_str()).unwrap(), one);
    }

    #[test]
    fn parse_refuses_other_and_costly_hashes() {
        let good = Hash::of("secret").unwrap();
        let costly = good.as_str().replace("m=19456", "m=4000000");
        assert!(Hash::parse(&costly).unwrap_err().contains("too costly"));
        let other = good.as_str().replace("argon2id", "argon2i");
        assert!(Hash::parse(&other).unwrap_err().contains("argon2id"));
        for text in
            ["", "$argon2id", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=19$m=x,t=2,p=1$YWJj$YWJj"]
        {
            assert!(Hash::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn read_line_takes_the_first_line_as_password_or_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            Hash::of_line(&read_line(&path)?)
        };
        assert!(read(b"open sesame \r\nsecond line").unwrap().is_of("open sesame "));
        let hash = Hash::of("secret").unwrap();
        assert!(read(format!("{}\n", hash.as_str()).as_bytes()).unwrap().is_of("secret"));
        assert!(hash.is_of_line(hash.as_str()) && hash.is_of_line("secret") && !hash.is_of_line("other"));
        for bad in [&b""[..], b"\nsecret", b"$argon2id$", b"\xff\xfe", &[b'a'; 2000], &[b'\n'; 9000]] {
            assert!(read(bad).is_err());
        }
        assert!(read_line(&folder.path().join("none")).is_err());
    }
}
