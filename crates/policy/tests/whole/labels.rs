//! Categories and tags over torrents, and the limit groups of categories.

use crate::driver::{Driver, config, key, open_queue};
use ztor_policy::{
    CategoryError, CategoryId, CategorySettings, Effect, Limits, Phase, TagError, TorrentError,
};

fn limited(rate: u64) -> CategorySettings {
    let limits = Limits { down_per_s: Some(rate), up_per_s: None };
    CategorySettings { limits, ..CategorySettings::default() }
}

fn driver() -> (Driver, CategoryId, CategoryId) {
    let mut driver = Driver::new(config(open_queue()));
    let child = driver.policy.create_category("a/b", limited(5)).unwrap();
    let parent = driver.policy.categories().find("a").unwrap();
    driver.add_many(0..2, Phase::Downloading);
    driver.policy.set_category(key(0), Some(child)).unwrap();
    (driver, parent, child)
}

#[test]
fn groups_are_created_from_parent_to_child_before_their_torrents() {
    let (mut driver, parent, child) = driver();
    let effects = driver.settle();
    let limits = |category, parent, limits| Effect::GroupLimits { category, parent, limits };
    let expected = [
        limits(parent, None, Limits::NONE),
        limits(child, Some(parent), limited(5).limits),
        Effect::TorrentGroup { torrent: key(0), category: Some(child) },
    ];
    assert_eq!(effects[1..4], expected);
}

#[test]
fn edit_and_rename_of_a_category_update_its_group() {
    let (mut driver, parent, child) = driver();
    driver.settle();
    driver.policy.edit_category(child, limited(5)).unwrap();
    assert_eq!(driver.settle(), [], "nothing has changed");
    driver.policy.rename_category(child, "top").unwrap();
    driver.policy.rename_category(parent, "top/a").unwrap();
    assert_eq!(driver.settle().len(), 2);
    assert_eq!(driver.groups[&parent].0, Some(child));
}

#[test]
fn remove_of_a_category_leaves_its_torrents_without_one() {
    let (mut driver, parent, _) = driver();
    driver.settle();
    assert!(driver.policy.remove_category(parent) && !driver.policy.remove_category(parent));
    assert_eq!(driver.settle().len(), 3);
    assert_eq!((driver.groups.len(), driver.policy.category(key(0))), (0, None));
}

#[test]
fn category_that_is_removed_before_a_settle_has_no_effects() {
    let (mut driver, parent, child) = driver();
    assert_eq!(driver.policy.torrents_in(child).collect::<Vec<_>>(), [key(0)]);
    driver.policy.remove_category(parent);
    assert!(driver.settle().iter().all(|effect| matches!(effect, Effect::Start(_) | Effect::WholeLimits(_))));
}

#[test]
fn unknown_ids_are_errors() {
    let (mut driver, parent, child) = driver();
    driver.policy.remove_category(parent);
    let policy = &mut driver.policy;
    assert_eq!(policy.set_category(key(0), Some(child)), Err(TorrentError::UnknownCategory));
    assert_eq!(policy.set_category(key(9), None), Err(TorrentError::Unknown));
    assert_eq!(policy.edit_category(child, limited(1)), Err(CategoryError::Unknown));
    assert_eq!(policy.rename_category(child, "x"), Err(CategoryError::Unknown));
    assert_eq!(policy.add_tag(key(9), "x"), Err(TagError::UnknownTorrent));
}

#[test]
fn tags_of_a_removed_torrent_stay_known() {
    let (mut driver, _, _) = driver();
    assert_eq!(driver.policy.add_tag(key(0), "x"), Ok(true));
    driver.policy.create_tag("y").unwrap();
    driver.policy.rename_tag("x", "z").unwrap();
    driver.remove(0);
    assert_eq!(driver.policy.tags().names().collect::<Vec<_>>(), ["y", "z"]);
    assert_eq!(driver.policy.tags().torrents("z").count(), 0);
    assert!(driver.policy.remove_tag("z") && !driver.policy.take_tag(key(1), "z"));
}
