//! Embeds the web UI: its files compressed, under a hash of all of them.

#[path = "src/web/bundle.rs"]
mod bundle;
#[path = "src/web/link.rs"]
mod link;

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../apps/web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=src/web/bundle.rs");
    println!("cargo::rerun-if-changed=src/web/link.rs");
    let mut files =
        bundle::read(&root).map_err(|error| format!("cannot read {}: {error}", root.display()))?;
    link::link(&mut files).map_err(|error| format!("{}: {error}", root.display()))?;
    let hash = bundle::hash(&files);
    let page = bundle::page(&files, &hash)?;
    files.remove(bundle::PAGE);
    let write = |name: &str, bytes: &[u8]| -> Result<String, Box<dyn Error>> {
        std::fs::write(out.join(format!("{name}.gz")), bundle::compress(bytes, 9)?)?;
        let mut shorter = Vec::new();
        brotli::BrotliCompress(&mut &*bytes, &mut shorter, &Default::default())?;
        std::fs::write(out.join(format!("{name}.br")), shorter)?;
        Ok(format!("Packed::built_in(include_bytes!(\"{name}.gz\"), include_bytes!(\"{name}.br\"))"))
    };
    let mut source = format!("const HASH: &str = {hash:?};\n");
    writeln!(source, "static PAGE: Packed = {};", write("page", page.as_bytes())?)?;
    writeln!(source, "static FILES: [(&str, Packed); {}] = [", files.len())?;
    for (i, (path, bytes)) in files.iter().enumerate() {
        writeln!(source, "    ({path:?}, {}),", write(&i.to_string(), bytes)?)?;
    }
    source.push_str("];\n");
    std::fs::write(out.join("web.rs"), source)?;
    Ok(())
}
