//! The settings as documentation: a commented configuration file, and a reference in Markdown.

use super::sources::ENVIRONMENT_PREFIX;
use super::table::{Declaration, SECTIONS, TABLE};

/// Width of the text in the configuration file, in characters.
const WIDTH: usize = 98;

const HEADER: &str = "\
Settings of ztor. Each is shown with its default. To change one, remove the # in front of it.
Rates are texts such as \"5MiB/s\", or numbers of bytes per second. Times are texts such as \"1h30m\", or numbers of \
seconds. An environment variable replaces a setting of this file, and a flag replaces both.";

/// Returns a configuration file in which every setting is commented out, with its default.
pub fn commented_toml() -> String {
    let mut out = String::new();
    for line in HEADER.lines() {
        comment(&mut out, line);
    }
    for section in SECTIONS {
        out.push_str(&format!("\n[{section}]\n"));
        for declaration in declarations(section) {
            out.push('\n');
            comment(&mut out, declaration.help);
            comment(&mut out, &format!("Values: {}.", declaration.kind.values()));
            if declaration.needs_restart {
                comment(&mut out, "A change takes effect with the next start.");
            }
            let default = declaration.kind.toml(&declaration.default_value());
            out.push_str(&format!("#{} = {default}\n", declaration.key));
        }
    }
    out
}

/// Returns the reference of all settings, in Markdown.
pub fn reference() -> String {
    let mut out = String::from("# Settings\n");
    for section in SECTIONS {
        out.push_str(&format!("\n## [{section}]\n"));
        for declaration in declarations(section) {
            let Declaration { key, help, .. } = declaration;
            let values = declaration.kind.values();
            let default = declaration.kind.toml(&declaration.default_value());
            let variable = format!("{ENVIRONMENT_PREFIX}{}", key.to_ascii_uppercase());
            out.push_str(&format!("\n### `{key}`\n\n{}\n\n", help.replace('*', "\\*")));
            out.push_str(&format!("- Values: {}\n- Default: `{default}`\n", values.replace('*', "\\*")));
            if let Some(unit) = declaration.kind.unit() {
                out.push_str(&format!("- Unit of numbers: {unit}\n"));
            }
            out.push_str(&format!("- Environment: `{variable}`\n"));
            if declaration.needs_restart {
                out.push_str("- A change takes effect with the next start.\n");
            }
        }
    }
    out
}

fn declarations(section: &str) -> impl Iterator<Item = &'static Declaration> {
    TABLE.iter().filter(move |declaration| declaration.section == section)
}

/// Appends a text as comment lines.
fn comment(out: &mut String, text: &str) {
    let mut width = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if width == 0 || width + 1 + len > WIDTH {
            out.push_str(if width == 0 { "# " } else { "\n# " });
            width = len;
        } else {
            out.push(' ');
            width += 1 + len;
        }
        out.push_str(word);
    }
    out.push('\n');
}
