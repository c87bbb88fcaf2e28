/** Messages in Arabic. */

import core from './ar/core.js';
import shell from './ar/shell.js';
import table from './ar/table.js';
import details from './ar/details.js';
import add from './ar/add.js';
import settings from './ar/settings.js';

export default { ...core, ...shell, ...table, ...details, ...add, ...settings };
