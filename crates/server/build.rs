//! Embeds the web UI: its files compressed, under a hash of all of them.

#[path = "src/web/bundle.rs"]
mod bundle;

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../apps/web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=src/web/bundle.rs");
    let mut files =
        bundle::read(&root).map_err(|error| format!("cannot read {}: {error}", root.display()))?;
    let hash = bundle::hash(&files);
    let page = bundle::page(&files, &hash)?;
    files.remove(bundle::PAGE);
    std::fs::write(out.join("page.gz"), bundle::compress(page.as_bytes(), 9)?)?;
    let mut source =
        format!("const HASH: &str = {hash:?};\nconst PAGE_GZ: &[u8] = include_bytes!(\"page.gz\");\n");
    source.push_str("const FILES: &[(&str, &[u8])] = &[\n");
    for (i, (path, bytes)) in files.iter().enumerate() {
        std::fs::write(out.join(format!("{i}.gz")), bundle::compress(bytes, 9)?)?;
        writeln!(source, "    ({path:?}, include_bytes!(\"{i}.gz\")),")?;
    }
    source.push_str("];\n");
    std::fs::write(out.join("web.rs"), source)?;
    Ok(())
}
