//! Flags for all settings, from their table.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use ztor_api::SettingKind;
use ztor_daemon::settings::{Declaration, TABLE};

/// Settings that flags set, with the values as they were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingFlags(Vec<(&'static str, String)>);

impl SettingFlags {
    /// Returns key, flag and value of each.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, String, String)> {
        self.0.iter().map(|(key, value)| ((*key).to_owned(), flag(key), value.clone()))
    }
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// Returns true if the value of a flag is a path, which is relative to the current folder.
fn is_path(key: &str) -> bool {
    let declaration = TABLE.iter().find(|setting| setting.key == key);
    declaration.is_some_and(|setting| matches!(setting.kind.to_api(), SettingKind::Path { .. }))
}

fn argument(setting: &'static Declaration) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let long = &*setting.key.replace('_', "-").leak();
    let arg = Arg::new(setting.key)
        .long(long)
        .help(format!("{}{default}", setting.help))
        .help_heading(heading(setting.section));
    match setting.kind.to_api() {
        SettingKind::Bool => arg
            .value_name("true|false")
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false"]))
            .hide_possible_values(true),
        SettingKind::Rate => arg.value_name("RATE"),
        SettingKind::Time { .. } => arg.value_name("TIME"),
        SettingKind::Count { .. } => arg.value_name("N"),
        SettingKind::Ratio => arg.value_name("RATIO"),
        SettingKind::Path { .. } => arg.value_name(if setting.key.ends_with("dir") { "DIR" } else { "FILE" }),
        SettingKind::Choice { choices } => arg.value_name(&*choices.join("|").leak()),
        SettingKind::List => arg.value_name("VALUE").action(ArgAction::Append),
        _ => arg.value_name(text_name(setting.key)),
    }
}

fn text_name(key: &str) -> &'static str {
    match key {
        "bind" => "ADDR|INTERFACE",
        "proxy" => "URL",
        "username" => "NAME",
        "log_level" => "LEVEL",
        _ => "TEXT",
    }
}

/// Returns the heading of a section in the help.
fn heading(section: &'static str) -> &'static str {
    let mut heading = section.to_owned();
    if let Some(first) = heading.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    // Once per section and process.
    format!("Settings: {heading}").leak()
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        // The log has flags that all commands have.
        command.args(TABLE.iter().filter(|setting| setting.key != "log_level").map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Vec::new();
        for setting in TABLE.iter().filter(|setting| setting.key != "log_level") {
            let Some(values) = matches.get_many::<String>(setting.key) else { continue };
            let values: Vec<&str> = values.map(String::as_str).collect();
            let separator = if setting.key == "schedule" { ";" } else { "," };
            let mut text = values.join(separator);
            if is_path(setting.key) && !text.starts_with('~') && text != "none" {
                let absolute = std::path::absolute(&text).ok();
                text = absolute.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or(text);
            }
            flags.push((setting.key, text));
        }
        Ok(Self(flags))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
