/** Arabic messages that the page needs at first. */

import core from './ar/core.js';
import shell from './ar/shell.js';
import table from './ar/table.js';

export default { ...core, ...shell, ...table };
