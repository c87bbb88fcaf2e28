use std::path::PathBuf;

use ztor_daemon::settings::{MAX_ERRORS, Resolved, SettingError, Sources, Stored, TABLE};

/// Checks the settings of a daemon: whatever resolves describes itself, and is the same after it is stored, and after
/// it is written to a file and read again.
///
/// The input is split at NUL. The first part is the configuration file. Each other part is a variable of the
/// environment (`e`), a flag (`f`) or a stored change (`s`): its letter, a key, `=` and a value, and for stored changes
/// optionally `|` and a base.
pub fn settings(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let mut sources = sources().file("/etc/ztor.toml", parts.next().unwrap_or_default());
    for part in parts.take(100) {
        let part = String::from_utf8_lossy(part);
        let Some((name, value)) = part.split_once('=') else { continue };
        let mut letters = name.chars();
        let kind = letters.next();
        let key = letters.as_str().to_owned();
        sources = match kind {
            Some('e') => sources.environment([(key.into(), value.into())]),
            Some('f') => {
                sources.flags([(key.clone(), format!("--{}", key.escape_debug()), value.to_owned())])
            }
            Some('s') => {
                let (value, base) = value.split_once('|').map_or((value, None), |(v, b)| (v, Some(b)));
                let base = base.map(str::to_owned);
                sources.stored([Stored { key, value: value.to_owned(), base }])
            }
            _ => sources,
        };
    }
    match sources.resolve() {
        Ok(resolved) => check(resolved),
        Err(errors) => {
            assert!((1..=MAX_ERRORS + 1).contains(&errors.len()));
            errors.iter().for_each(assert_short);
        }
    }
}

fn sources() -> Sources {
    Sources::new(Some(PathBuf::from("/home/me")))
}

fn assert_short(error: &SettingError) {
    let text = error.to_string();
    crate::assert_plain(&text);
    assert!(text.len() < 2000, "{text}");
}

fn check(mut resolved: Resolved) {
    assert!(resolved.warnings().len() <= MAX_ERRORS + 1);
    resolved.warnings().iter().for_each(assert_short);
    let settings = resolved.settings().clone();
    let described = resolved.describe(&settings);
    assert_eq!(described.len(), TABLE.len());
    assert!(described.iter().all(|setting| !setting.is_pending));
    let file = sources().file("/etc/ztor.toml", resolved.to_toml()).resolve();
    assert_eq!(file.unwrap().settings(), &settings);
    for setting in described {
        let row = resolved.change(&setting.key, &setting.value);
        // A stored change can lose the partner that it needs.
        if !setting.key.starts_with("tls_") {
            let row = row.unwrap();
            assert_eq!(resolved.value(&setting.key), Some(&setting.value));
            assert_eq!(row.key, setting.key);
        }
    }
    assert_eq!(resolved.settings(), &settings);
    let rows: Vec<Stored> = resolved.stored().map(|row| Stored { base: None, ..row.clone() }).collect();
    assert_eq!(sources().stored(rows).resolve().unwrap().settings(), &settings);
}
