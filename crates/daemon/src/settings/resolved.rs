//! Settings in effect, and changes by front ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ztor_api::{Setting, SettingSource, SettingValue};

use super::error::{Errors, Place, Problem, SettingError, shown};
use super::kind::{Kind, Refusal, value_shown};
use super::nearest::nearest;
use super::pin::Pin;
use super::table::{Declaration, Settings, TABLE, index_of};

/// Settings whose default may expose what a user has hidden, or let in what a user has kept out. A stored change of one that
/// cannot be used is an error, while other settings fall back to their default.
pub(super) const PROTECTIVE: &[&str] = &[
    "bind",
    "dns_servers",
    "tracker_dns",
    "encryption",
    "dht",
    "dht_bootstrap",
    "dht_read_only",
    "local_discovery",
    "peer_exchange",
    "port_mapping",
    "ip_filter",
    "ip_filter_trackers",
    "proxy",
    "proxy_for",
    "proxy_incoming",
    "anonymous",
    "listen",
];

/// A change by a front end, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Key of the setting.
    pub key: String,
    /// Value in the canonical text form.
    pub value: String,
    /// Value from the file, the environment or a flag that the change replaced, in the canonical text form; `None` if
    /// there was none.
    pub base: Option<String>,
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Sets a value.
    Set(SettingValue),
    /// Removes the stored change.
    Reset,
}

/// Settings in effect, with the origin of each.
#[derive(Clone, Debug)]
pub struct Resolved {
    layers: Layers,
    values: Vec<Pin>,
    settings: Settings,
    warnings: Vec<SettingError>,
}

/// Values of all sources.
#[derive(Clone, Debug)]
struct Layers {
    home: Option<PathBuf>,
    pins: Vec<Option<Pin>>,
    stored: BTreeMap<String, Stored>,
    /// Keys of stored changes that are not used.
    ignored: BTreeSet<String>,
}

impl Resolved {
    pub(super) fn new(
        home: Option<PathBuf>,
        pins: Vec<Option<Pin>>,
        stored: Vec<Stored>,
    ) -> Result<Self, Vec<SettingError>> {
        let stored = stored.into_iter().map(|row| (row.key.clone(), row)).collect();
        let mut layers = Layers { home, pins, stored, ignored: BTreeSet::new() };
        let (mut warnings, mut errors) = (Errors::default(), Errors::default());
        for row in layers.stored.values() {
            if let Err(problem) = layers.usable(row) {
                layers.ignored.insert(row.key.clone());
                let (list, problem) = match layers.protects(row) {
                    true => (&mut errors, Problem::Protection { problem: Box::new(problem) }),
                    false => (&mut warnings, problem),
                };
                list.add(|| SettingError { place: Place::Stored, problem });
            }
        }
        errors.into_result()?;
        let mut values = layers.values();
        let mut settings = layers.settings(&values)?;
        // A stored change without its partner gives way to the value below it.
        while let Some(problem) = lone(&settings) {
            let Problem::Lone { key, missing } = &problem else { break };
            let changed = [key, missing].into_iter().find(|key| {
                index_of(key).is_some_and(|index| values[index].source == SettingSource::Changed)
            });
            let Some(changed) = changed else {
                let place = index_of(key).map_or(Place::None, |index| Place::of(&values[index].source));
                return Err(vec![SettingError { place, problem }]);
            };
            layers.ignored.insert(changed.clone());
            warnings.add(|| SettingError { place: Place::Stored, problem: problem.clone() });
            values = layers.values();
            settings = layers.settings(&values)?;
        }
        let warnings = warnings.into_result().err().unwrap_or_default();
        Ok(Self { layers, values, settings, warnings })
    }

    /// Returns the values of all settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the value of a setting in canonical form; `None` if there is no such setting.
    pub fn value(&self, key: &str) -> Option<&SettingValue> {
        index_of(key).map(|index| &self.values[index].value)
    }

    /// Returns the origin of a setting's value; `None` if there is no such setting.
    pub fn source(&self, key: &str) -> Option<&SettingSource> {
        index_of(key).map(|index| &self.values[index].source)
    }

    /// Returns the stored changes that cannot be used, as when a newer version wrote them.
    pub fn warnings(&self) -> &[SettingError] {
        &self.warnings
    }

