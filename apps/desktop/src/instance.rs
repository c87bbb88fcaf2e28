//! One window per state folder: a second start gives its arguments to the first, and ends.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use ztor_client::tasks::Wake;

/// Longest message in bytes: many magnet links.
const LONGEST: u64 = 256 << 10;
/// Longest wait for the other side.
const PATIENCE: Duration = Duration::from_secs(3);

/// The first window of a state folder, which listens for later starts.
#[derive(Debug)]
pub struct Instance {
    path: PathBuf,
    listener: Option<UnixListener>,
    /// Identity of the socket on which this process listens; `None` without one.
    socket: Option<(u64, u64)>,
}

/// Finding of a start.
#[derive(Debug)]
pub enum Start {
    /// There is no other window.
    First(Instance),
    /// There is one, and it has taken the arguments.
    Handed,
    /// There is one, but it cannot take the arguments; the reason in plain words.
    Refused(String),
}

impl Instance {
    /// Gives the arguments to the window that runs, or becomes the first one. Without a socket each start has a window.
    pub fn claim(state_dir: &Path, arguments: &[String]) -> Start {
        let path = state_dir.join("desktop.sock");
        match hand_over(&path, arguments) {
            Ok(()) => return Start::Handed,
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                let text =
                    "the arguments are too long for the window that is open; name fewer torrents at a time";
                return Start::Refused(text.to_owned());
            }
            Err(_) => {}
        }
        let listener = listen(&path).inspect_err(|error| {
            tracing::warn!(path = %path.display(), %error, "cannot listen for later starts of the app");
        });
        let socket = listener.as_ref().ok().and_then(|_| identity(&path));
        Start::First(Self { path, listener: listener.ok(), socket })
    }

    /// Receives the arguments of later starts, each a list. An empty list asks for the window.
    pub(crate) fn listen(&mut self, wake: Wake) -> Receiver<Vec<String>> {
        let (sender, receiver) = channel();
        if let Some(listener) = self.listener.take() {
            std::thread::spawn(move || serve(&listener, &sender, &wake));
        }
        receiver
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Another process may have its socket there by now.
        if self.socket.is_some() && identity(&self.path) == self.socket {
            // A socket that is left over is replaced by the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns the identity of a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn hand_over(path: &Path, arguments: &[String]) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut message = serde_json::to_vec(arguments)?;
    message.push(b'\n');
    if message.len() as u64 > LONGEST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    stream.write_all(&message)?;
    // A socket whose process hangs does not count.
    let mut answer = [0; 3];
    stream.read_exact(&mut answer)?;
    if answer == *b"ok\n" { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
}

fn serve(listener: &UnixListener, sender: &Sender<Vec<String>>, wake: &Wake) {
    for stream in listener.incoming() {
        let received = stream.and_then(|stream| Ok((receive(&stream)?, stream)));
        match received {
            Ok((arguments, mut stream)) => {
                // The window ends: without an answer the other start has a window of its own.
                if sender.send(arguments).is_err() {
                    return;
                }
                if let Err(error) = stream.write_all(b"ok\n") {
                    tracing::debug!(%error, "another start of the app did not wait for the answer");
                }
                wake();
            }
            Err(error) => tracing::debug!(%error, "another start of the app sent nothing of use"),
        }
    }
}

fn receive(stream: &UnixStream) -> std::io::Result<Vec<String>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    BufReader::new(stream.take(LONGEST)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::host::no_wake;

    #[test]
    fn claim_hands_arguments_to_the_first_window() {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().join("state");
        let Start::First(mut first) = Instance::claim(&state_dir, &[]) else { panic!("there is no other") };
        let mode = std::fs::metadata(state_dir.join("desktop.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let received = first.listen(no_wake());
        // Rubbish does no harm.
        let mut stream = UnixStream::connect(state_dir.join("desktop.sock")).unwrap();
        stream.write_all(b"{}\n").unwrap();
        let arguments = vec!["magnet:?xt=urn:btih:é".to_owned(), "/a b\n".to_owned()];
        assert!(matches!(Instance::claim(&state_dir, &arguments), Start::Handed));
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), arguments);
        // A message that is too long does not replace the window.
        let long = vec!["x".repeat(LONGEST as usize)];
        assert!(matches!(Instance::claim(&state_dir, &long), Start::Refused(_)));
        assert!(matches!(Instance::claim(&state_dir, &[]), Start::Handed));
        drop(first);
        // The thread of the first one still listens, but the socket has no name any more.
        let Start::First(second) = Instance::claim(&state_dir, &[]) else { panic!("there is no other") };
        // The socket of another process remains.
        let socket = state_dir.join("desktop.sock");
        std::fs::remove_file(&socket).unwrap();
        let _other = UnixListener::bind(&socket).unwrap();
        drop(second);
        assert!(socket.exists());
    }
}
