//! A program with its own rules for folders: sorts torrents by the kind of their largest file, skips junk files, and
//! keeps resume data in memory.
//!
//! ```sh
//! cargo run -p ztor-session --example sorted -- downloads debian.torrent [PEER...]
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ztor_session::{AddTorrent, Config, DhtOptions, Metainfo, ResumeError, ResumeKey, ResumeStore, Session};

/// Names of files that are not fetched.
const JUNK: [&str; 3] = ["thumbs.db", ".ds_store", "desktop.ini"];

/// Resume data in memory. A real program would use a database here.
#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<ResumeKey, Vec<u8>>>);

impl ResumeStore for Memory {
    fn load(&self, key: &ResumeKey) -> Result<Option<Vec<u8>>, ResumeError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn save(&self, key: &ResumeKey, data: &[u8]) -> Result<(), ResumeError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), data.to_owned());
        Ok(())
    }

    fn remove(&self, key: &ResumeKey) -> Result<(), ResumeError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    fn sync(&self) -> Result<(), ResumeError> {
        Ok(())
    }

    fn visit(&self, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = all.values().try_for_each(|data| visit(data));
    }
}

/// Returns the folder for a torrent below the downloads.
fn kind_of(meta: &Metainfo) -> &'static str {
    let files = (0..meta.layout.files().len()).filter(|file| !meta.layout.files()[*file].pad);
    let largest = files.max_by_key(|file| meta.layout.files()[*file].length).unwrap_or_default();
    let path = meta.relative_path(largest);
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "mkv" | "mp4" | "avi" | "webm" => "video",
        "flac" | "mp3" | "ogg" | "opus" => "music",
        "iso" | "img" => "images",
        _ => "other",
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(downloads), Some(torrent)) = (args.next(), args.next()) else {
        return Err("usage: sorted FOLDER TORRENT [PEER...]".into());
    };
    let peers = args.map(|peer| peer.parse()).collect::<Result<Vec<_>, _>>()?;
    let store: Arc<dyn ResumeStore> = Arc::new(Memory::default());
    let mut config = Config::default().dht(Some(DhtOptions::default())).resume_store(Some(store));
    if let Ok(bind) = std::env::var("BIND") {
        config = config.bind(bind.parse()?).dht(None).port(0);
    }
    let session = Session::start(config)?;
    let meta = Arc::new(Metainfo::from_bytes(&std::fs::read(torrent)?)?);
    let is_junk = |file: usize| {
        let path = meta.relative_path(file);
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        name.is_some_and(|name| JUNK.contains(&name.as_str()))
    };
    let wanted = (0..meta.layout.files().len()).map(|file| !is_junk(file)).collect();
    let folder = Path::new(&downloads).join(kind_of(&meta));
    println!("into {}", folder.display());
    let add = AddTorrent::new(meta, folder).wanted(Some(wanted)).peers(peers);
    session.add(add).wait()?.finished().wait()?;
    println!("finished");
    session.shutdown(Duration::from_secs(10));
    Ok(())
}
