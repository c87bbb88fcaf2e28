/** Messages in Spanish. */

import core from './es/core.js';
import shell from './es/shell.js';
import table from './es/table.js';
import details from './es/details.js';
import add from './es/add.js';
import settings from './es/settings.js';

export default { ...core, ...shell, ...table, ...details, ...add, ...settings };
