/** Messages in English. */

import core from './en/core.js';
import shell from './en/shell.js';
import table from './en/table.js';
import details from './en/details.js';
import add from './en/add.js';
import settings from './en/settings.js';

export default { ...core, ...shell, ...table, ...details, ...add, ...settings };
