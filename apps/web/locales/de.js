/** Messages in German. */

import core from './de/core.js';
import shell from './de/shell.js';
import table from './de/table.js';
import details from './de/details.js';
import add from './de/add.js';
import settings from './de/settings.js';

export default { ...core, ...shell, ...table, ...details, ...add, ...settings };
