/**
 * Sections of the settings, in groups: those of the daemon's table, and pages of their own.
 */

/** @import { Setting } from '../../types.js' */

/** @typedef {import('../../ui/icons.js').IconName} IconName */
/** @typedef {{ key: string, icon: IconName }} Section */
/** @typedef {{ key: 'downloads' | 'transfer' | 'daemon' | 'browser', sections: readonly Section[] }} Group */

/** @type {readonly Group[]} */
export const GROUPS = [
  { key: 'downloads', sections: [
    { key: 'folders', icon: 'folder' }, { key: 'new', icon: 'add' }, { key: 'queue', icon: 'queue' },
    { key: 'goals', icon: 'goals' }, { key: 'watch', icon: 'watch' }, { key: 'categories', icon: 'category' },
    { key: 'tags', icon: 'tag' }] },
  { key: 'transfer', sections: [
    { key: 'network', icon: 'globe' }, { key: 'privacy', icon: 'lock' }, { key: 'filter', icon: 'filter' },
    { key: 'limits', icon: 'limits' }, { key: 'schedule', icon: 'calendar' }] },
  { key: 'daemon', sections: [
    { key: 'api', icon: 'lock' }, { key: 'account', icon: 'user' }, { key: 'log', icon: 'log' },
    { key: 'export', icon: 'save' }, { key: 'about', icon: 'info' }] },
  { key: 'browser', sections: [{ key: 'appearance', icon: 'contrast' }] },
];

const KNOWN = new Set(GROUPS.flatMap(({ sections }) => sections.map(({ key }) => key)));

/** Returns the groups, with sections that only a newer daemon has in that of the daemon.
 *  @param {readonly Pick<Setting, 'section'>[]} settings @returns {readonly Group[]} */
export function groupsFor(settings) {
  const others = [...new Set(settings.map(({ section }) => section))].filter((key) => !KNOWN.has(key));
  if (others.length === 0) return GROUPS;
  const added = others.map((key) => /** @type {Section} */ ({ key, icon: 'settings' }));
  return GROUPS.map((group) =>
    (group.key === 'daemon' ? { ...group, sections: [...group.sections, ...added] } : group));
}

/** Returns the section to show: the first one for a name that is none.
 *  @param {readonly Group[]} groups @param {string | null} name */
export const sectionOf = (groups, name) =>
  groups.flatMap(({ sections }) => sections).find(({ key }) => key === name)?.key ?? groups[0].sections[0].key;
