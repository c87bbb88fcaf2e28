/** English messages of adding, creating and changing torrents. */

/** @import { Format } from '../../format.js' */

import { plural } from '../plural.js';

const n = plural('en');
/** @typedef {Pick<Format, 'count'>} F */
/** @typedef {{ count: number }} Count */
/** @typedef {{ name: string }} Name */
/** @typedef {{ size: string }} Size */
/** @typedef {{ url: string }} Url */

export default {
  'add.sources': 'Torrents to add',
  'add.drop_hint': 'Or drop files, folders and links anywhere on the page.',
  'add.nothing': 'There is nothing to add. Paste a link, or choose a torrent file.',
  'add.drop_source': (/** @type {Name} */ { name }) => `Leave out ${name}`,
  'add.repeated': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# source was there already', other: '# sources were there already' }),
  'add.cut': 'Only the first 1,000 sources are taken.',
  'add.preview': 'Preview',
  'add.show_preview': 'Show the preview',
  'add.no_preview': 'Without a preview so far',
  'add.waiting_hint': 'The preview has not been fetched yet. The torrent can be added without it.',
  'add.reading': 'Reading the torrent file',
  'add.fetching': 'Fetching metadata from peers',
  'add.fetching_hint': 'This can take a minute. You need not wait: all files are chosen if you add the torrent now.',
  'add.error_hint': 'The torrent can be added all the same, and the daemon keeps trying.',
  'add.adding': 'Being added',
  'add.facts': (/** @type {Count & Size} */ { count, size }, /** @type {F} */ f) =>
    `${size} in ${n(count, f, { one: '# file', other: '# files' })}`,
  'add.pieces': (/** @type {Count & Size} */ { count, size }, /** @type {F} */ f) =>
    `${n(count, f, { one: '# piece', other: '# pieces' })} of ${size}`,
  'add.trackers_of': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# tracker', other: '# trackers' }),
  'add.created': (/** @type {{ date: string }} */ { date }) => `created on ${date}`,
  'add.private': 'Private',
  'add.private_hint': 'Peers of this torrent come from its own trackers only.',
  'add.known': 'In the list',
  'add.twin': (/** @type {Name} */ { name }) => `The same torrent as ${name}: its trackers are added to it`,
  'add.left_out': 'Left out, as it is in the list already',
  'add.merge': 'Add its trackers and the tags to the torrent in the list',
  'add.merge_hint': 'Nothing else changes. Trackers that it has already stay as they are.',
  'add.merge_private': 'The torrent is private: only the tags are added.',
  'add.show': 'Show it in the list',
  'add.submit_merge': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Merge into # torrent', other: 'Merge into # torrents' }),
  'add.merged': (/** @type {Count} */ { count }, /** @type {F} */ f) => n(count, f, {
    one: '# was in the list already; its trackers and tags are merged',
    other: '# were in the list already; their trackers and tags are merged',
  }),
  'add.some_failed': (/** @type {Count} */ { count }, /** @type {F} */ f) => n(count, f, {
    one: '# torrent was not added. The reason is beside it.',
    other: '# torrents were not added. The reasons are beside them.',
  }),

  'unused.label': 'Not usable',
  'unused.text': 'This is not a link, an info-hash or a URL.',
  'unused.page': 'This URL in a text does not look like that of a torrent file. Paste it alone to add it.',
  'unused.scheme': 'Only magnet, http and https links can be used.',
  'unused.local': 'The page cannot read a path. Drop the file, or choose it.',
  'unused.no_hash': 'The magnet link has no BitTorrent info-hash.',
  'unused.bad_hash': 'An info-hash has 40 hexadecimal or 32 base32 digits, or 64 for v2.',
  'unused.bad_url': 'This URL is not complete.',
  'unused.too_long': 'This link is too long.',
  'unused.empty': 'The file is empty.',
  'unused.too_large': 'The file is larger than 64 MiB, or it is a text of more than 4 MiB.',
  'unused.unknown': 'This is not a torrent file.',
  'unused.unreadable': 'The browser cannot read the file.',

  'file_choice.label': 'Files to download',
  'file_choice.filter': 'Filter files',
  'file_choice.all': 'Choose all',
  'file_choice.none': 'Choose none',
  'file_choice.no_match': 'No file matches the filter.',
  'file_choice.chosen': (/** @type {Count & Size & { total: string }} */ { count, total, size }, /** @type {F} */ f) =>
    n(count, f, { one: `# of ${total} files, ${size}`, other: `# of ${total} files, ${size}` }),
  'file_choice.chosen_free': (
    /** @type {Count & Size & { total: string, free: string }} */ { count, total, size, free }, /** @type {F} */ f,
  ) => n(count, f, { other: `# of ${total} files, ${size}; ${free} free on the disk` }),

  'add_options.category_new': 'This category is created.',
  'add_options.category_fault': 'Write names with slashes between them, such as linux/debian.',
  'add_options.more': 'More options',
  'add_options.changed': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# set', other: '# set' }),
  'add_options.name': 'Name in the list',
  'add_options.name_hint': 'Leave it empty for the name of the torrent. Files keep their names.',
  'add_options.trackers': 'More trackers',
  'add_options.trackers_hint': 'Announce URLs, one per line. Private torrents should have only their own.',
  'add_options.overwrite': 'Replace files that are in the way',
  'add_options.overwrite_hint': 'Otherwise the torrent stops with an error if other files have the same names.',

  'path_field.recent': 'used recently',
  'path_field.missing': 'This folder does not exist yet and will be created.',
  'path_field.read_only': 'The daemon cannot write to this folder.',
  'path_field.free': (/** @type {Size} */ { size }) => `${size} free.`,
  'path_field.short': (/** @type {{ needed: string, free: string }} */ { needed, free }) =>
    `There may be too little space: ${needed} are needed, and ${free} are free.`,

  'tag_edit.placeholder': 'Add a tag',
  'tag_edit.remove': (/** @type {Name} */ { name }) => `Remove the tag ${name}`,
  'tag_edit.bad': (/** @type {Name} */ { name }) => `${name} cannot be a tag.`,
  'tag_edit.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Tags of # torrent', other: 'Tags of # torrents' }),
  'tag_edit.find': 'Find or create a tag',
  'tag_edit.find_hint': 'Name, then Enter',
  'tag_edit.new': 'new',
  'tag_edit.some': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'on # of them', other: 'on # of them' }),
  'tag_edit.none': 'There are no tags yet. Write a name to create one.',

  'change.loading': 'Loading',
  'change.more': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'and # more', other: 'and # more' }),
  'change.mixed': 'The torrents differ; this replaces all of their values.',
  'change.mixed_short': 'Different values',

  'remove.files': 'What happens to the files',
  'remove.keep_hint': 'Only the list changes. This can be undone.',
  'remove.keep_many': 'Only the list changes.',
  'remove.trash_hint': 'They go to the trash folder of the settings.',
  'remove.delete_hint': 'Frees the space on the disk.',
  'remove.no_trash': 'To move files to the trash instead, set a trash folder in the settings.',
  'remove.submit_delete': 'Delete files',
  'remove.confirm_title': 'Delete the files for good?',
  'remove.confirm_one': (/** @type {Name & Size} */ { name, size }) =>
    `${name} leaves the list, and its files (${size}) are deleted. They cannot be restored.`,
  'remove.confirm_many': (/** @type {Count & Size} */ { count, size }, /** @type {F} */ f) => n(count, f, {
    one: `# torrent leaves the list, and its files (${size}) are deleted. They cannot be restored.`,
    other: `# torrents leave the list, and their files (${size}) are deleted. They cannot be restored.`,
  }),
  'remove.confirm_all': (/** @type {Count} */ { count }, /** @type {F} */ f) => n(count, f, {
    one: '# torrent leaves the list, and its files are deleted. They cannot be restored.',
    other: '# torrents leave the list, and their files are deleted. They cannot be restored.',
  }),
  'remove.done_keep': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# torrent removed, its files stay', other: '# torrents removed, their files stay' }),
  'remove.done_trash': (/** @type {Count} */ { count }, /** @type {F} */ f) => n(count, f, {
    one: '# torrent removed, its files go to the trash', other: '# torrents removed, their files go to the trash',
  }),
  'remove.done_delete': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# torrent removed with its files', other: '# torrents removed with their files' }),
  'remove.restored': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# torrent is back', other: '# torrents are back' }),
  'remove.restore_failed': (/** @type {Count & { message: string }} */ { count, message }, /** @type {F} */ f) =>
    `${n(count, f, { one: '# torrent could not be brought back', other: '# torrents could not be brought back' })}: ${
      message}`,

  'move.mixed': 'The files are in different folders.',
  'move.hint': 'Files are moved while the torrents go on. The folder is created if it does not exist.',
  'rename.heading': 'Rename the torrent',
  'rename.control': 'A name has no control characters.',
  'rename.too_long': 'This name is too long.',
  'category_edit.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Category of # torrent', other: 'Category of # torrents' }),
  'category_edit.hint': 'Files stay where they are. Leave it empty for no category.',
  'category_edit.manage': 'Manage categories',

  'goal_edit.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Goals of # torrent', other: 'Goals of # torrents' }),
  'goal_edit.legend': 'Goals of seeding',
  'goal_edit.ratio': 'Ratio',
  'goal_edit.seeding_s': 'Time of seeding',
  'goal_edit.idle_s': 'Time without upload',
  'goal_edit.inherit': 'As in the category or the settings',
  'goal_edit.inherit_above': 'As in the category above it or the settings',
  'goal_edit.inherit_settings': 'As in the settings',
  'goal_edit.unlimited': 'No goal',
  'goal_edit.at': 'Reached at',
  'goal_edit.ratio_fault': 'Enter a number, for example 1.5.',
  'goal_edit.action': 'At the first goal that is reached',
  'goal_edit.action_stop': 'Stop the torrent',
  'goal_edit.action_remove': 'Remove the torrent, keep its files',
  'goal_edit.action_remove_with_data': 'Remove the torrent and delete its files',
  'goal_edit.data_lost': 'Files will be deleted without a question when a goal is reached.',
  'goal_edit.mixed': 'The torrents have different goals; these replace all of them.',
  'goal_edit.for_all': 'These goals replace those that the torrents have.',

  'tracker_edit.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Trackers of # torrent', other: 'Trackers of # torrents' }),
  'tracker_edit.urls': 'Announce URLs',
  'tracker_edit.tiers_hint':
    'One per line. An empty line begins a tier, which is asked when those above it do not answer.',
  'tracker_edit.bad': (/** @type {Url} */ { url }) => `${url} is not an announce URL with http, https, udp, ws or wss.`,
  'tracker_edit.add': 'Add to all of them',
  'tracker_edit.present': 'Trackers that they have',
  'tracker_edit.present_hint': 'Change a URL to replace it. Empty it to remove it.',
  'tracker_edit.url': (/** @type {Url} */ { url }) => `Announce URL ${url}`,
  'tracker_edit.on': (/** @type {Count & { total: string }} */ { count, total }, /** @type {F} */ f) =>
    n(count, f, { other: `on # of ${total}` }),
  'tracker_edit.remove': 'Remove this tracker',
  'tracker_edit.is_removed': 'is removed',
  'tracker_edit.is_replaced': 'is replaced',
  'tracker_edit.too_many': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { other: 'Trackers can only be added to # torrents at once. Select fewer to change theirs.' }),
  'tracker_edit.reading': (/** @type {Count & { total: string }} */ { count, total }, /** @type {F} */ f) =>
    n(count, f, { other: `Read # of ${total}` }),

  'peer_add.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Add peers to # torrent', other: 'Add peers to # torrents' }),
  'peer_add.label': 'Addresses of peers',
  'peer_add.hint': 'IP address and port, one per line.',
  'peer_add.bad': (/** @type {{ peer: string }} */ { peer }) => `${peer} is not an IP address with a port.`,
  'peer_add.submit': 'Add peers',

  'create.title': 'Create a torrent',
  'create.submit': 'Create',
  'create.path': 'File or folder on the server',
  'create.path_hint': 'All files of the folder become part of the torrent.',
  'create.format': 'Version',
  'create.hybrid': 'Hybrid, v1 and v2',
  'create.hybrid_hint': 'For every program; those with v2 check each file by itself.',
  'create.v1': 'v1 alone',
  'create.v1_hint': 'For every program, without padding between the files.',
  'create.v2': 'v2 alone',
  'create.v2_hint': 'For recent programs only.',
  'create.trackers': 'Announce URLs of trackers',
  'create.private': 'Make it private',
  'create.private_hint': 'Peers come from the trackers only, without DHT and exchange of peers.',
  'create.seed': 'Add it to the list and seed it',
  'create.seed_hint': 'From the place where the files are.',
  'create.piece_size': 'Size of pieces',
  'create.piece_auto': 'Automatic',
  'create.piece_hint': 'Automatic aims at 2,000 pieces.',
  'create.comment': 'Comment',
  'create.source': 'Source',
  'create.source_hint': 'Name of the site, if the site asks for it. It changes the info-hash.',
  'create.web_seeds': 'Web seeds',
  'create.web_seeds_hint': 'URLs under which the same files are, one per line.',
  'create.web_seed_fault': (/** @type {Url} */ { url }) => `${url} is not a URL with http or https.`,
  'create.ignore': 'Files to leave out',
  'create.ignore_hint': 'Patterns such as *.tmp, one per line.',
  'create.hidden': 'Include hidden files',
  'create.jobs': 'Created here',
  'create.none': 'Nothing created yet',
  'create.none_hint': 'Choose a file or folder. It is hashed on the server, and its progress is shown here.',
  'create.hashing': (/** @type {Size & { part: string }} */ { part, size }) => `${part} of ${size} hashed`,
  'create.done': 'Created',
  'create.done_added': 'Created and added to the list',
  'create.download': 'Save the torrent file',
  'create.forget': 'Take it off this list',

  'handlers.title': 'Open links and files with ztor',
  'handlers.magnet': 'Magnet links',
  'handlers.magnet_hint': 'A click on a magnet link on any page opens the dialog to add it.',
  'handlers.magnet_do': 'Use ztor for magnet links',
  'handlers.magnet_asked': 'The browser asks you to allow it. You can undo it in the settings of the browser.',
  'handlers.magnet_missing': 'This browser has no handlers for magnet links. Install the app instead.',
  'handlers.files': 'Torrent files and the app',
  'handlers.files_hint': 'The installed app has a window of its own, and the system opens torrent files with it.',
  'handlers.install_do': 'Install the app',
  'handlers.install_menu': 'To install the app, look in the menu of the browser for "Install" or "Add to home screen".',
  'handlers.installed': 'The app is installed. Choose it for torrent files in the settings of the system.',
  'handlers.insecure': 'Not possible at this address.',
  'handlers.insecure_hint': 'Browsers allow this only for pages over HTTPS or from localhost. Put ztor behind a proxy '
    + 'with HTTPS, or use a tunnel such as ssh -L.',
};