    /// Returns all stored changes, also those that are not used.
    pub fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.layers.stored.values()
    }

    /// Returns all settings for front ends. `running` are the settings with which the daemon started: one that needs a
    /// restart and differs is pending.
    pub fn describe(&self, running: &Settings) -> Vec<Setting> {
        let changed = self.settings.changed_keys(running);
        let describe = |(declaration, value): (&Declaration, &Pin)| Setting {
            key: declaration.key.to_owned(),
            section: declaration.section.to_owned(),
            kind: declaration.kind.to_api(),
            help: declaration.help.to_owned(),
            default: declaration.default_value(),
            value: declaration.kind.shown(&value.value),
            source: value.source.clone(),
            needs_restart: declaration.needs_restart,
            is_pending: declaration.needs_restart && changed.contains(&declaration.key),
        };
        TABLE.iter().zip(&self.values).map(describe).collect()
    }

    /// Returns the values in effect as a configuration file, without secrets.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut section = "";
        for (declaration, value) in TABLE.iter().zip(&self.values) {
            if section != declaration.section {
                out.push_str(&format!("[{}]\n", declaration.section));
                section = declaration.section;
            }
            let value = declaration.kind.shown(&value.value);
            out.push_str(&format!("{} = {}\n", declaration.key, declaration.kind.toml(&value)));
        }
        out
    }

    /// Changes a setting, and returns the row to store.
    ///
    /// # Errors
    /// If there is no such setting, or it cannot have the value. Nothing changes then.
    pub fn change(&mut self, key: &str, value: &SettingValue) -> Result<Stored, SettingError> {
        let rows = self.edit(&[(key.to_owned(), Edit::Set(value.clone()))]).map_err(first)?;
        rows.into_iter().next().ok_or_else(|| no_such_setting(key))
    }

    /// Removes the stored change of a setting. The owner deletes its row.
    ///
    /// # Errors
    /// If there is no such setting, or another one needs it.
    pub fn reset(&mut self, key: &str) -> Result<(), SettingError> {
        self.edit(&[(key.to_owned(), Edit::Reset)]).map(drop).map_err(first)
    }

    /// Changes several settings at once, and returns the rows to store. The owner deletes the rows of reset ones.
    ///
    /// # Errors
    /// All errors. Nothing changes then.
    pub fn edit(&mut self, edits: &[(String, Edit)]) -> Result<Vec<Stored>, Vec<SettingError>> {
        let mut layers = self.layers.clone();
        let mut errors = Errors::default();
        let mut rows = BTreeMap::new();
        for (key, edit) in edits {
            let Some(index) = index_of(key) else {
                // A row of a newer version can be removed.
                if *edit != Edit::Reset || layers.stored.remove(key).is_none() {
                    errors.add(|| no_such_setting(key));
                }
                continue;
            };
            layers.ignored.remove(key);
            match edit {
                Edit::Reset => {
                    layers.stored.remove(key);
                    rows.remove(key);
                }
                Edit::Set(value) => match layers.row(index, &self.unmasked(index, value)) {
                    Ok(row) => {
                        layers.stored.insert(key.clone(), row.clone());
                        rows.insert(key.clone(), row);
                    }
                    Err(problem) => errors.add(|| SettingError { place: Place::None, problem }),
                },
            }
        }
        errors.into_result()?;
        let values = layers.values();
        let settings = layers.settings(&values)?;
        if let Some(problem) = lone(&settings) {
            return Err(vec![SettingError { place: Place::None, problem }]);
        }
        let is_used = |warning: &SettingError| {
            warning.problem.key().is_none_or(|key| !edits.iter().any(|(edited, _)| edited == key))
        };
        self.warnings.retain(is_used);
        (self.layers, self.values, self.settings) = (layers, values, settings);
        Ok(rows.into_values().collect())
    }
}

impl Resolved {
    /// Returns a value that a front end has sent, with the secret that it did not get.
    fn unmasked(&self, index: usize, value: &SettingValue) -> SettingValue {
        let unmasked = TABLE[index].kind.unmasked(value, &self.values[index].value);
        unmasked.unwrap_or_else(|| value.clone())
    }
}

impl Layers {
    /// Checks that a stored change can be used.
    fn usable(&self, row: &Stored) -> Result<(), Problem> {
        let index = index_of(&row.key).ok_or_else(|| unknown_key(&row.key))?;
        self.row(index, &SettingValue::Text(row.value.clone())).map(drop)
    }

