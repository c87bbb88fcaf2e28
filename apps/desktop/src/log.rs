//! The log: on stderr, and the last lines for the view of the log.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};
use ztor_server::api::LogBuffer;

/// Starts the log: ztor's own messages from `info` on are kept, and warnings go to stderr. `RUST_LOG` chooses others for
/// stderr.
pub fn start() -> LogBuffer {
    let buffer = LogBuffer::default();
    let shown = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,zbus=error,winit=off,egui_winit=error,arboard=error,egui_system_font_provider=error",
        )
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(shown);
    let kept =
        buffer.clone().with_filter(EnvFilter::new("warn,ztor=info,ztor_daemon=info,ztor_session=info"));
    // A test may have started one.
    let _ = tracing_subscriber::registry().with(lines).with(kept).try_init();
    buffer
}
