/** English messages of the whole, which define keys and parameters for the other languages. */

/** @import { Format } from '../../format.js' */

import { plural } from '../plural.js';

const n = plural('en');
/** @typedef {Pick<Format, 'count'>} F */
/** @typedef {{ count: number }} Count */
/** @typedef {{ name: string }} Name */
/** @typedef {{ message: string }} Message */

export default {
  'state.all': 'All',
  'state.active': 'Active',
  'state.downloading': 'Downloading',
  'state.seeding': 'Seeding',
  'state.metadata': 'Fetching metadata',
  'state.checking': 'Checking',
  'state.queued': 'Queued',
  'state.paused': 'Stopped',
  'state.done': 'Goal reached',
  'state.scheduled': 'Stopped by schedule',
  'state.loading': 'Loading',
  'state.error': 'Error',
  'state.unknown': 'Unknown',
  'state.moving': 'Moving files',
  'state.forced': 'Forced',

  'column.name': 'Name',
  'column.state': 'State',
  'column.progress': 'Progress',
  'column.size': 'Size',
  'column.left': 'Remaining',
  'column.down': 'Download rate',
  'column.up': 'Upload rate',
  'column.downloaded': 'Downloaded',
  'column.uploaded': 'Uploaded',
  'column.ratio': 'Ratio',
  'column.eta': 'Time left',
  'column.peers': 'Peers',
  'column.seeds': 'Seeds',
  'column.queue': 'Queue position',
  'column.category': 'Category',
  'column.tags': 'Tags',
  'column.added': 'Added',
  'column.finished': 'Finished',
  'column.tracker': 'Tracker',
  'column.dir': 'Folder',
  'column.id': 'ID',
  'columns.choose': 'Choose columns',
  'columns.reset': 'Reset columns',
  'sort.ascending': (/** @type {Name} */ { name }) => `Sort by ${name}, ascending`,
  'sort.descending': (/** @type {Name} */ { name }) => `Sort by ${name}, descending`,
  'density.label': 'Row height',
  'density.compact': 'Compact',
  'density.normal': 'Normal',
  'density.roomy': 'Roomy',

  'filter.label': 'Filters',
  'filter.state': 'State',
  'filter.category': 'Category',
  'filter.tag': 'Tag',
  'filter.tracker': 'Tracker',
  'filter.no_category': 'No category',
  'filter.no_tag': 'No tags',
  'filter.no_tracker': 'No tracker',
  'filter.clear': 'Clear filters',
  'search.label': 'Search torrents',
  'search.placeholder': 'Search by name',
  'search.clear': 'Clear search',

  'action.add': 'Add torrents',
  'action.start': 'Start',
  'action.force_start': 'Force start',
  'action.stop': 'Stop',
  'action.recheck': 'Check files',
  'action.reannounce': 'Announce now',
  'action.remove': 'Remove\u2026',
  'action.move': 'Move files\u2026',
  'action.rename': 'Rename\u2026',
  'action.limits': 'Set limits\u2026',
  'action.category': 'Set category',
  'action.tags': 'Edit tags',
  'action.queue_top': 'To the top of the queue',
  'action.queue_up': 'Up in the queue',
  'action.queue_down': 'Down in the queue',
  'action.queue_bottom': 'To the bottom of the queue',
  'action.sequential': 'Download in order',
  'action.ends_first': 'Download ends of files first',
  'action.super_seeding': 'Super-seeding',
  'action.retry': 'Try again',
  'action.copy_magnet': 'Copy magnet link',
  'action.copy_hash': 'Copy info-hash',
  'action.copied': 'Copied',
  'action.export': 'Save torrent file',
  'action.select_all': 'Select all',
  'action.clear_selection': 'Clear selection',
  'action.more': 'More actions',
  'action.done': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Done for # torrent', other: 'Done for # torrents' }),
  'action.under_way': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Under way for # torrent', other: 'Under way for # torrents' }),
  'action.failed': (/** @type {Count & Message} */ { count, message }, /** @type {F} */ f) =>
    `${n(count, f, { one: 'Failed for # torrent', other: 'Failed for # torrents' })}: ${message}`,

  'list.label': 'Torrents',
  'list.total': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# torrent', other: '# torrents' }),
  'list.selected': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# selected', other: '# selected' }),
  'list.empty': 'No torrents yet',
  'list.empty_hint': 'Drop torrent files here, paste a magnet link, or choose Add torrents.',
  'list.no_match': 'No torrent matches the filters',
  'list.loading': 'Loading torrents',
  'list.rejected': (/** @type {Message} */ { message }) => `Cannot show the list: ${message}`,

  'connection.connecting': 'Connecting',
  'connection.live': 'Connected',
  'connection.offline': 'No connection to the server',
  'connection.retry_in': (/** @type {{ seconds: number }} */ { seconds }, /** @type {F} */ f) =>
    n(seconds, f, { one: 'Next attempt in # second', other: 'Next attempt in # seconds' }),
  'connection.retry': 'Connect now',
  'connection.stale': 'The list may be out of date.',

  'status.down': 'Download',
  'status.up': 'Upload',
  'status.free': (/** @type {{ size: string }} */ { size }) => `${size} free`,
  'status.peers': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# connection', other: '# connections' }),
  'status.alternative': 'Alternative limits',
  'status.save_error': (/** @type {Message} */ { message }) => `Changes cannot be saved: ${message}`,

  'error.network': 'The server does not respond. Check the connection.',
  'error.protocol': 'The server has sent an answer that cannot be read.',
  'error.unauthorized': 'Log in to continue.',
  'error.unexpected': (/** @type {Message} */ { message }) => `Something went wrong: ${message}`,

  'dialog.cancel': 'Cancel',
  'dialog.close': 'Close',
  'dialog.save': 'Save',

  'add.title': 'Add torrents',
  'add.links': 'Magnet links, info-hashes or URLs, one per line',
  'add.files': 'Torrent files',
  'add.choose_files': 'Choose files',
  'add.drop': 'Drop torrent files here',
  'add.dir': 'Download folder',
  'add.category': 'Category',
  'add.tags': 'Tags',
  'add.start': 'Start at once',
  'add.to_top': 'Put at the top of the queue',
  'add.submit': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Add # torrent', other: 'Add # torrents' }),
  'add.added': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: '# torrent added', other: '# torrents added' }),
  'add.duplicate': (/** @type {Name} */ { name }) => `${name} is in the list already`,
  'add.failed': (/** @type {Name & Message} */ { name, message }) => `Cannot add ${name}: ${message}`,

  'remove.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Remove # torrent?', other: 'Remove # torrents?' }),
  'remove.keep': 'Keep the files',
  'remove.trash': 'Move the files to the trash',
  'remove.delete': 'Delete the files for good',
  'remove.warning': 'Deleted files cannot be restored.',
  'remove.submit': 'Remove',

  'move.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Move the files of # torrent', other: 'Move the files of # torrents' }),
  'move.dir': 'New folder',
  'move.submit': 'Move',

  'rename.title': (/** @type {Name} */ { name }) => `Rename ${name}`,
  'rename.name': 'New name',
  'rename.hint': 'The files keep their names. Leave it empty for the original name.',
  'rename.submit': 'Rename',

  'limits.title': (/** @type {Count} */ { count }, /** @type {F} */ f) =>
    n(count, f, { one: 'Limits of # torrent', other: 'Limits of # torrents' }),
  'limits.down': 'Download limit',
  'limits.up': 'Upload limit',
  'limits.unlimited': 'No limit',
  'limits.hint': 'For example 4 MiB/s or 500k. Leave it empty for no limit.',

  'input.number': 'Enter a number, for example 4 MiB.',
  'input.unit': 'Use a unit such as KiB, MiB or GiB.',
  'input.range': 'This number is too large.',
  'input.zero': 'A limit of 0 would stop all transfers.',
  'input.duration': 'Enter a time such as 90m, 12h or 7d.',
  'input.absolute': 'Enter a path that begins with /.',
  'input.absolute_or_home': 'Enter a path that begins with / or ~/.',

  'login.title': 'Log in to ztor',
  'login.username': 'User name',
  'login.password': 'Password',
  'login.submit': 'Log in',
  'login.failed': 'The user name or the password is wrong.',
  'login.wait': (/** @type {{ seconds: number }} */ { seconds }, /** @type {F} */ f) =>
    n(seconds, f, {
      one: 'Too many failed attempts. Try again in # second.',
      other: 'Too many failed attempts. Try again in # seconds.',
    }),
  'login.out': 'Log out',

  'settings.title': 'Settings',
  'settings.language': 'Language',
  'settings.language_auto': 'As in the browser',
};
