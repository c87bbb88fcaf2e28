//! The browser of the user.

/// Returns the URL of the web UI with a code that logs in once. Browsers do not send what is behind `#`.
pub(crate) fn with_code(url: &str, code: &str) -> String {
    format!("{url}#code={code}")
}

/// Opens a URL. Returns false if there is no desktop, or no browser on it.
pub(crate) fn open(url: &str) -> bool {
    // Without a display, a text browser would take over the terminal.
    let has_display = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .into_iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    has_display && open::that_detached(url).is_ok()
}