    /// Returns true if a stored change would count, and protects what the default might expose.
    fn protects(&self, row: &Stored) -> bool {
        let counts = |index: usize| self.pins[index].is_none() || row.base == self.base(index);
        PROTECTIVE.contains(&row.key.as_str()) && index_of(&row.key).is_some_and(counts)
    }

    /// Returns the row of a change to a value.
    fn row(&self, index: usize, value: &SettingValue) -> Result<Stored, Problem> {
        let declaration = &TABLE[index];
        let checked = declaration.kind.check(value);
        let checked = checked.and_then(|value| match needs_home(declaration, &value, self.home.as_deref()) {
            false => Ok(value),
            true => Err(homeless()),
        });
        let value = checked.map_err(|refusal| {
            let shown =
                if declaration.kind.is_secret() { declaration.kind.quoted("") } else { value_shown(value) };
            refusal.into_problem(declaration.key, shown)
        })?;
        Ok(Stored {
            key: declaration.key.to_owned(),
            value: declaration.kind.text(&value),
            base: self.base(index),
        })
    }

    fn base(&self, index: usize) -> Option<String> {
        self.pins[index].as_ref().map(|pin| TABLE[index].kind.text(&pin.value))
    }

    /// Returns the value in effect for each setting.
    fn values(&self) -> Vec<Pin> {
        let value = |(index, declaration): (usize, &Declaration)| {
            let pin = self.pins[index].as_ref();
            let row = self.stored.get(declaration.key).filter(|row| {
                !self.ignored.contains(&row.key) && (pin.is_none() || row.base == self.base(index))
            });
            let parsed =
                row.and_then(|row| declaration.kind.check(&SettingValue::Text(row.value.clone())).ok());
            match (parsed, pin) {
                (Some(value), _) => Pin { value, source: SettingSource::Changed },
                (None, Some(pin)) => pin.clone(),
                (None, None) => Pin { value: declaration.default_value(), source: SettingSource::Default },
            }
        };
        TABLE.iter().enumerate().map(value).collect()
    }

    fn settings(&self, values: &[Pin]) -> Result<Settings, Vec<SettingError>> {
        let mut errors = Errors::default();
        for (declaration, pin) in TABLE.iter().zip(values) {
            if needs_home(declaration, &pin.value, self.home.as_deref()) {
                errors.add(|| SettingError {
                    place: Place::of(&pin.source),
                    problem: homeless().into_problem(declaration.key, value_shown(&pin.value)),
                });
            }
        }
        errors.into_result()?;
        let typed = values.iter().map(|pin| &pin.value);
        Settings::from_values(typed, self.home.as_deref()).map_err(|key| {
            let why = "it has another type in this version".to_owned();
            let problem = Problem::Value { key: key.to_owned(), value: String::new(), why };
            vec![SettingError { place: Place::None, problem }]
        })
    }
}

/// Returns true if a value is a path below the home folder, which is unknown.
fn needs_home(declaration: &Declaration, value: &SettingValue, home: Option<&Path>) -> bool {
    let is_path = matches!(declaration.kind, Kind::Path { .. });
    home.is_none() && is_path && matches!(value, SettingValue::Text(path) if path.starts_with('~'))
}

fn homeless() -> Refusal {
    Refusal { item: None, why: "the home folder is unknown; give an absolute path".to_owned() }
}

/// Returns the first setting that is set without the one that it needs.
fn lone(settings: &Settings) -> Option<Problem> {
    let (key, missing) = match (settings.tls_certificate.is_some(), settings.tls_key.is_some()) {
        (true, false) => ("tls_certificate", "tls_key"),
        (false, true) => ("tls_key", "tls_certificate"),
        _ => return None,
    };
    Some(Problem::Lone { key: key.to_owned(), missing: missing.to_owned() })
}

fn unknown_key(key: &str) -> Problem {
    let keys = TABLE.iter().map(|declaration| declaration.key);
    Problem::UnknownKey { key: shown(key), nearest: nearest(key, keys).map(str::to_owned) }
}

fn no_such_setting(key: &str) -> SettingError {
    SettingError { place: Place::None, problem: unknown_key(key) }
}

fn first(errors: Vec<SettingError>) -> SettingError {
    let none = || SettingError { place: Place::None, problem: Problem::More { count: 0 } };
    errors.into_iter().next().unwrap_or_else(none)
}
