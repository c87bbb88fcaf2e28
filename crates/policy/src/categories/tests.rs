#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::goals::{Goal, Ratio};

fn create(categories: &mut Categories, path: &str) -> CategoryId {
    *categories.create(path, CategorySettings::default()).unwrap().last().unwrap()
}

fn paths(categories: &Categories) -> Vec<String> {
    categories.ids().into_iter().map(|id| categories.path(id).unwrap()).collect()
}

#[test]
fn create_of_a_nested_path_creates_its_parents() {
    let mut categories = Categories::default();
    let created = categories.create("a/b/c", CategorySettings::default()).unwrap();
    assert_eq!(paths(&categories), ["a", "a/b", "a/b/c"]);
    assert_eq!(categories.parent(created[2]), Some(created[1]));
    assert_eq!(categories.find("a/b/c"), Some(created[2]));
    let error = categories.create("a/b", CategorySettings::default()).unwrap_err();
    assert_eq!(error, CategoryError::Exists { path: "a/b".to_owned() });
}

#[test]
fn create_of_a_bad_path_is_an_error_and_creates_nothing() {
    let mut categories = Categories::default();
    let long = "x".repeat(256);
    let deep = ["d"; 17].join("/");
    let cases = [
        ("", CategoryError::EmptyName),
        ("/a", CategoryError::EmptyName),
        ("a/", CategoryError::EmptyName),
        ("a//b", CategoryError::EmptyName),
        ("a/..", CategoryError::Dots { name: "..".to_owned() }),
        ("a/\tb", CategoryError::BadCharacter { char: '\t', at: 2 }),
        ("a\\b", CategoryError::BadCharacter { char: '\\', at: 1 }),
        (&long, CategoryError::NameTooLong { len: 256 }),
        (&deep, CategoryError::TooDeep { depth: 17 }),
    ];
    for (path, error) in cases {
        assert_eq!(categories.create(path, CategorySettings::default()), Err(error), "{path}");
    }
    assert!(categories.is_empty());
    create(&mut categories, &["d"; 16].join("/"));
    assert_eq!(categories.len(), 16);
}

#[test]
fn create_beyond_the_bound_is_an_error() {
    let mut categories = Categories::default();
    for n in 0..MAX_CATEGORIES - 1 {
        create(&mut categories, &n.to_string());
    }
    assert_eq!(categories.create("x/y", CategorySettings::default()), Err(CategoryError::TooMany));
    create(&mut categories, "x");
    assert_eq!(categories.len(), MAX_CATEGORIES);
}

#[test]
fn rename_moves_the_subtree_and_keeps_ids() {
    let mut categories = Categories::default();
    let leaf = create(&mut categories, "a/b/c");
    let middle = categories.find("a/b").unwrap();
    let created = categories.rename(middle, "x/y").unwrap();
    assert_eq!(paths(&categories), ["a", "x", "x/y", "x/y/c"]);
    assert_eq!((categories.find("x/y/c"), created), (Some(leaf), vec![categories.find("x").unwrap()]));
    assert_eq!(categories.rename(middle, "x/y"), Ok(Vec::new()));
}

#[test]
fn rename_to_an_impossible_path_is_an_error_and_changes_nothing() {
    let mut categories = Categories::default();
    create(&mut categories, "a/b/c");
    create(&mut categories, "a2");
    let a = categories.find("a").unwrap();
    let before = paths(&categories);
    let below = "a/b/d".to_owned();
    assert_eq!(categories.rename(a, "a/b/d"), Err(CategoryError::IntoItself { path: below }));
    assert_eq!(categories.rename(a, "a2"), Err(CategoryError::Exists { path: "a2".to_owned() }));
    let deep = ["d"; 15].join("/");
    assert_eq!(categories.rename(a, &deep), Err(CategoryError::TooDeep { depth: 17 }));
    assert_eq!(categories.rename(CategoryId(99), "q"), Err(CategoryError::Unknown));
    assert_eq!(paths(&categories), before);
    assert_eq!(categories.rename(a, "a22"), Ok(Vec::new()), "a longer name is no child");
}

#[test]
fn remove_takes_the_subtree_and_never_uses_ids_again() {
    let mut categories = Categories::default();
    let leaf = create(&mut categories, "a/b");
    let a = categories.find("a").unwrap();
    create(&mut categories, "c");
    assert_eq!(categories.remove(a), [leaf, a]);
    assert_eq!((paths(&categories), categories.remove(a)), (vec!["c".to_owned()], vec![]));
    assert!(create(&mut categories, "a") > leaf);
}

#[test]
fn save_path_without_its_own_is_below_that_of_the_parent() {
    let mut categories = Categories::default();
    let leaf = create(&mut categories, "a/b/c");
    assert_eq!(categories.save_path(leaf), None);
    let settings = CategorySettings { save_path: Some("/data/x".into()), ..CategorySettings::default() };
    let a = categories.find("a").unwrap();
    categories.edit(a, settings).unwrap();
    assert_eq!(categories.save_path(leaf), Some("/data/x/b/c".into()));
    assert_eq!(categories.save_path(a), Some("/data/x".into()));
}

#[test]
fn goals_of_a_category_override_those_of_its_parents() {
    let mut categories = Categories::default();
    let leaf = create(&mut categories, "a/b");
    let a = categories.find("a").unwrap();
    let at =
        |thousandths| Goals { ratio: Goal::At(Ratio::from_thousandths(thousandths)), ..Goals::default() };
    categories.edit(a, CategorySettings { goals: at(1), ..CategorySettings::default() }).unwrap();
    assert_eq!(categories.goals(leaf), at(1));
    categories.edit(leaf, CategorySettings { goals: at(2), ..CategorySettings::default() }).unwrap();
    assert_eq!((categories.goals(leaf), categories.goals(a)), (at(2), at(1)));
}
