//! Properties of the forms of values, and of arbitrary text.

use proptest::prelude::*;

use super::*;

/// Returns the file without the comment signs before settings.
fn uncommented(toml: &str) -> String {
    let line =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    toml.lines().map(|text| line(text) + "\n").collect()
}

fn any_value() -> impl Strategy<Value = SettingValue> {
    prop_oneof![
        Just(SettingValue::None),
        any::<bool>().prop_map(SettingValue::Bool),
        prop_oneof![0..100_u64, any::<u64>()].prop_map(SettingValue::Count),
        any::<f64>().prop_map(SettingValue::Real),
        (0.0..20_000.0).prop_map(SettingValue::Real),
        any_text().prop_map(SettingValue::Text),
        prop::collection::vec(any_text(), 0..4).prop_map(SettingValue::List),
    ]
}

/// Returns text that some setting accepts, or resembles it.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "[0-9]{1,12}(\\.[0-9]{1,4})? ?(B|k|kB|KiB|MB|MiB|G)?(/s)?",
        "([0-9]{1,3}[dhms]){1,4}",
        "(none|never|unlimited|true|off|json|both|no-subfolder|\\*|info,a=debug)",
        "(/|~/)[a-z \"\\\\é]{0,8}",
        "\\.[a-z!]{1,5}",
        "[0-9]{1,3}\\.0\\.0\\.[0-9](:[0-9]{1,5}|/[0-9]{1,2})?",
        "[a-z]{1,5}\\.[a-zA-Z]{1,5}(:[0-9]{1,4})?",
        "(daily|mon-[a-z]{3}|sat,sun|fri-mon) [0-2][0-9]:[0-5][0-9]-(24:00|0?[0-9]:30) (pause|unlimited|up=[1-9]k|down=[1-9]MiB/s( up=5)?)",
    ]
}

#[test]
fn commented_toml_without_comments_resolves_to_the_defaults() {
    let toml = commented_toml();
    let defaults = sources().resolve().unwrap();
    assert_eq!(of_file(&toml).unwrap().settings(), defaults.settings());
    assert!(toml.lines().all(|line| line.chars().count() <= 110), "{toml}");
    let resolved = of_file(&uncommented(&toml)).unwrap();
    assert_eq!(resolved.settings(), defaults.settings());
    let is_file = |key: &str| matches!(resolved.source(key), Some(SettingSource::File { .. }));
    assert!(TABLE.iter().all(|declaration| is_file(declaration.key)));
    for declaration in TABLE {
        assert!(reference().contains(&format!("### `{}`", declaration.key)));
    }
}

proptest! {
    #[test]
    fn canonical_form_of_a_value_is_its_own(value in any_value()) {
        for Declaration { key, kind, .. } in TABLE {
            let Ok(canonical) = kind.check(&value) else { continue };
            prop_assert_eq!(kind.check(&canonical), Ok(canonical.clone()), "{}", key);
            let text = SettingValue::Text(kind.text(&canonical));
            prop_assert_eq!(kind.check(&text), Ok(canonical.clone()), "{}", key);
        }
    }

    #[test]
    fn changed_settings_survive_storage_and_files(
        changes in prop::collection::vec((0..TABLE.len(), any_value()), 0..40),
    ) {
        let mut resolved = sources().resolve().unwrap();
        for (index, value) in changes {
            let _ = resolved.change(TABLE[index].key, &value);
        }
        let rows: Vec<Stored> = resolved.stored().cloned().collect();
        let stored = sources().stored(rows).resolve().unwrap();
        prop_assert!(stored.warnings().is_empty());
        prop_assert_eq!(stored.settings(), resolved.settings());
        let file = of_file(&resolved.to_toml()).unwrap();
        prop_assert_eq!(file.settings(), resolved.settings());
    }

    #[test]
    fn arbitrary_text_never_panics(
        file in "(\\PC|[\n\"=\\[\\]]){0,200}",
        value in any_text(),
        index in 0..TABLE.len(),
    ) {
        let key = TABLE[index].key;
        let _ = of_file(&file);
        let _ = of_file(&format!("{key} = {value}\n{file}"));
        let variables = [variable(&format!("ZTOR_{}", key.to_uppercase()), &value), variable("ZTOR_É", &file)];
        let _ = sources().environment(variables).resolve();
        let rows = [stored(key, &value, Some(&file)), stored(&file, &value, None)];
        let refused = sources().stored(rows).resolve().err().unwrap_or_default();
        let is_protection = |error: &SettingError| matches!(error.problem, Problem::Protection { .. });
        prop_assert!(refused.iter().all(is_protection), "{refused:?}");
    }
}
